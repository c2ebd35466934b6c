"""Lowers a DAG to a DAG template: its tasks with what they use, wait for and give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from compiler import plan
from compiler.diagnostics import diagnostic
from compiler.lower import conditions, gates, names
from compiler.lower.arguments import Arguments, definition_of
from compiler.lower.library import Callee, TemplateSet
from compiler.lower.loops import is_number, lower_loop
from compiler.lower.outputs import Outputs, Source
from compiler.lower.pods import Use, retry_of
from compiler.lower.text import default, expression
from compiler.program import Definition, ResolvedDag, ResolvedTask
from compiler.refs import Ref

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Task

_OVERRIDES: Final = frozenset({"timeout", "retry", "resources", "cache", "placement"})


def lower_dag(
    library: TemplateSet,
    dag: ResolvedDag,
    looped: bool,
    maybe: frozenset[str],
    *,
    closing: bool = False,
    name: str = "",
) -> Callee:
    """The template of a DAG (or, `closing`, of what it runs at the end). `maybe`: its inputs that may be empty."""
    key = (id(dag), looped, maybe)
    known = None if closing else library.dags.get(key)
    if known is None:
        known = Lowering(library, dag, looped, maybe, closing).lower(name or dag.name)
        if not closing:
            library.dags[key] = known
    return known


class Lowering:
    """Lowers the tasks of one DAG."""

    def __init__(
        self,
        library: TemplateSet,
        dag: ResolvedDag,
        looped: bool = False,
        maybe: frozenset[str] = frozenset(),
        closing: bool = False,
        part: tuple[tuple[ResolvedTask, ...], Outputs] | None = None,
    ) -> None:
        """`part`: some of the DAG's tasks, and the outputs of all."""
        self._library = library
        self._dag = dag
        self._looped = looped
        self._closing = closing
        self._entry = dag.name == library.entry
        self._tasks = part[0] if part else dag.finally_ if closing else dag.tasks
        self._outputs = part[1] if part else Outputs(self._tasks)
        self._gates = self._outputs.gated
        self._arguments = Arguments(library, dag, self._outputs, looped, maybe, self._gates)
        self._conditions = conditions.Conditions(lambda ref: expression(self._arguments.resolve(ref)), self._type)
        self._continues = {task.name: task.task.continue_on for task in self._tasks if task.task.continue_on}
        plain = all(conditions.is_plain(task.needs) for task in self._tasks)
        self._listed = bool(self._continues) and plain
        self._uses: dict[tuple[object, ...], Callee] = {}
        self._current: ResolvedTask | None = None
        self._files = tuple((name, file.path) for name, file in dag.model.files.items())

    def lower(self, name: str) -> Callee:
        # The name is taken first, so that the entry template is called as its DAG.
        template_name = self._library.names.new(name)
        nodes = 1
        tasks = []
        for task in self._tasks:
            lowered, count = self._task(task)
            tasks.append(lowered)
            nodes += count
        self._check_continues()
        limits = None if self._entry else self._dag.model.limits
        body = plan.DagTemplate(self._interface(), tuple(tasks), limits.parallelism if limits else None)
        return self._library.add_dag(template_name, body, nodes)

    def _task(self, task: ResolvedTask) -> tuple[plan.DagTask, int]:
        callee = self._callee(task)
        gate = self._gates.get(task.name, "")
        loop = None
        count = callee.nodes
        if task.foreach is not None:
            loop = self._loop(task)
            count = 1 + callee.nodes * (len(loop.items) if loop.items else 1)
        self._current = task
        when = self._conditions.when(task.when) if task.when else ""
        if gate:
            when = f"({gate}) && ({when})" if when else gate
        depends, dependencies = self._order(task)
        parameters, artifacts = self._arguments.of(task, callee.interface)
        continues = self._continues.get(task.name) if self._listed else None
        lowered = plan.DagTask(
            task.name,
            callee.name,
            depends,
            dependencies,
            "{{=" + when + "}}" if when else "",
            loop,
            parameters,
            artifacts,
            bool(continues and continues.failed),
            bool(continues and continues.error),
        )
        return lowered, count

    def _callee(self, task: ResolvedTask) -> Callee:
        target = task.target
        if gates.is_gate(task):
            assert task.task.pause is not None
            return self._library.gate(task.name, task.task.pause)
        looped = self._looped or task.foreach is not None
        if isinstance(target, ResolvedDag):
            return self._nested(task, lower_dag(self._library, target, looped, self._arguments.maybe(task)))
        overrides = task.task.model_fields_set & _OVERRIDES if isinstance(target, Definition) else set()
        files = tuple((n, f.path) for n, f in self._dag.model.files.items() if not f.tasks or task.name in f.tasks)
        given, maybe = frozenset(task.model.inputs.keys() & task.bindings.keys()), self._arguments.maybe(task)
        key = (id(target), looped, given, maybe, files)
        callee = None if overrides else self._uses.get(key)
        if callee is None:
            self._check_cache(task)
            model = _overridden(task.model, task.task, overrides)
            name = target.model.name if isinstance(target, Definition) else task.name
            callee = self._library.pod(Use(model, name, looped, given, maybe, files, self._files))
        if not overrides:
            self._uses[key] = callee
        return callee

    def _check_cache(self, task: ResolvedTask) -> None:
        cache, inputs = task.model.cache, task.model.inputs.values()
        if cache and not cache.key and any(given.kind != "env" for given in inputs):
            message = "the result is reused whenever the parameters are the same, whatever is in the input files"
            hint = "give `cache` a `key` with a parameter that tells the content, such as a digest or a version"
            self._library.diagnostics.append(diagnostic("A456", definition_of(task).at("cache"), message, hint=hint))

    def _nested(self, task: ResolvedTask, callee: Callee) -> Callee:
        """A nested DAG under a task's own retry is a template of its own. (Argo has no timeout of a DAG's template.)"""
        own = task.task
        if isinstance(task.target, ResolvedDag) and task.target.finally_:
            message = f"DAG '{task.target.name}' has `finally`, which runs only when it is a run of its own"
            hint = "put what runs at the end into the outer DAG's `finally`"
            self._library.diagnostics.append(diagnostic("A455", task.origin.at("dag"), message, hint=hint))
        retry = retry_of(own.retry)
        return self._library.variant(callee, retry) if retry is not None else callee

    def _loop(self, task: ResolvedTask) -> plan.Loop:
        foreach = task.foreach
        assert foreach is not None
        listed = expression(self._arguments.resolve(foreach.ref)) if foreach.ref else ""
        if foreach.ref is not None:
            self._library.open_loops += 1
        return lower_loop(task, foreach, listed)

    def _order(self, task: ResolvedTask) -> tuple[str, tuple[str, ...]]:
        """`depends`, or `dependencies` where that is enough and `continueOn` (which goes with nothing else) is used."""
        if self._listed:
            return "", tuple(dict.fromkeys((*conditions.named(task.needs), *task.data)))
        if task.needs is None and not self._continues:
            return " && ".join(task.data), ()
        return conditions.depends(task.needs, task.data, self._ends), ()

    def _ends(self, name: str) -> str:
        continues = self._continues.get(name)
        if continues is None or not (continues.failed or continues.error):
            return name
        ways = ["Succeeded", "Skipped", "Daemoned"]
        ways += ["Failed"] * continues.failed + ["Errored"] * continues.error
        return "(" + " || ".join(f"{name}.{way}" for way in ways) + ")"

    def _check_continues(self) -> None:
        """Argo refuses continueOn beside `depends`, so that a last task's cannot be said there."""
        if self._listed or not self._continues:
            return
        waited = {name for task in self._tasks for name in (*task.data, *conditions.named(task.needs))}
        for task in self._tasks:
            if task.name in self._continues and task.name not in waited:
                message = "continueOn of a last task cannot stand in a DAG whose `needs` have conditions"
                hint = "let another task wait for it, or take the conditions out of `needs`"
                self._library.diagnostics.append(diagnostic("A454", task.origin.at("continueOn"), message, hint=hint))

    def _interface(self) -> plan.Interface:
        model = self._dag.model
        # The entry's values are the workflow's arguments, so that it has no defaults of its own.
        parameters = [plan.Parameter(n, None if self._entry else default(p)) for n, p in model.parameters.items()]
        envs = [name for name, given in model.inputs.items() if given.kind == "env"]
        parameters += map(plan.Parameter, (*map(names.env_input, envs), *self._arguments.needed))
        artifacts = [
            plan.InputArtifact(name, "", given.optional or name in self._arguments.empty)
            for name, given in model.inputs.items()
            if name not in envs
        ]
        values, stored = self._results()
        return plan.Interface(tuple(parameters), tuple(artifacts), tuple(values), tuple(stored))

    def _results(self) -> tuple[list[plan.OutputParameter], list[plan.OutputArtifact]]:
        results = {} if self._closing else {name: self._source(name) for name in self._dag.model.results}
        values = [self._value(name) for name, source in results.items() if source.kind == "value"]
        if not (self._entry or self._closing) and (approved := gates.approved(self._tasks)):
            reference = f"{approved} ? 'true' : 'false'"
            values.append(plan.OutputParameter(names.APPROVED, reference=reference, default="false"))
        stored = [name for name, source in results.items() if not (source.kind == "value" or source.many)]
        return values, list(map(self._artifact, stored))

    def _source(self, result: str) -> Source:
        ref = self._dag.results[result]
        return self._outputs.find(ref.name, ref.output)

    def _value(self, result: str) -> plan.OutputParameter:
        ref = self._dag.results[result]
        default = self._outputs.default(ref.name, ref.output)
        reference = f"{{{{tasks.{ref.name}.outputs.parameters.{ref.output}}}}}"
        return plan.OutputParameter(result, reference=reference, default=default)

    def _artifact(self, result: str) -> plan.OutputArtifact:
        ref = self._dag.results[result]
        optional = self._source(result).optional or self._outputs.skippable(ref.name)
        return plan.OutputArtifact(
            result, source=f"{{{{tasks.{ref.name}.outputs.artifacts.{ref.output}}}}}", optional=optional
        )

    def _type(self, ref: Ref) -> str:
        if ref.kind == "params":
            return self._dag.model.parameters[ref.name].type
        if ref.kind == "tasks":
            source = self._outputs.find(ref.name, ref.output)
            return "json" if source.many else source.type
        if ref.kind == "item" and self._current and is_number(self._current, ref.name):
            return "number"
        return ""


def _overridden(model: ComputeAsset | Task, task: Task, fields: set[str]) -> ComputeAsset | Task:
    """An asset as a task changes it: resources one by one, all else as a whole."""
    if not fields:
        return model
    changes = {field: getattr(task, field) for field in sorted(fields)}
    own, inherited = changes.get("resources"), model.resources
    if own is not None and inherited is not None:
        changes["resources"] = inherited.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
    return model.model_copy(update=changes)
