"""Where the outputs of a DAG's tasks are: their kinds and keys, seen through nested DAGs and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compiler.program import Definition, ResolvedDag, ResolvedTask

if TYPE_CHECKING:
    from compiler.models.parts import Output


class Source(NamedTuple):
    """An output of a task: its key below the place of the DAG (`pipeline/join/total`).

    `many`: a loop around or within the task gives one for each item, below that key.
    """

    key: str
    kind: str  # file, directory, archive or value
    type: str = ""  # of a value
    media_type: str = ""
    optional: bool = False
    many: bool = False


class Outputs:
    """The outputs of one DAG's tasks."""

    __slots__ = ("_known", "tasks")

    def __init__(self, tasks: tuple[ResolvedTask, ...]) -> None:
        self.tasks = {task.name: task for task in tasks}
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
            inner = Outputs(target.tasks).find(ref.name, ref.output)
            found = inner._replace(
                key=f"{task.name}/{inner.key}", optional=inner.optional or _skippable(target, ref.name)
            )
        else:
            model = target.model if isinstance(target, Definition) else target
            declared: Output | None = getattr(model, "outputs", {}).get(output)
            if declared is None:  # a gate's decision
                return Source(f"{task.name}/{output}", "value", "string")
            found = Source(
                f"{task.name}/{output}", declared.kind, declared.type, declared.media_type or "", declared.optional
            )
        return found._replace(many=True) if task.foreach is not None else found


def _skippable(dag: ResolvedDag, name: str) -> bool:
    return any(task.name == name and task.when is not None for task in dag.tasks)
