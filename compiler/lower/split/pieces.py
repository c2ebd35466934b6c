"""The tasks of a DAG as what `partition` divides: what binds them together, and how large each comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from compiler.lower import conditions
from compiler.lower.gates import holds_back
from compiler.lower.outputs import Outputs
from compiler.lower.split.partition import Piece
from compiler.plan import DagTask, DagTemplate, PodTemplate, WorkflowPlan
from compiler.program import ResolvedDag, interactive_in

if TYPE_CHECKING:
    from compiler.plan import Template

_TASK: Final = 80  # bytes of a task besides what it says
_ITEM: Final = 60  # bytes of an argument besides its name and value


def pieces_of(dag: ResolvedDag, whole: WorkflowPlan, outputs: Outputs, node: int) -> tuple[dict[str, int], list[Piece]]:
    """The DAG's tasks with what binds them, and the sizes of all templates.

    A task after a condition on another's end (or after such a task, at any distance) may be left out where that end is
    another; what is left out, skipped or allowed to fail has its meaning for the next only within one Workflow.
    """
    measures = _Measures(whole.templates, node)
    entry = whole.templates[0].body
    assert isinstance(entry, DagTemplate)
    tasks, gated = outputs.tasks, outputs.gated
    bound = _conditional(dag)
    pieces: list[Piece] = []
    for task, lowered in zip(dag.tasks, entry.tasks, strict=True):
        together = [name for name in task.data if tasks[name].when or tasks[name].task.continue_on]
        needed = conditions.named(task.needs)
        together += sorted(name for name in needed if tasks[name].task.continue_on)
        pieces.append(
            Piece(
                task.name,
                tuple(dict.fromkeys((*task.data, *sorted(needed)))),
                (*together, *bound.get(task.name, ())),
                measures.task(lowered),
                measures.used(lowered.template),
                holds_back(task) or any(interactive_in(task)),  # where people look for what waits for them
                gated.get(task.name, ""),
            )
        )
    return measures.sizes, pieces


def _conditional(dag: ResolvedDag) -> dict[str, tuple[str, ...]]:
    """Tasks with conditions on the ends of others, and all that come after them: what they cannot be parted from."""
    starts = [task for task in dag.tasks if not conditions.is_plain(task.needs)]
    if not starts:
        return {}
    after: dict[str, list[str]] = {}
    for task in dag.tasks:
        for name in (*task.data, *sorted(conditions.named(task.needs))):
            after.setdefault(name, []).append(task.name)
    bound: dict[str, tuple[str, ...]] = {
        task.name: tuple(dict.fromkeys((*sorted(conditions.named(task.needs)), *task.data))) for task in starts
    }
    seen = set(bound)
    stack = list(bound)
    while stack:
        name = stack.pop()
        for later in after.get(name, ()):
            bound[later] = (*bound.get(later, ()), name)
            if later not in seen:
                seen.add(later)
                stack.append(later)
    return bound


class _Measures:
    """How large templates and tasks come out, about."""

    def __init__(self, templates: tuple[Template, ...], node: int) -> None:
        self._bodies = {template.name: template.body for template in templates}
        self._node = node
        self._nodes: dict[str, int] = {}
        self._used: dict[str, tuple[str, ...]] = {}
        self.sizes = {template.name: len(repr(template.body)) for template in templates[1:]}

    def task(self, task: DagTask) -> int:
        size = _TASK + len(task.name) + len(task.template) + len(task.depends) + len(task.when)
        size += sum(_ITEM + len(name) + len(value) for name, value in task.parameters)
        for given in task.artifacts:
            size += _ITEM + len(given.name) + len(given.source) + (len(repr(given.location)) if given.location else 0)
        more = (task.dependencies, task.loop)
        return size + (len(repr(more)) if any(more) else 0) + self._node * self._count(task)

    def _count(self, task: DagTask) -> int:
        nodes = self.nodes(task.template)
        return nodes if task.loop is None else 1 + nodes * max(len(task.loop.items), 1)

    def nodes(self, name: str) -> int:
        """How many nodes a use of a template makes."""
        known = self._nodes.get(name)
        if known is None:
            body = self._bodies[name]
            known = 1 + (isinstance(body, PodTemplate | DagTemplate) and body.retry is not None)
            if isinstance(body, DagTemplate):
                known += sum(map(self._count, body.tasks))
            self._nodes[name] = known
        return known

    def used(self, name: str) -> tuple[str, ...]:
        """A template and those that it uses."""
        known = self._used.get(name)
        if known is None:
            body = self._bodies[name]
            inner = body.tasks if isinstance(body, DagTemplate) else ()
            known = tuple(dict.fromkeys((name, *(used for task in inner for used in self.used(task.template)))))
            self._used[name] = known
        return known
