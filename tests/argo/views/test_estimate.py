"""What a run still takes and has used, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from argo.backend import RunRef, RunSummary
from argo.views.estimate import expected, left, used
from argo.views.live import picture

START = datetime(2026, 1, 1, tzinfo=UTC)


def run(name: str, source: str, phase: str, seconds: float, day: int = 0) -> RunSummary:
    began = START + timedelta(days=day)
    ended = began + timedelta(seconds=seconds) if phase != "Running" else None
    return RunSummary(RunRef(name, "d", name), phase, "", began, began, ended, "", phase == "Running", source)


def workflow(phase: str = "Running", **status: Any) -> Any:
    return {
        "metadata": {"name": "now", "uid": "now"},
        "spec": {},
        "status": {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", **status},
    }


def test_argo_s_own_estimate_is_taken() -> None:
    assert expected(workflow(estimatedDuration=70), [run("now", "a", "Running", 0)]) == 70


def test_the_last_five_of_the_same_definition_that_succeeded_tell() -> None:
    others = [
        *(run(f"a{day}", "a", "Succeeded", 100 + day, day) for day in range(10)),
        run("failed", "a", "Failed", 1, 20), run("other", "b", "Succeeded", 2, 20), run("now", "a", "Running", 0, 30),
    ]  # fmt: skip
    assert expected(workflow(), others) == 107
    assert expected(workflow(), others[-3:]) is None
    assert expected(workflow(), [run("x", "", "Succeeded", 5), run("now", "", "Running", 0)]) is None


@pytest.mark.parametrize(
    ("seconds", "after", "text"),
    [
        (None, 5, ""), (100, 40, "about 1m 00s left"), (100, 99.5, "about 1s left"),
        (100, 150, "longer than the 1m 40s it took before"), (0, 10, ""),
    ],
)  # fmt: skip
def test_what_is_left(seconds: float | None, after: float, text: str) -> None:
    assert left(workflow(), seconds, START + timedelta(seconds=after)) == text


def test_a_run_that_has_not_begun_or_has_ended_leaves_nothing() -> None:
    assert left(workflow("Succeeded"), 100, START) == ""
    assert left({"metadata": {}, "status": {}}, 100, START) == ""


def test_what_is_used() -> None:
    assert used(workflow(resourcesDuration={"cpu": 7300, "memory": 900, "nvidia.com/gpu": 2700})) == (
        "45m 00s GPU, 2h 01m CPU"
    )
    assert used(workflow(resourcesDuration={"cpu": 0, "memory": 3})) == ""
    assert used(workflow()) == ""


def test_a_live_picture_has_both() -> None:
    lines = picture(workflow(resourcesDuration={"cpu": 90}), 80, 24, 10.0)
    assert "".join(text for text, _ in lines[-1]) == "  longer than the 10s it took before, 1m 30s CPU"
    assert len(picture(workflow(resourcesDuration={"cpu": 90}), 80, 2, 10.0)) <= 2
