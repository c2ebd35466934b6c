"""Data that may be missing when it is read, and values that do not fit although their types do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from compiler.check.survey import Survey, bindings_of, outputs
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.models.parts import Parameter
from compiler.models.values import conform
from compiler.program import GatheredFiles, Origin, ResolvedDag, ResolvedTask, refs_of
from compiler.refs import Ref

_PACKED: Final = {"directory": "tar", "archive": "zip"}


def check(survey: Survey) -> Iterable[Diagnostic]:
    for dag in survey.dags:
        yield from _gathered(dag)
        yield from _defaults(dag)
        shaky = {
            task.name: task
            for task in dag.all_tasks
            if task.foreach is None and (task.when is not None or _goes_on(task))  # of a loop there is a list, if empty
        }
        if shaky:
            yield from _missing(dag, shaky)


def _missing(dag: ResolvedDag, shaky: dict[str, ResolvedTask]) -> Iterator[Diagnostic]:
    """Outputs that are read of tasks that may be skipped or may fail."""
    for task, name, binding in bindings_of(dag):
        given = task.model.inputs.get(name)
        for ref in refs_of(binding) if given is None or not given.optional else ():
            yield from _finding(shaky, ref, task, task.origin.at("with", name))
    for task in dag.all_tasks:
        if task.foreach and task.foreach.ref:
            yield from _finding(shaky, task.foreach.ref, task, task.origin.at("foreach"))
    for name, ref in dag.results.items():
        if ref.name in shaky and shaky[ref.name].when is not None:
            message = f"result '{name}' is missing when task '{ref.name}' is skipped"
            yield diagnostic("A314", dag.origin.at("results", name), message, hint=_way_out(ref))


def _finding(shaky: dict[str, ResolvedTask], ref: Ref, reader: ResolvedTask, origin: Origin) -> Iterator[Diagnostic]:
    producer = shaky.get(ref.name) if ref.kind == "tasks" else None
    output = outputs(producer).get(ref.output) if producer else None
    if producer is None or (output is not None and output.default is not None):
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


def _gathered(dag: ResolvedDag) -> Iterator[Diagnostic]:
    """Directories of a loop's items: Argo loads a key prefix as it lies in the store, packed."""
    tasks = {task.name: task for task in dag.tasks if task.foreach is not None}
    for task, name, binding in bindings_of(dag) if tasks else ():
        if isinstance(binding, GatheredFiles) and binding.ref.name in tasks:
            output = outputs(tasks[binding.ref.name]).get(binding.ref.output)
            packed = _PACKED.get(output.kind) if output else None
            if output and packed:
                message = f"the {output.kind} of each item arrives as a {packed} file of its own"
                hint = "write one file an item (`kind: file`), or unpack them in the task that reads them"
                yield diagnostic("A324", task.origin.at("with", name), message, hint=hint)


def _defaults(dag: ResolvedDag) -> Iterator[Diagnostic]:
    """Defaults of the DAG's parameters that a parameter they are given to refuses."""
    seen: set[tuple[str, int]] = set()
    for task, name, binding in bindings_of(dag) if dag.model.parameters else ():
        if isinstance(binding, Ref) and binding.kind == "params":
            wanted = task.model.parameters.get(name)
            key = (binding.name, id(wanted))
            fault = None if key in seen else _fault(dag.model.parameters.get(binding.name), wanted)
            seen.add(key)
            if fault:
                message = f"the default of '{binding.name}' is refused by parameter '{name}': {fault}"
                yield diagnostic("A319", task.origin.at("with", name), message)


def _fault(given: Parameter | None, wanted: Parameter | None) -> str | None:
    """Why a parameter refuses the default of another, of the same type."""
    if given is None or wanted is None or given.required:
        return None
    return conform(wanted, given.default) if given.type == wanted.type != "enum" else None
