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
    groups = _groups(pieces) if any(piece.bound for piece in pieces) else [[piece] for piece in pieces]
    unit_of = {piece.name: unit for unit, group in enumerate(groups) for piece in group}
    return [_unit(group, unit_of) for group in groups]


def _groups(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces that cannot be parted, together."""
    index = {piece.name: position for position, piece in enumerate(pieces)}
    forest = _Forest(len(pieces))
    forest.join((position, index[name]) for position, piece in enumerate(pieces) for name in piece.bound)
    edges: list[list[int]] = [[] for _ in pieces]
    for position, piece in enumerate(pieces):
        edges[forest.find(position)] += [forest.find(index[name]) for name in piece.before]
    # Groups that wait for each other through others cannot be parted either.
    forest.join((first, other) for first, *others in _components(edges) for other in others)
    return [[pieces[position] for position in group] for group in forest.groups()]


def _unit(pieces: list[Piece], unit_of: Mapping[str, int]) -> _Unit:
    before = {unit_of[name] for piece in pieces for name in piece.before} - {unit_of[pieces[0].name]}
    return _Unit(
        tuple(piece.name for piece in pieces),
        tuple(sorted(before)),
        sum(piece.size for piece in pieces),
        frozenset(name for piece in pieces for name in piece.templates),
        any(piece.kept for piece in pieces) or len({piece.condition for piece in pieces}) > 1,
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

    def join(self, pairs: Iterable[tuple[int, int]]) -> None:
        for one, other in pairs:
            low, high = sorted((self.find(one), self.find(other)))
            self._parent[high] = low

    def groups(self) -> list[list[int]]:
        """The sets, in the order of their first members."""
        found: dict[int, list[int]] = {}
        for item in range(len(self._parent)):
            found.setdefault(self.find(item), []).append(item)
        return list(found.values())


def _components(edges: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The strongly connected components (Kosaraju's algorithm)."""
    backwards: list[list[int]] = [[] for _ in edges]
    for node, targets in enumerate(edges):
        for target in targets:
            backwards[target].append(node)
    seen: set[int] = set()
    for node in reversed(list(_depth_first(range(len(edges)), edges, set()))):
        if component := list(_depth_first([node], backwards, seen)):
            yield component


def _topological(before: Sequence[Sequence[int]]) -> list[int]:
    """Sort units topologically, each close behind what it waits for: depth first from those that nothing waits for."""
    waited = {item for items in before for item in items}
    return list(_depth_first((item for item in range(len(before)) if item not in waited), before, set()))


def _depth_first(starts: Iterable[int], edges: Sequence[Sequence[int]], seen: set[int]) -> Iterator[int]:
    """The nodes that are reached and not seen before, each after those that it leads to; without recursion."""
    work = [iter(starts)]
    path: list[int] = []
    while work:
        node = next((node for node in work[-1] if node not in seen), None)
        if node is not None:
            seen.add(node)
            path.append(node)
            work.append(iter(edges[node]))
            continue
        work.pop()
        if path:
            yield path.pop()


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


def _packed(bucket: list[int], units: Sequence[_Unit], templates: Mapping[str, int], capacity: int) -> list[list[int]]:
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
    forest.join((number[item], number[b]) for item in bucket for b in units[item].before if b in number)
    return [[bucket[position] for position in group] for group in forest.groups()]
