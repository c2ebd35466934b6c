"""`foreach`: lists, matrices, ranges, references."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.program import Foreach, Literal_
from compiler.refs import Ref
from tests.compiler.resolve.conftest import Build


def _foreach(build: Build, step: str, written: str, given: str = "1") -> tuple[Foreach | None, list[str]]:
    tasks = f"  a: {{asset: step}}\n  z: {{asset: step, foreach: {written}, with: {{n: {given}}}}}\n"
    program, found = build({"step.yaml": step, "dag.yaml": f"kind: Dag\nname: main\ntasks:\n{tasks}"})
    return program.dags[0].tasks[-1].foreach, [item.code for item in found]


@pytest.mark.parametrize(
    ("written", "items"),
    [
        ("[1, 2, 3]", (1, 2, 3)),
        ("{range: 3}", (0, 1, 2)),
        ("{range: {from: 1, to: 5, step: 2}}", (1, 3, 5)),
        ("{range: {from: 1, to: 6, step: 2}}", (1, 3, 5)),
        ("{range: {to: 2}}", (0, 1, 2)),
        ("{range: {from: 3, to: 1}}", (3, 2, 1)),
        ("{range: {from: 6, to: 1, step: -2}}", (6, 4, 2)),
        ("{range: {from: 1, to: 1}}", (1,)),
    ],
)
def test_lists_and_ranges(build: Build, step: str, written: str, items: tuple[Any, ...]) -> None:
    assert _foreach(build, step, written, '"${{ item }}"') == (Foreach(items, None), [])


def test_a_matrix_runs_through_its_last_axis_first(build: Build, step: str) -> None:
    foreach, found = _foreach(build, step, "{size: [2, 1], town: [x, y]}", '"${{ item.size }}"')
    assert found == []
    assert foreach is not None
    assert foreach.fields == ("size", "town")
    expected = [{"size": size, "town": town} for size in (2, 1) for town in ("x", "y")]
    assert foreach.items is not None
    assert list(foreach.items) == expected


def test_an_axis_may_be_named_range(build: Build, step: str) -> None:
    foreach, found = _foreach(build, step, "{range: [7, 9]}", '"${{ item.range }}"')
    assert (foreach, found) == (Foreach(({"range": 7}, {"range": 9}), None, ("range",)), [])


def test_the_items_may_be_computed(build: Build, step: str) -> None:
    foreach, found = _foreach(build, step, '"${{ tasks.a.outputs.list }}"', '"${{ item.anything }}"')
    assert (foreach, found) == (Foreach(None, Ref("tasks", "a", "list")), [])


@pytest.mark.parametrize(
    ("written", "code"),
    [("{range: 100001}", "A406"), ("{range: -1}", "A322"), ("{range: 1.5}", "A310"),
     ("{range: {to: 2, step: 0}}", "A310"), ("{range: true}", "A310"), ("{}", "A310"),
     ("{a: []}", "A310"), ("[1, null]", "A310"), ("true", "A310")],
)  # fmt: skip
def test_what_is_no_list(build: Build, step: str, written: str, code: str) -> None:
    assert _foreach(build, step, written)[1] == [code]


def test_an_item_s_type_is_that_of_all_items(build: Build, step: str) -> None:
    assert _foreach(build, step, "[1, two]", '"${{ item }}"')[1] == []  # known only item by item
    assert _foreach(build, step, "[one, two]", '"${{ item }}"')[1] == ["A305"]
    assert _foreach(build, step, "[{n: 1.5}]", '"${{ item.n }}"')[1] == ["A305"]


def test_a_binding_keeps_how_a_number_was_written(build: Build) -> None:
    asset = (
        "kind: ComputeAsset\nname: p\nimage: a:1\ncommand: [a, '${{ params.v }}']\nparameters: {v: {type: string}}\n"
    )
    program, found = build(
        {"p.yaml": asset, "dag.yaml": "kind: Dag\nname: main\ntasks:\n  a: {asset: p, with: {v: 1.10}}\n"}
    )
    assert found == []
    binding = program.dags[0].tasks[0].bindings["v"]
    assert isinstance(binding, Literal_)
    assert getattr(binding.value, "text", binding.value) == "1.10"
