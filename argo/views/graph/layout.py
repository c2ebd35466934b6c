"""Where the boxes of a graph go: layers from left to right, few crossings, short arrows (Sugiyama's method)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from argo.views.graph.model import Edge, Graph

WIDTH, HEIGHT = 178.0, 46.0  # of a box, in pixels; its width where no name needs more
LONGEST = 40  # characters of a name that is shown whole
_CHARACTER = 8.1  # pixels of a name's character, at most
_SIDES = 42.0  # pixels beside a name: the margin, and the sign at the right
GAP_X, GAP_Y = 64.0, 18.0
_BEND_GAP = 10.0  # between an arrow that passes a layer and its neighbours
_SWEEPS = 12

Point = tuple[float, float]
Layers = list[list[str]]
Neighbours = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Layout:
    """Left upper corners of the boxes by id, the points each arrow passes, the size of the whole, in pixels.

    `box` is the width of every box.
    """

    boxes: dict[str, Point]
    arrows: tuple[tuple[Edge, tuple[Point, ...]], ...]
    width: float
    height: float
    box: float


def layout(graph: Graph) -> Layout:
    """Place a graph. Arrows that close a circle, which a DAG has not, are left out."""
    depth = _depths(graph)
    edges = [e for e in graph.edges if depth.get(e.source, 0) < depth.get(e.target, 0)]
    layers: Layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in graph.nodes:
        layers[depth[node.id]].append(node.id)
    chains = [_chain(number, edge, depth, layers) for number, edge in enumerate(edges)]
    before: Neighbours = {}
    after: Neighbours = {}
    for chain in chains:
        for left, right in pairwise(chain):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    box = max([WIDTH, *(min(len(node.label), LONGEST) * _CHARACTER + _SIDES for node in graph.nodes)])
    _order(layers, before, after)
    y = _rows(layers, before, after, depth)
    boxes = {key: (depth[key] * (box + GAP_X), y[key]) for key in depth}
    arrows = tuple(
        (edge, _points(chain, depth[edge.source], y, box)) for edge, chain in zip(edges, chains, strict=True)
    )
    height = max((top + HEIGHT for _, top in boxes.values()), default=0.0)
    height = max([height, *(point[1] for _, points in arrows for point in points)])
    return Layout(boxes, arrows, max(len(layers) * (box + GAP_X) - GAP_X, 0.0), height, box)


def _depths(graph: Graph) -> dict[str, int]:
    """The longest way to each node (Kahn's algorithm); nodes on a circle come last of all."""
    targets: dict[str, list[str]] = {}
    waiting = {node.id: 0 for node in graph.nodes}
    for edge in graph.edges:
        if edge.source in waiting and edge.target in waiting:
            targets.setdefault(edge.source, []).append(edge.target)
            waiting[edge.target] += 1
    depth = {key: 0 for key, count in waiting.items() if count == 0}
    ready = list(depth)
    for key in ready:
        for target in targets.get(key, ()):
            depth[target] = max(depth.get(target, 0), depth[key] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready.append(target)
    return {node.id: depth.get(node.id, 0) for node in graph.nodes}


def _chain(number: int, edge: Edge, depth: dict[str, int], layers: Layers) -> list[str]:
    """An arrow over several layers, as one bend in each layer that it passes."""
    bends = {layer: f"\0{number}.{layer}" for layer in range(depth[edge.source] + 1, depth[edge.target])}
    for layer, bend in bends.items():
        layers[layer].append(bend)
    return [edge.source, *bends.values(), edge.target]


def _sweeps(layers: Layers, before: Neighbours, after: Neighbours) -> Iterator[tuple[Layers, Neighbours]]:
    """To and fro: the layers in the order of each sweep, and the neighbours that a node has behind it."""
    for sweep in range(_SWEEPS):
        yield (layers, before) if sweep % 2 == 0 else (layers[::-1], after)


def _order(layers: Layers, before: Neighbours, after: Neighbours) -> None:
    """Order each layer by the mean place of its neighbours, to and fro; keep what has the fewest crossings."""
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for swept, near in _sweeps(layers, before, after):
        if fewest == 0:
            break
        for fixed, layer in pairwise(swept):
            _arrange(layer, fixed, near)
        crossings = _crossings(layers, after)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in layers]
    layers[:] = best


def _arrange(layer: list[str], fixed: list[str], near: Neighbours) -> None:
    place = {key: i for i, key in enumerate(fixed)}
    means = {key: _mean([place[n] for n in near.get(key, ())], i) for i, key in enumerate(layer)}
    layer.sort(key=means.__getitem__)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(layers: Layers, after: Neighbours) -> int:
    """How many arrows cross, counted layer by layer: those seen before that end below."""
    total = 0
    for left, right in pairwise(layers):
        place = {key: i for i, key in enumerate(right)}
        seen: list[int] = []
        for end in (end for key in left for end in sorted(place[target] for target in after.get(key, ()))):
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _rows(layers: Layers, before: Neighbours, after: Neighbours, real: Collection[str]) -> dict[str, float]:
    """The upper edge of each box: pulled to the middle of its neighbours, never onto the next one in its layer."""
    heights = defaultdict(float, dict.fromkeys(real, HEIGHT))
    middle: dict[str, float] = {}
    for layer in layers:
        middle.update(_stacked(layer, heights))
    for swept, near in _sweeps(layers, before, after):
        for layer in swept:
            wanted = [_mean([middle[n] for n in near.get(key, ())], middle[key]) for key in layer]
            middle.update(zip(layer, _spread(layer, wanted, heights), strict=True))
    upper = {key: at - heights[key] / 2 for key, at in middle.items()}
    top = min(upper.values(), default=0.0)
    return {key: at - top for key, at in upper.items()}


def _stacked(layer: Sequence[str], heights: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """The middle of each box where they stand below each other."""
    at = 0.0
    for key in layer:
        yield key, at + heights[key] / 2
        at += heights[key] + (GAP_Y if heights[key] else _BEND_GAP)


def _spread(layer: Sequence[str], wanted: Sequence[float], heights: dict[str, float]) -> list[float]:
    """The places nearest to those wanted that keep order and distance (pool adjacent violators)."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        gap = GAP_Y if heights[left] and heights[right] else _BEND_GAP
        offsets.append(offsets[-1] + (heights[left] + heights[right]) / 2 + gap)
    blocks: list[tuple[float, int]] = []  # sum and number of (wanted - offset)
    for want, offset in zip(wanted, offsets, strict=False):
        total, count = want - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before_total, before_count = blocks.pop()
            total, count = total + before_total, count + before_count
        blocks.append((total, count))
    bases = [total / count for total, count in blocks for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=False)]


def _points(chain: Sequence[str], start: int, y: dict[str, float], box: float) -> tuple[Point, ...]:
    """From the right edge of the source, through the bends, to the left edge of the target."""
    step = box + GAP_X
    points = [(start * step + box, y[chain[0]] + HEIGHT / 2)]
    for position, bend in enumerate(chain[1:-1], start + 1):
        points += [(position * step, y[bend]), (position * step + box, y[bend])]
    points.append(((start + len(chain) - 1) * step, y[chain[-1]] + HEIGHT / 2))
    return tuple(points)
