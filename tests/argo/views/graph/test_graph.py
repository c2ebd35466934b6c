"""Graphs: the same picture for the same DAG, no box on another, arrows from left to right."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from argo.views.graph.layout import HEIGHT, WIDTH, layout
from argo.views.graph.model import Edge, Graph, Node, of_manifest, of_run
from argo.views.graph.svg import svg
from argo.views.graph.text import dot, mermaid


def manifest(**spec: Any) -> Any:
    return {"kind": "Workflow", "metadata": {"generateName": "my-"}, "spec": {"entrypoint": "main", **spec}}


def test_a_dag_with_conditions() -> None:
    tasks = [
        {"name": "a", "template": "t"},
        {"name": "b", "template": "t", "depends": "a.Failed || a.Errored", "withItems": [1, 2]},
        {"name": "c", "template": "gate", "dependencies": ["a"]},
        {"name": "d", "template": "main", "depends": "(b && c.Succeeded)"},
    ]
    templates = [{"name": "main", "dag": {"tasks": tasks}}, {"name": "gate", "suspend": {}}, {"name": "t"}]
    graph = of_manifest(manifest(templates=templates, onExit="t"))
    assert [(n.id, n.kind, n.note) for n in graph.nodes] == [
        ("a", "task", "t"), ("b", "loop", "t × 2"), ("c", "gate", "gate"), ("d", "dag", "main"),
        ("onExit", "task", "at the end"),
    ]  # fmt: skip
    assert [(e.source, e.target, e.label) for e in graph.edges] == [
        ("a", "b", "Failed"), ("a", "c", ""), ("b", "d", ""), ("c", "d", ""), ("d", "onExit", ""),
    ]  # fmt: skip


def test_steps_follow_each_other() -> None:
    steps = [[{"name": "a", "template": "t"}], [{"name": "b", "template": "t"}, {"name": "c", "template": "t"}]]
    graph = of_manifest(manifest(templates=[{"name": "main", "steps": steps}]))
    assert [(e.source, e.target) for e in graph.edges] == [("a", "b"), ("a", "c")]


def test_a_run_without_its_bookkeeping() -> None:
    def node(name: str, kind: str, *children: str) -> Any:
        return {"id": name, "name": name, "displayName": name, "type": kind, "phase": "Succeeded", "children": children}

    nodes = [
        node("r", "DAG", "r.a"), node("r.a", "Retry", "r.a(0)"), node("r.a(0)", "Pod", "r.l"),
        node("r.l", "TaskGroup", "r.l(0)", "r.l(1)"), node("r.l(0)", "Pod", "r.z"), node("r.l(1)", "Pod", "r.z"),
        node("r.z", "Pod"),
    ]  # fmt: skip
    graph = of_run({"metadata": {"name": "r"}, "status": {"nodes": {n["id"]: n for n in nodes}}})
    assert [n.id for n in graph.nodes] == ["r.a", "r.l(0)", "r.l(1)", "r.z"]
    assert [(e.source, e.target) for e in graph.edges] == [
        ("r.a", "r.l(0)"), ("r.a", "r.l(1)"), ("r.l(0)", "r.z"), ("r.l(1)", "r.z"),
    ]  # fmt: skip


def test_labels_cannot_break_out() -> None:
    evil = Graph('"><script>', (Node("a", '"]; evil --> x["', "<b>&"), Node("b", "b\\\n")), (Edge("a", "b", '"|'),))
    ET.fromstring(svg(evil))
    assert "evil -->" not in mermaid(evil)
    assert dot(evil).count("\n") == 7


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 14))
    names = [f"n{i}" for i in range(count)]
    pairs = st.tuples(st.integers(0, max(count - 1, 0)), st.integers(0, max(count - 1, 0))).filter(
        lambda p: p[0] < p[1]
    )
    edges = draw(st.lists(pairs, max_size=30, unique=True)) if count > 1 else []
    order = draw(st.permutations(names))
    return Graph("g", tuple(Node(n, n) for n in order), tuple(Edge(names[a], names[b]) for a, b in edges))


@given(graphs())
@settings(max_examples=60)
def test_no_box_lies_on_another_and_arrows_go_right(graph: Graph) -> None:
    placed = layout(graph)
    assert set(placed.boxes) == {node.id for node in graph.nodes}
    for (x1, y1), (x2, y2) in combinations(placed.boxes.values(), 2):
        assert abs(x1 - x2) >= WIDTH or abs(y1 - y2) >= HEIGHT
    assert len(placed.arrows) == len(graph.edges)
    for edge, points in placed.arrows:
        xs = [x for x, _ in points]
        assert xs == sorted(xs)
        assert points[0][0] == placed.boxes[edge.source][0] + WIDTH
        assert points[-1][0] == placed.boxes[edge.target][0]
    for x, y in placed.boxes.values():
        assert 0 <= x <= placed.width - WIDTH + 1e-6
        assert -1e-6 <= y <= placed.height - HEIGHT + 1e-6
    ET.fromstring(svg(graph))


def test_circles_do_not_hang() -> None:
    graph = Graph("g", (Node("a", "a"), Node("b", "b")), (Edge("a", "b"), Edge("b", "a")))
    assert set(layout(graph).boxes) == {"a", "b"}


def test_a_template_that_is_called_like_another_task_is_no_note() -> None:
    tasks: list[Any] = [{"name": "a", "template": "a"}, {"name": "b", "template": "a"}]
    tasks += [{"name": "c", "template": "work"}, {"name": "d", "template": "a", "withItems": [1, 2]}]
    graph = of_manifest(manifest(templates=[{"name": "main", "dag": {"tasks": tasks}}, {"name": "a"}]))
    assert [n.note for n in graph.nodes] == ["", "", "work", "× 2"]


def test_the_exit_handler_of_a_run_follows_its_ends() -> None:
    def node(name: str, kind: str, above: str, *children: str) -> Any:
        return {"id": name, "name": name, "displayName": name, "type": kind, "boundaryID": above, "children": children}

    nodes = [
        node("r", "DAG", "", "r.a", "r.b"), node("r.a", "Pod", "r"), node("r.b", "Pod", "r"),
        node("r.onExit", "DAG", "", "r.onExit.x"), node("r.onExit.x", "Pod", "r.onExit", "r.onExit.y"),
        node("r.onExit.y", "Pod", "r.onExit"),
    ]  # fmt: skip
    graph = of_run({"metadata": {"name": "r"}, "status": {"nodes": {n["id"]: n for n in nodes}}})
    assert {(e.source, e.target) for e in graph.edges} == {
        ("r.a", "r.onExit.x"), ("r.b", "r.onExit.x"), ("r.onExit.x", "r.onExit.y"),
    }  # fmt: skip


def test_boxes_are_as_wide_as_the_longest_name_needs() -> None:
    name = "a-name-of-forty-characters-exactly-12345"
    graph = Graph("t", (Node("a", name, "a-note"), Node("b", "b")), (Edge("a", "b"),))
    placed = layout(graph)
    assert placed.box > WIDTH
    assert placed.boxes["b"][0] > placed.box
    assert name in svg(graph)
