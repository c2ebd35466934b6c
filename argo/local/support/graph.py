"""Tasks of a DAG: names, dependencies, cycles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from argo.local.expressions.depends import parse_depends
from argo.local.expressions.errors import DependsError
from argo.local.support.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean


def duplicates(places: Sequence[Place], what: str) -> Iterator[Diagnostic]:
    """Names that stand twice."""
    seen: set[str] = set()
    for place in places:
        name = place.get("name")
        if isinstance(name, str) and name in seen:
            yield place.child("name").problem("A721", f"the {what} {name} stands twice")
        seen.add(str(name))


def check_tasks(dag: Place, tasks: Sequence[Place]) -> Iterator[Diagnostic]:
    """Unknown dependencies, targets that are no task, cycles."""
    yield from duplicates(tasks, "task")
    names = [str(task.get("name")) for task in tasks]
    known = set(names)
    edges: dict[str, list[str]] = {}
    for task in tasks:
        if task.get("depends") is not None and task.get("dependencies"):
            yield task.child("depends").problem("A724", "depends and dependencies exclude each other", key=True)
        edges[str(task.get("name"))] = []
        for place, name, within in _dependencies(task):
            if name in known:
                edges[str(task.get("name"))].append(name)
            else:
                hint = did_you_mean(name, names)
                yield place.problem("A720", f"there is no task {name}", hint=hint, within=within)
    cycle = _cycle(edges)
    if cycle:
        first = next(task for task in tasks if task.get("name") == cycle[0])
        yield first.child("name").problem("A721", f"the tasks wait for each other: {' -> '.join(cycle)}")
    target = dag.get("target", "")
    for name in target.split() if "{{" not in target else ():
        if name not in names:
            yield dag.child("target").problem("A720", f"there is no task {name}", hint=did_you_mean(name, names))


def _dependencies(task: Place) -> Iterator[tuple[Place, str, tuple[int, int] | None]]:
    if task.get("depends") is not None:
        place = task.child("depends")
        try:
            references = parse_depends(place.value).references
        except DependsError:
            return  # reported where expressions are read
        for reference in references:
            yield place, reference.task, (reference.offset, reference.offset + len(reference.task))
        return
    for place in task.items("dependencies"):
        yield place, str(place.value), None


def _cycle(edges: dict[str, list[str]]) -> list[str] | None:
    """One cycle of the graph, its first name repeated at the end; walks without recursion."""
    done: set[str] = set()
    for root in edges:
        path: dict[str, None] = {}
        pending = [(root, False)]
        while pending:
            name, leaving = pending.pop()
            if leaving:
                path.pop(name)
                done.add(name)
            elif name in path:
                names = list(path)
                return [*names[names.index(name) :], name]
            elif name not in done:
                path[name] = None
                pending.append((name, True))
                pending.extend((other, False) for other in edges.get(name, ()))
    return None
