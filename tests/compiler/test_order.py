"""Cycles and orders of names, held against the definition of both."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from compiler.order import arrange, cycles

_NAMES = st.sampled_from("abcdefg")
_GRAPHS = st.dictionaries(_NAMES, st.lists(_NAMES, max_size=3))


@given(_GRAPHS)
def test_a_cycle_is_one_and_none_is_missed(graph: dict[str, list[str]]) -> None:
    found = cycles(graph)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(after in graph[before] for before, after in pairwise(cycle))
    assert bool(found) == (len(arrange(graph)) < len(graph))


@given(_GRAPHS)
def test_each_knot_is_reported_once(graph: dict[str, list[str]]) -> None:
    reached = {name: _closure(graph, name) for name in graph}
    knots = {frozenset({a, *(b for b in reached[a] if a in reached.get(b, ()))}) for a in graph if a in reached[a]}
    assert len(cycles(graph)) == len(knots)


@given(_GRAPHS)
def test_names_stand_behind_what_they_depend_on(graph: dict[str, list[str]]) -> None:
    order = arrange(graph)
    place = {name: index for index, name in enumerate(order)}
    for name in order:
        assert all(place[other] < place[name] for other in graph[name] if other in graph)


def test_the_order_of_a_sorted_graph_is_kept() -> None:
    assert arrange({"b": [], "a": ["b"], "c": []}) == ["b", "a", "c"]


def test_a_long_chain_needs_no_recursion() -> None:
    count = 20_000
    graph = {str(index): [str(index + 1)] for index in range(count)}
    assert cycles(graph) == []
    assert len(cycles({**graph, str(count): ["0"]})[0]) == count + 2


def _closure(graph: dict[str, list[str]], start: str) -> set[str]:
    seen: set[str] = set()
    stack = list(graph[start])
    while stack:
        name = stack.pop()
        if name in graph and name not in seen:
            seen.add(name)
            stack += graph[name]
    return seen
