"""`depends`, `dependencies` and withSequence."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.expressions.depends import TaskReference, parse_depends, task_depends, task_results
from argo.expressions.errors import DependsError, TemplateError
from argo.expressions.sequence import resolve_sequence


@pytest.mark.parametrize(
    ("text", "phases", "expected"),
    [
        ("A", {"A": "Succeeded"}, True),
        ("A", {"A": "Skipped"}, True),
        ("A", {"A": "Omitted"}, False),
        ("A", {"A": "Failed"}, False),
        ("A.Failed || B.Errored", {"A": "Succeeded", "B": "Error"}, True),
        ("a-b && !c-d.Failed", {"a-b": "Succeeded", "c-d": "Failed"}, False),
        ("(A && B) || !C.Omitted", {"A": "Failed", "B": "Failed", "C": "Omitted"}, False),
        ("A.Skipped", {"A": "Skipped"}, True),
    ],
)
def test_conditions(text: str, phases: dict[str, str], expected: bool) -> None:
    depends = parse_depends(text)
    assert set(depends.tasks) == set(phases)
    assert depends.evaluate({task: task_results(phase) for task, phase in phases.items()}) is expected


def test_items_of_a_group() -> None:
    depends = parse_depends("A.AnySucceeded && !A.AllFailed")
    assert depends.evaluate({"A": task_results("Failed", item_phases=["Succeeded", "Failed"])})
    assert not depends.evaluate({"A": task_results("Failed", item_phases=["Failed", "Failed"])})
    assert not depends.evaluate({"A": task_results("Succeeded", item_phases=[])})


def test_references_know_where_they_stand() -> None:
    assert parse_depends("A && B-c.Failed").references == (
        TaskReference("A", None, 0),
        TaskReference("B-c", "Failed", 5),
    )


def test_dependencies_become_a_condition_with_continue_on() -> None:
    tasks: list[dict[str, Any]] = [
        {"name": "A", "continueOn": {"failed": True}},
        {"name": "B", "continueOn": {"error": True}},
        {"name": "C", "dependencies": ["A", "B"]},
    ]
    depends = task_depends(tasks[2], tasks)
    assert depends.logic == (
        "(A.Succeeded || A.Skipped || A.Daemoned || A.Failed) && (B.Succeeded || B.Skipped || B.Daemoned || B.Errored)"
    )
    assert depends.evaluate({"A": task_results("Failed"), "B": task_results("Error")})
    assert not depends.evaluate({"A": task_results("Error"), "B": task_results("Error")})
    assert task_depends({"name": "root"}, tasks).evaluate({})


@pytest.mark.parametrize("text", ["A.Suceeded", "A &&", "A B", "(A", "A.Succeeded + 1", "!!"])
def test_mistakes(text: str) -> None:
    with pytest.raises(DependsError):
        parse_depends(text)


@given(st.text() | st.lists(st.sampled_from(["A", "b-1.Failed", "&&", "||", "!", "(", ")", "."])).map(" ".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DependsError):
        assert parse_depends(text).text == text


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ({"count": 3}, ["0", "1", "2"]),
        ({"count": "2", "start": "5"}, ["5", "6"]),
        ({"start": 3, "end": 1}, ["3", "2", "1"]),
        ({"count": 0}, []),
        ({"end": 0}, ["0"]),
        ({"count": 2, "format": "testuser%02X"}, ["testuser00", "testuser01"]),
        ({"start": 9, "end": 10, "format": "%03d"}, ["009", "010"]),
        ({"start": -1, "end": -1, "format": "%04d|%%"}, ["-001|%"]),
        ({"count": 1, "format": "%-3d|"}, ["0  |"]),
        ({"count": 1, "format": "x"}, ["x%!(EXTRA int=0)"]),
        ({"count": 1, "format": "%s"}, ["%!s(int=0)"]),
        ({"count": 1, "format": "%d %d"}, ["0 %!d(MISSING)"]),
        ({"start": 255, "end": 255, "format": "%#x %d"}, ["0xff %!d(MISSING)"]),
    ],
)
def test_sequences(sequence: dict[str, Any], expected: list[str]) -> None:
    assert resolve_sequence(sequence) == expected


@pytest.mark.parametrize("sequence", [{}, {"count": "x"}, {"start": "1.5", "end": 2}, {"count": 10**9}])
def test_sequences_that_are_none(sequence: dict[str, Any]) -> None:
    with pytest.raises(TemplateError):
        resolve_sequence(sequence)
