"""Where the outputs of a DAG's tasks are: their kinds and keys, seen through nested DAGs and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compiler.lower import conditions, gates
from compiler.program import ResolvedDag, ResolvedTask

if TYPE_CHECKING:
    from compiler.models.parts import Output


class Source(NamedTuple):
    """An output of a task: its key below the place of the DAG (`pipeline/join/total`).

    `optional`: it may be missing although its task ends well. `many`: a loop around or within the task gives one for
    each item, below that key.
    """

    key: str
    kind: str  # file, directory, archive or value
    type: str = ""  # of a value
    media_type: str = ""
    optional: bool = False
    many: bool = False


class Outputs:
    """The outputs of one DAG's tasks."""

    def __init__(self, tasks: tuple[ResolvedTask, ...]) -> None:
        self.tasks = {task.name: task for task in tasks}
        self.gated = gates.conditions(tasks)
        self._nested: dict[int, Outputs] = {}
        self._known: dict[tuple[str, str], Source] = {}

    def find(self, name: str, output: str) -> Source:
        known = self._known.get((name, output))
        if known is None:
            known = self._known[name, output] = self._find(self.tasks[name], output)
        return known

    def _find(self, task: ResolvedTask, output: str) -> Source:
        target = task.target
        if isinstance(target, ResolvedDag):
            ref = target.results[output]
            within = self._nested.get(id(target))
            if within is None:
                within = self._nested[id(target)] = Outputs(target.tasks)
            inner = within.find(ref.name, ref.output)
            optional = inner.optional or within.skippable(ref.name)
            found = inner._replace(key=f"{task.name}/{inner.key}", optional=optional)
        else:
            declared: Output | None = task.model.outputs.get(output)
            if declared is None:  # a gate's decision
                return Source(f"{task.name}/{output}", "value", "string")
            found = Source(
                f"{task.name}/{output}", declared.kind, declared.type, declared.media_type or "", declared.optional
            )
        return found._replace(many=True) if task.foreach is not None else found

    def default(self, name: str, output: str) -> str | None:
        """The value of an output where it is missing; None where it never is."""
        if self.find(name, output).many:
            return "[]"
        return "" if self.skippable(name) else None

    def skippable(self, name: str) -> bool:
        """True where a task may end without its outputs while the DAG goes well: it, or one that it waits for."""
        seen = {name}
        stack = [name]
        while stack:
            task = self.tasks[stack.pop()]
            if task.when or task.name in self.gated or task.task.continue_on or not conditions.is_plain(task.needs):
                return True
            before = {*task.data, *conditions.named(task.needs)} - seen
            seen |= before
            stack += before
        return False
