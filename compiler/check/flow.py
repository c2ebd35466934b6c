"""Data that may be missing when it is read, and values that do not fit although their types do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.check.survey import Survey, all_tasks, outputs, refs_of
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models.parts import Input, Parameter
from compiler.models.values import conform
from compiler.program import Definition, GatheredFiles, Origin, ResolvedDag, ResolvedTask
from compiler.refs import Ref


def check(survey: Survey) -> Iterable[Diagnostic]:
    for dag in survey.dags:
        yield from _gathered(dag)
        yield from _defaults(dag)
        shaky = {
            task.name: task
            for task in all_tasks(dag)
            if task.foreach is None and (task.when is not None or _goes_on(task))  # of a loop there is a list, if empty
        }
        if shaky:
            yield from _missing(dag, shaky)


def _missing(dag: ResolvedDag, shaky: dict[str, ResolvedTask]) -> Iterator[Diagnostic]:
    """Outputs that are read of tasks that may be skipped or may fail."""
    for task in all_tasks(dag):
        for name, binding in task.bindings.items():
            for ref in refs_of(binding):
                if ref.kind == "tasks" and ref.name in shaky:
                    reader = None if _optional(task, name) else task
                    yield from _finding(shaky[ref.name], ref, reader, task.origin.at("with", name))
        if task.foreach and task.foreach.ref and task.foreach.ref.name in shaky:
            ref = task.foreach.ref
            yield from _finding(shaky[ref.name], ref, task, task.origin.at("foreach"))
    for name, ref in dag.results.items():
        if ref.name in shaky and shaky[ref.name].when is not None:
            message = f"result '{name}' is missing when task '{ref.name}' is skipped"
            yield diagnostic("A314", dag.origin.at("results", name), message, hint=_way_out(ref))


def _finding(producer: ResolvedTask, ref: Ref, reader: ResolvedTask | None, origin: Origin) -> Iterator[Diagnostic]:
    output = outputs(producer).get(ref.output)
    if reader is None or (output is not None and output.default is not None):
        return
    if producer.when is not None and producer.when != reader.when:
        message = f"task '{producer.name}' may be skipped, then '{ref.output}' is missing"
        yield diagnostic("A314", origin, message, hint=_way_out(ref))
    if _goes_on(producer):
        message = f"task '{producer.name}' may fail and the DAG goes on, then '{ref.output}' is missing"
        yield diagnostic("A320", origin, message, hint=_way_out(ref))


def _way_out(ref: Ref) -> str:
    return (
        f"give output '{ref.output}' a default (a value), make the input that takes it optional, or repeat the `when`"
    )


def _goes_on(task: ResolvedTask) -> bool:
    going_on = task.task.continue_on
    return going_on is not None and (going_on.failed or going_on.error)


def _ports(task: ResolvedTask) -> tuple[dict[str, Parameter], dict[str, Input]]:
    target = task.target
    if isinstance(target, Definition | ResolvedDag):
        return target.model.parameters, target.model.inputs
    return task.task.parameters, task.task.inputs


def _optional(task: ResolvedTask, name: str) -> bool:
    given = _ports(task)[1].get(name)
    return given is not None and given.optional


def _gathered(dag: ResolvedDag) -> Iterator[Diagnostic]:
    """Directories of a loop's items: Argo loads a key prefix as it lies in the store, packed."""
    tasks = {task.name: task for task in dag.tasks if task.foreach is not None}
    if not tasks:
        return
    for task in all_tasks(dag):
        for name, binding in task.bindings.items():
            if isinstance(binding, GatheredFiles) and binding.ref.name in tasks:
                output = outputs(tasks[binding.ref.name]).get(binding.ref.output)
                if output is not None and output.kind in ("directory", "archive"):
                    packed = "tar" if output.kind == "directory" else "zip"
                    message = f"the {output.kind} of each item arrives as a {packed} file of its own"
                    hint = "write one file an item (`kind: file`), or unpack them in the task that reads them"
                    yield diagnostic("A324", task.origin.at("with", name), message, hint=hint)


def _defaults(dag: ResolvedDag) -> Iterator[Diagnostic]:
    """Defaults of the DAG's parameters that a parameter they are given to refuses."""
    defaults = {name: model.default for name, model in dag.model.parameters.items() if not model.required}
    if not defaults:
        return
    seen: set[tuple[str, int]] = set()
    for task in all_tasks(dag):
        for name, binding in task.bindings.items():
            if not isinstance(binding, Ref) or binding.kind != "params" or binding.name not in defaults:
                continue
            parameter = _ports(task)[0].get(name)
            if parameter is None or (binding.name, id(parameter)) in seen:
                continue
            seen.add((binding.name, id(parameter)))
            if parameter.type == "enum" or dag.model.parameters[binding.name].type != parameter.type:
                continue
            fault = conform(parameter, defaults[binding.name])
            if fault:
                message = f"the default of '{binding.name}' is refused by parameter '{name}': {fault}"
                yield diagnostic("A319", task.origin.at("with", name), message)
