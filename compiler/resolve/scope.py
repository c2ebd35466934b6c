"""Finds what references in a DAG mean, and their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from compiler.diagnostics import did_you_mean
from compiler.models import Dag, Task
from compiler.program import Definition, Origin
from compiler.refs import Ref
from compiler.resolve.context import Context
from compiler.resolve.targets import Target
from compiler.resolve.types import ENV, STRING, UNKNOWN, Items, Type, looped, of_input, of_parameter
from compiler.source import Path


class Site:
    """Where references are read: a task (or the results), what `item` is there, and the tasks read so far."""

    __slots__ = ("closing", "data", "item", "origin", "task")

    def __init__(self, task: str, origin: Origin, closing: bool = False) -> None:
        self.task = task
        self.origin = origin
        self.closing = closing
        self.item: Items | None = None
        self.data: dict[str, None] = {}


class Fault(NamedTuple):
    """Why a reference has no meaning where it stands."""

    code: str
    message: str
    hint: str | None = None


RESULTS: Final = ""  # the `task` of a site that is not in a task


class Scope:
    """The names that the tasks of one DAG can refer to.

    `targets` holds what each task runs, by the task's name; None where that is not known (and reported).
    """

    def __init__(self, context: Context, dag: Definition[Dag], targets: Mapping[str, Target | None]) -> None:
        self._context = context
        self._model = dag.model
        self._targets = targets
        self._parameters = {name: of_parameter(parameter) for name, parameter in dag.model.parameters.items()}
        self._inputs = {name: of_input(given) for name, given in dag.model.inputs.items()}
        self._outputs: dict[tuple[str, str], Type] = {}

    def type_of(self, ref: Ref, site: Site, path: Path) -> Type:
        """The type of a reference at a site; a mistake is reported at `path` below the site and gives UNKNOWN."""
        if ref.kind == "tasks":
            found = self._outputs.get((ref.name, ref.output))
            if (
                found is None
                or ref.name == site.task
                or ref.attribute
                or site.closing != (ref.name in self._model.finally_)
            ):
                return self._report(self._task_output(ref, site), ref, site, path)
            site.data[ref.name] = None
            return found
        return self._report(self._plain(ref, site), ref, site, path)

    def _report(self, found: Type | Fault, ref: Ref, site: Site, path: Path) -> Type:
        if isinstance(found, Type):
            return found
        origin = site.origin.at(*path)
        self._context.add(found.code, origin, found.message, hint=found.hint, within=(ref.start, ref.end))
        return UNKNOWN

    def _plain(self, ref: Ref, site: Site) -> Type | Fault:
        match ref.kind:
            case "params":
                return self._parameters.get(ref.name) or _unknown("parameter", ref.name, self._parameters)
            case "inputs":
                return self._input(ref)
            case "item":
                return item_type(ref, site.item)
            case "env":
                if self._model.env is None:
                    return Fault("A302", "the DAG has no environment", "give it one: `env: {NAME: value}`")
                return ENV
            case "run":
                return self._run(ref, site)
            case "files":
                return STRING if ref.name in self._model.files else _unknown("file", ref.name, self._model.files)
        hint = "outputs of a task are written tasks.TASK.outputs.NAME"
        return Fault("A303", f"a DAG has no '{ref.kind}'", hint)

    def _input(self, ref: Ref) -> Type | Fault:
        if ref.attribute:
            hint = f"give the input itself: ${{{{ inputs.{ref.name} }}}}; in the container it has a path of its own"
            return Fault("A303", "an input has a path only in a container", hint)
        return self._inputs.get(ref.name) or _unknown("input", ref.name, self._inputs)

    def _run(self, ref: Ref, site: Site) -> Type | Fault:
        if ref.name == "status" and not site.closing:
            return Fault("A303", "the run has a status only when it has ended", "use run.status in `finally`")
        return STRING

    def _task_output(self, ref: Ref, site: Site) -> Type | Fault:
        siblings: Mapping[str, Task] = self._model.finally_ if site.closing else self._model.tasks
        task = siblings.get(ref.name)
        if task is None:
            return self._no_such_task(ref, site, siblings)
        if ref.name == site.task:
            return Fault("A212", f"task '{ref.name}' reads its own output")
        site.data[ref.name] = None
        if ref.attribute:
            hint = "give the output to an input: in the container the input has a path"
            return Fault("A303", "an output has a path only in the container that writes it", hint)
        target = self._targets.get(ref.name)
        if target is None:
            return UNKNOWN
        found = target.outputs.get(ref.output)
        if found is None:
            return _unknown("output", ref.output, target.outputs, f" of {target.what}")
        if task.foreach is not None:
            if found.many:
                message = f"output '{ref.output}' is gathered from a loop inside {target.what} already"
                return Fault("A315", message, "read it in the nested DAG, or loop there only")
            found = looped(found)
        self._outputs[ref.name, ref.output] = found
        return found

    def _no_such_task(self, ref: Ref, site: Site, siblings: Mapping[str, Task]) -> Fault:
        if site.closing and ref.name in self._model.tasks:
            hint = "what runs at the end sees parameters, inputs, `env`, `run` and other tasks of `finally`"
            return Fault("A303", "outputs of ordinary tasks are not visible in `finally`", hint)
        if ref.name in self._model.finally_:
            return Fault("A303", f"'{ref.name}' runs only when all other tasks have ended")
        return Fault("A206", f"there is no task '{ref.name}'", did_you_mean(ref.name, siblings))


def item_type(ref: Ref, items: Items | None) -> Type | Fault:
    """The type of `item` or `item.field` in a loop over `items` (None: not in a loop)."""
    if items is None:
        return Fault("A303", "there is no item without a loop", "give the task a `foreach`")
    if not ref.name:
        return items.type
    if items.fields is None:
        if items.type.kind in ("any", "unknown"):
            return items.type
        return Fault("A311", "the items of this loop have no fields", "write ${{ item }}")
    return items.fields.get(ref.name) or _unknown("field", ref.name, items.fields, " of the items", "A311")


def _unknown(noun: str, name: str, known: Iterable[str], where: str = "", code: str = "A302") -> Fault:
    names = list(known)
    hint = did_you_mean(name, names) or (f"there is {', '.join(names)}" if names else f"there is no {noun} at all")
    return Fault(code, f"there is no {noun} '{name}'{where}", hint)
