"""Cycles in a graph of names, found without recursion."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from contextlib import suppress


def cycles(graph: Mapping[str, Collection[str]]) -> list[list[str]]:
    """One shortest cycle for each knot of names that depend on each other, each from its first name back to it.

    `graph` maps each name to those it depends on; edges to names that are not in it are ignored.
    """
    found: list[list[str]] = []
    remaining = graph.keys() - arrange(graph)  # in a cycle, or behind one
    done: set[str] = set()
    for name in graph:
        if name in remaining and name not in done:
            cycle = _shortest(graph, remaining, name)
            if cycle:
                found.append(cycle)
                done |= _reaching(graph, remaining, name)
    return found


def arrange(graph: Mapping[str, Collection[str]]) -> list[str]:
    """The names, each after all it depends on; names that are in a cycle or depend on one are left out."""
    if _in_order(graph):
        return list(graph)
    from graphlib import CycleError, TopologicalSorter

    sorter = TopologicalSorter[str](dict.fromkeys(graph, ()))
    for name, needed in graph.items():
        sorter.add(name, *(other for other in needed if other in graph))
    with suppress(CycleError):  # what is in none is sorted all the same
        sorter.prepare()
    order: list[str] = []
    while ready := sorter.get_ready():
        order += ready
        sorter.done(*ready)
    return order


def _in_order(graph: Mapping[str, Collection[str]]) -> bool:
    """True where each name already stands behind all it depends on, as most files are written."""
    seen: set[str] = set()
    for name, needed in graph.items():
        for other in needed:
            if other not in seen and other in graph:
                return False
        seen.add(name)
    return True


def _shortest(graph: Mapping[str, Collection[str]], within: set[str], start: str) -> list[str]:
    """The shortest way from a name back to itself; empty where there is none."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for other in graph[name]:
            if other == start:
                return _walk_back(came, start, name)
            if other in within and other not in came:
                came[other] = name
                queue.append(other)
    return []


def _walk_back(came: Mapping[str, str], start: str, end: str) -> list[str]:
    way = [end]
    while way[-1] != start:
        way.append(came[way[-1]])
    return [*reversed(way), start]


def _reaching(graph: Mapping[str, Collection[str]], within: set[str], start: str) -> set[str]:
    """The names of the knot of `start`: those it depends on that depend on it, itself included."""
    forward = _closure(graph, within, start)
    reverse: dict[str, list[str]] = {}
    for name in forward:
        for other in graph[name]:
            reverse.setdefault(other, []).append(name)
    return forward & _closure(reverse, forward, start)


def _closure(graph: Mapping[str, Collection[str]], within: set[str], start: str) -> set[str]:
    seen = {start}
    stack = [start]
    while stack:
        for other in graph.get(stack.pop(), ()):
            if other in within and other not in seen:
                seen.add(other)
                stack.append(other)
    return seen
