"""Divides the tasks of a DAG into parts of bounded size that can run as Workflows of their own.

What cannot be parted stays together; tasks that have to stay outside are in no part; and no two parts (or a part and a
task outside) wait for each other. Linear in tasks and edges, and the same for the same DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple


class Piece(NamedTuple):
    """A task with the tasks that it waits for (`before`) and those that it cannot be parted from (`bound`).

    `size` is in bytes, without the templates that it uses; `kept` tasks stay outside; tasks of one part have the same
    `condition`.
    """

    name: str
    before: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    size: int = 0
    templates: tuple[str, ...] = ()
    kept: bool = False
    condition: str = ""


class _Unit(NamedTuple):
    """Tasks that must be in one part, as one piece."""

    names: tuple[str, ...]
    before: tuple[int, ...]
    size: int
    templates: frozenset[str]
    kept: bool
    condition: str


def divide(pieces: Sequence[Piece], templates: Mapping[str, int], capacity: int) -> tuple[tuple[str, ...], ...]:
    """Divide the tasks into parts, in an order in which they may run, each with its tasks in the order given.

    `templates` are the sizes of templates, which count once a part. A unit larger than `capacity` is a part alone.
    Independent components are packed whole where they fit; a larger one is cut into runs of a topological order.
    """
    units = _units(pieces)
    order = _topological([unit.before for unit in units])
    parts: list[list[int]] = []
    for bucket in _buckets(units, order):
        parts += _packed(bucket, units, templates, capacity)
    place = {piece.name: position for position, piece in enumerate(pieces)}
    return tuple(
        tuple(sorted((name for unit in part for name in units[unit].names), key=place.__getitem__)) for part in parts
    )


def _units(pieces: Sequence[Piece]) -> list[_Unit]:
    index = {piece.name: position for position, piece in enumerate(pieces)}
    if not any(piece.bound for piece in pieces):
        return [_unit([piece], {index[name] for name in piece.before}) for piece in pieces]
    root = _Forest(len(pieces))
    for position, piece in enumerate(pieces):
        for name in piece.bound:
            root.join(position, index[name])
    edges: list[list[int]] = [[] for _ in pieces]
    for position, piece in enumerate(pieces):
        edges[root.find(position)] += [root.find(index[name]) for name in piece.before]
    # Groups that wait for each other through others cannot be parted either.
    for component in _components(edges):
        for position in component[1:]:
            root.join(component[0], position)
    members: dict[int, list[int]] = {}
    for position in range(len(pieces)):
        members.setdefault(root.find(position), []).append(position)
    number = {group: position for position, group in enumerate(members)}
    units = []
    for group, positions in members.items():
        inside = [pieces[position] for position in positions]
        before = {number[root.find(index[name])] for piece in inside for name in piece.before}
        units.append(_unit(inside, before - {number[group]}))
    return units


def _unit(pieces: list[Piece], before: set[int]) -> _Unit:
    if len(pieces) == 1:
        name, _, _, size, templates, kept, condition = pieces[0]
        return _Unit((name,), tuple(sorted(before)), size, frozenset(templates), kept, condition)
    conditions = {piece.condition for piece in pieces}
    return _Unit(
        tuple(piece.name for piece in pieces),
        tuple(sorted(before)),
        sum(piece.size for piece in pieces),
        frozenset(name for piece in pieces for name in piece.templates),
        any(piece.kept for piece in pieces) or len(conditions) > 1,
        pieces[0].condition,
    )


class _Forest:
    """Disjoint sets of numbers (union-find); the smallest member stands for its set."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, item: int) -> int:
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


def _components(edges: list[list[int]]) -> Iterator[list[int]]:
    """Yield the strongly connected components of more than one node (Tarjan's algorithm, without recursion)."""
    found: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    held: set[int] = set()
    for start in range(len(edges)):
        work = [(start, iter(edges[start]))] if start not in found else []
        while work:
            node, targets = work[-1]
            if node not in found:
                found[node] = low[node] = len(found)
                stack.append(node)
                held.add(node)
            deeper = next((target for target in targets if target not in found), None)
            if deeper is not None:
                work.append((deeper, iter(edges[deeper])))
                continue
            low[node] = min([low[node], *(low[target] for target in edges[node] if target in held)])
            work.pop()
            if low[node] == found[node]:
                component = _cut(stack, node)
                held.difference_update(component)
                if len(component) > 1:
                    yield sorted(component)


def _cut(stack: list[int], node: int) -> list[int]:
    position = len(stack) - 1
    while stack[position] != node:
        position -= 1
    component = stack[position:]
    del stack[position:]
    return component


def _topological(before: Sequence[Sequence[int]]) -> list[int]:
    """Sort units topologically, each close behind what it waits for: depth first from those that nothing waits for."""
    waited = {item for items in before for item in items}
    order: list[int] = []
    done: set[int] = set()
    for last in (item for item in range(len(before)) if item not in waited):
        work = [(last, iter(before[last]))]
        while work:
            item, earlier = work[-1]
            deeper = next((other for other in earlier if other not in done), None)
            if deeper is not None:
                work.append((deeper, iter(before[deeper])))
                continue
            work.pop()
            if item not in done:
                done.add(item)
                order.append(item)
    return order


def _buckets(units: Sequence[_Unit], order: Sequence[int]) -> Iterable[list[int]]:
    """Sort units into buckets that may share parts: no path between two of a bucket passes a unit outside of it.

    The level grows wherever a path passes what is kept outside, or changes its condition.
    """
    levels: dict[int, int] = {}
    buckets: dict[tuple[int, str], list[int]] = {}
    for item in order:
        unit = units[item]
        levels[item] = max(
            (levels[b] + (units[b].kept or units[b].condition != unit.condition) for b in unit.before), default=0
        )
        if not unit.kept:
            buckets.setdefault((levels[item], unit.condition), []).append(item)
    return [bucket for _, bucket in sorted(buckets.items(), key=lambda entry: entry[0][0])]


def _packed(
    bucket: list[int], units: Sequence[_Unit], templates: Mapping[str, int], capacity: int
) -> list[list[int]]:  # fmt: skip
    parts: list[list[int]] = []
    size = 0
    used: set[str] = set()

    def grown(names: Iterable[str], more: int) -> int:
        return size + more + sum(templates[name] for name in names if name not in used)

    for component in _connected(bucket, units):
        wanted = frozenset[str]().union(*{units[item].templates for item in component})
        own = sum(units[item].size for item in component)
        whole = own + sum(map(templates.__getitem__, wanted)) <= capacity
        fresh = not parts or (whole and grown(wanted, own) > capacity)
        for item in component:
            unit = units[item]
            if fresh or grown(unit.templates, unit.size) > capacity:
                parts.append([])
                size, used, fresh = 0, set(), False
            size = grown(unit.templates, unit.size)
            used |= unit.templates
            parts[-1].append(item)
    return parts


def _connected(bucket: list[int], units: Sequence[_Unit]) -> list[list[int]]:
    """Return the connected components of a bucket, in the order of their first units."""
    number = {item: position for position, item in enumerate(bucket)}
    forest = _Forest(len(bucket))
    for position, item in enumerate(bucket):
        for other in units[item].before:
            if other in number:
                forest.join(position, number[other])
    components: dict[int, list[int]] = {}
    for position, item in enumerate(bucket):
        components.setdefault(forest.find(position), []).append(item)
    return list(components.values())
