"""Builds the graph of what the tasks of a DAG wait for.

Facts: Argo workflow/common/ancestry.go, workflow/validate/validate.go (verifyNoCycles, validateDAGTargets).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from argo.expressions.depends import parse_depends
from argo.expressions.errors import DependsError
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean
from compiler.order import arrange, cycles

LOOPS = ("withItems", "withParam", "withSequence")


class Waits:
    """Each task's dependencies, direct and by way of others."""

    def __init__(self, tasks: Sequence[Place]) -> None:
        self._tasks = {str(task.get("name", "")): task for task in tasks}
        self._edges: dict[str, list[str]] = {}
        self._problems: list[Diagnostic] = []
        for name, task in self._tasks.items():
            self._edges[name] = []
            for place, other, within, of_items in _dependencies(task):
                self._depend(name, place, other, within, of_items)
        self._cycle = next(iter(cycles(self._edges)), None)
        self._ancestors: dict[str, int] | None = None
        self._bits = {name: 1 << index for index, name in enumerate(self._tasks)}

    def _depend(self, name: str, place: Place, other: str, within: tuple[int, int] | None, of_items: bool) -> None:
        found = self._tasks.get(other)
        if found is None:
            hint = did_you_mean(other, self._tasks)
            problem = place.problem("A720", f"dependency '{other}' not defined", hint=hint, within=within)
            self._problems.append(problem)
            return
        self._edges[name].append(other)
        if of_items and not any(found.get(loop) not in (None, [], "") for loop in LOOPS):
            message = f"dependency '{other}' uses an items-based condition such as .AnySucceeded or .AllFailed but "
            message += "does not contain any items"
            self._problems.append(place.problem("A726", message, within=within))

    def problems(self) -> Iterator[Diagnostic]:
        """Unknown dependencies and cycles."""
        yield from self._problems
        if self._cycle:
            message = f"dependency cycle detected: {'->'.join(self._cycle)}"
            yield self._tasks[self._cycle[0]].child("name").problem("A721", message)

    def order(self) -> list[Place]:
        """The tasks, each behind those that it waits for; as they stand where they wait for each other."""
        if self._cycle:
            return list(self._tasks.values())
        return [self._tasks[name] for name in arrange(self._edges)]

    def targets(self, target: Place) -> Iterator[Diagnostic]:
        """Targets that are no task."""
        for name in str(target.value or "").split():
            if "{{" not in str(target.value) and name not in self._tasks:
                message = f"target '{name}' is not defined"
                yield target.problem("A720", message, hint=did_you_mean(name, self._tasks))

    def knows(self, name: str) -> bool:
        """True where the DAG has a task of that name."""
        return name in self._tasks

    def follows(self, name: str, other: str) -> bool:
        """True where the task waits for the other one, or for one that does."""
        if other in self._edges.get(name, ()):
            return True
        if self._ancestors is None:
            self._ancestors = {} if self._cycle else self._collected()
        return bool(self._cycle or self._ancestors.get(name, 0) & self._bits.get(other, 0))

    def _collected(self) -> dict[str, int]:
        """Every task's ancestors as a bit set."""
        found: dict[str, int] = {}
        for name in arrange(self._edges):
            bits = 0
            for other in self._edges[name]:
                bits |= found[other] | self._bits[other]
            found[name] = bits
        return found


def _dependencies(task: Place) -> Iterator[tuple[Place, str, tuple[int, int] | None, bool]]:
    """(where it stands, the task, where in the text, whether it asks for items) of each dependency."""
    if not task.get("depends"):
        for place in task.items("dependencies"):
            yield place, str(place.value), None, False
        return
    place = task.child("depends")
    try:
        references = parse_depends(place.value).references
    except DependsError:
        return  # reported where expressions are read
    for reference in references:
        within = (reference.offset, reference.offset + len(reference.task))
        yield place, reference.task, within, reference.result in ("AnySucceeded", "AllFailed")
