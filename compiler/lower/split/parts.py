"""Lowers the tasks of one of the Workflows that a DAG is split into: the DAG's own (the parent), or a child.

What a task reads of another that runs elsewhere comes by its key, or as a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from compiler import plan
from compiler.lower import conditions, names
from compiler.lower.arguments import Arguments
from compiler.lower.dags import Lowering
from compiler.lower.library import Callee, TemplateSet
from compiler.lower.outputs import Outputs
from compiler.lower.text import Variable, tag
from compiler.program import ResolvedDag, ResolvedTask
from compiler.refs import Ref

_ARCHIVES: Final[dict[str, plan.Archive]] = {"file": "none", "directory": "tar", "archive": "zip"}


class Shared(NamedTuple):
    """Facts for all workflows of a split DAG: each part's task in the parent by the tasks in it, all tasks' outputs,
    and which values of a part are read outside of it (grows)."""

    homes: Mapping[str, str]
    outputs: Outputs
    exports: dict[str, dict[tuple[str, str], None]]

    def home(self, task: str) -> str:
        return self.homes.get(task, "")


def exported(task: str, output: str) -> str:
    """The parameter that has a task's value outside of the child that it runs in."""
    return f"output__{task}__{output}"


class _Arguments(Arguments):
    """The arguments of tasks in one of a DAG's workflows. `params`, `artifacts` (of the DAG) and `values` (of tasks
    elsewhere) grow: what its entry template has to take."""

    def __init__(self, library: TemplateSet, dag: ResolvedDag, shared: Shared, part: str) -> None:
        super().__init__(library, dag, shared.outputs, False, frozenset(), shared.outputs.gated)
        self._shared = shared
        self._part = part
        self.params: dict[str, None] = {}
        self.artifacts: dict[str, None] = {}
        self.values: dict[tuple[str, str], None] = {}

    def resolve(self, ref: Ref) -> Variable:
        if ref.kind == "tasks":
            home = self._shared.home(ref.name)
            if home != self._part and self._outputs.find(ref.name, ref.output).kind == "value":
                return self._value_from(home, ref)
        variable = super().resolve(ref)
        if ref.kind == "params":
            self.params[ref.name] = None
        elif ref.kind == "inputs":
            is_env = self._dag.model.inputs[ref.name].kind == "env"
            (self.params if is_env else self.artifacts)[names.env_input(ref.name) if is_env else ref.name] = None
        return variable

    def _value_from(self, home: str, ref: Ref) -> Variable:
        if home:
            self._shared.exports[home][ref.name, ref.output] = None
        if self._part:
            self.values[ref.name, ref.output] = None
            return ("inputs", "parameters", exported(ref.name, ref.output))
        return ("tasks", home, "outputs", "parameters", exported(ref.name, ref.output))

    def _artifact(self, task: ResolvedTask, wanted: plan.InputArtifact) -> plan.ArtifactArgument | None:
        binding = task.bindings.get(wanted.name)
        if isinstance(binding, Ref) and binding.kind == "tasks" and self._shared.home(binding.name) != self._part:
            source = self._outputs.find(binding.name, binding.output)
            location = plan.Location(f"{self._library.prefix}/{source.key}")
            return plan.ArtifactArgument(wanted.name, "", location, _ARCHIVES[source.kind], wanted.optional)
        return super()._artifact(task, wanted)


class Part(Lowering):
    """Lowers the tasks of one of a DAG's workflows."""

    def __init__(
        self, library: TemplateSet, dag: ResolvedDag, shared: Shared, part: str, tasks: tuple[ResolvedTask, ...]
    ) -> None:
        super().__init__(library, dag, part=(tasks, shared.outputs))
        self.library = library
        self.part = part
        self.arguments = self._arguments = _Arguments(library, dag, shared, part)
        self._shared = shared
        if part:
            self._gates = {}  # the parent starts the child only when they have approved
        self.tasks = tasks
        self.name = library.names.new(dag.name)
        self.lowered: tuple[plan.DagTask, ...] = ()
        self.nodes = 1

    def lower_tasks(self) -> None:
        lowered = []
        for task in self.tasks:
            made, count = self._task(task)
            lowered.append(made)
            self.nodes += count
        self.lowered = tuple(lowered)

    def taken(self) -> tuple[str, ...]:
        """The parameters that a child's entry template takes."""
        return (*self.forwarded(), *(exported(*value) for value in self.arguments.values))

    def forwarded(self) -> tuple[str, ...]:
        """Those of them that are the parent's own."""
        return (*self.arguments.params, *self.arguments.needed)

    def entry(self) -> Callee:
        """A child's entry template. Argo exports what tasks give (workflow/controller/dag.go: executeDAG), not what the
        entry gives itself, so that values take a DAG around the DAG."""
        interface = self._inner()
        dag = self.library.add_dag(self.name, plan.DagTemplate(interface, self.lowered), self.nodes)
        if not interface.output_parameters:
            return dag
        taken = (entry.name for entry in interface.parameters)
        parameters = tuple(plan.Argument(name, tag(("inputs", "parameters", name))) for name in taken)
        artifacts = tuple(
            plan.ArtifactArgument(name, tag(("inputs", "artifacts", name)), optional=optional)
            for name, _, optional in interface.artifacts
        )
        task = plan.DagTask(self._dag.name, dag.name, parameters=parameters, artifacts=artifacts)
        around = plan.DagTemplate(plan.Interface(interface.parameters, interface.artifacts), (task,))
        return self.library.add_dag(self.library.names.new(f"{self._dag.name}-exported"), around, dag.nodes + 1)

    def _inner(self) -> plan.Interface:
        """Return the interface of the DAG inside of a child workflow."""
        inputs = self._dag.model.inputs
        outputs = []
        for task, output in self._shared.exports[self.part]:
            default = self._outputs.default(task, output)
            reference = tag(("tasks", task, "outputs", "parameters", output))
            name = exported(task, output)
            outputs.append(plan.OutputParameter(name, reference=reference, default=default, exported=True))
        return plan.Interface(
            tuple(plan.Parameter(name) for name in self.taken()),
            tuple(plan.InputArtifact(name, "", inputs[name].optional) for name in self.arguments.artifacts),
            tuple(outputs),
        )

    def outer(self) -> plan.Interface:
        """Return the parent's entry template's interface, without files of children: those are found by their keys."""
        interface = self._interface()
        results = self._dag.results
        kept = [a for a in interface.output_artifacts if results[a.name].name not in self._shared.homes]
        return interface._replace(output_artifacts=tuple(kept))

    def _value(self, result: str) -> plan.OutputParameter:
        ref = self._dag.results[result]
        value = super()._value(result)
        return value._replace(reference=tag(self.arguments.resolve(ref))) if self._shared.home(ref.name) else value

    def _order(self, task: ResolvedTask) -> tuple[str, tuple[str, ...]]:
        if not conditions.is_plain(task.needs):
            return conditions.depends(task.needs, self._here(task.data), self._ends), ()
        return self._after(self._here((*conditions.named(task.needs), *task.data)))

    def after(self, child: Part) -> tuple[str, tuple[str, ...]]:
        """Make the dependencies of a child's task: all that its tasks wait for outside of the child."""
        waited = (
            name
            for task in child.tasks
            for name in (*conditions.named(task.needs), *task.data)
            if self._shared.home(name) != child.part and conditions.is_plain(task.needs)
        )
        return self._after(self._here(tuple(waited)))

    def _after(self, waited: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return ("", waited) if self._listed else (" && ".join(map(self._ends, waited)), ())

    def _here(self, waited: tuple[str, ...]) -> tuple[str, ...]:
        """The tasks of this workflow to wait for; a child leaves it to its parent to wait for others."""
        homes = (self._shared.home(name) for name in waited)
        if self.part:
            return tuple(dict.fromkeys(n for n, home in zip(waited, homes, strict=True) if home == self.part))
        return tuple(dict.fromkeys(home or n for n, home in zip(waited, homes, strict=True)))
