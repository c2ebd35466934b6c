"""Which task is meant by what was typed: the same at every entrance."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from argo.errors import ConflictError, NotFoundError
from argo.results.fetch import choose
from argo.workflow import sessions
from argo.workflow.commands import apply
from argo.workflow.outputs import results
from argo.workflow.retry import reset
from argo.workflow.tasks import gate, meant, pods, pods_so_far
from compiler.manifest_types import Workflow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
NAMES = {  # id -> name below the run, type
    "r": ("", "DAG"),
    "r-1": (".prep", "Pod"),
    "r-2": (".inner", "DAG"),
    "r-3": (".inner.ask", "Suspend"),
    "r-4": (".count", "TaskGroup"),
    "r-5": (".count(0:x.y)", "Suspend"),
    "r-6": (".count(1:z)", "Pod"),
    "r-7": (".steps[0].one", "Pod"),
    "r-8": (".steps", "Steps"),
    "r-9": (".inner.prep", "Pod"),
}
MEANT = [  # what is typed -> the ids
    ("prep", ["r-1"]),
    ("inner.ask", ["r-3"]),
    ("ask", ["r-3"]),
    ("inner.prep", ["r-9"]),
    ("count(0)", ["r-5"]),
    ("count(0:x.y)", ["r-5"]),
    ("r-5", ["r-5"]),
    ("count", ["r-4"]),
    ("steps[0].one", ["r-7"]),
    ("one", ["r-7"]),
]


def run(phase: str = "Running") -> Any:
    nodes: dict[str, Any] = {}
    for key, (name, kind) in NAMES.items():
        shown = name.removeprefix(".") if "(" in name else name.rpartition(".")[2]
        artifact = {"name": "out", "path": "/out", "s3": {"key": key}}
        nodes[key] = {
            "id": key, "name": f"r{name}", "displayName": shown or "r", "type": kind, "phase": phase,
            "outputs": {"artifacts": [artifact]},
        }  # fmt: skip
    about = {name: {"ports": {"main": "/"}} for name in ("prep", "inner.ask", "inner.prep", "count", "steps[0].one")}
    notes = {"argosy.dev/session": json.dumps(about)}
    return {"metadata": {"name": "r", "annotations": notes}, "spec": {}, "status": {"phase": phase, "nodes": nodes}}


def _approved(workflow: Workflow, task: str) -> set[str]:
    return apply(workflow, "approve", {"task": task, "message": ""}, NOW)


def _retried(_: Workflow, task: str) -> set[str]:
    ended = run("Succeeded")
    return reset(ended, [task]) & {key for key in NAMES if key not in ended["status"]["nodes"]}


def _fetched(workflow: Workflow, task: str) -> set[str]:
    return {result.key for result in choose(results(workflow), [task])}


def _connected(workflow: Workflow, task: str) -> set[str]:
    return {sessions.choose(workflow, task).task}


@pytest.mark.parametrize(("task", "ids"), MEANT)
def test_a_task_is_meant_by_its_name_display_name_or_id(task: str, ids: list[str]) -> None:
    workflow = run()
    assert [node["id"] for node in meant(workflow, task)] == ids
    assert set(ids) <= _retried(workflow, task)
    if task not in (ids[0], "ask", "one"):  # results know neither ids nor display names
        assert ids[0] in (_fetched(workflow, task) | {"r-4"})
    path = NAMES[ids[0]][0].removeprefix(".").partition("(")[0]
    assert _connected(workflow, task) == {path}


@pytest.mark.parametrize(("task", "ids"), [*MEANT[1:3], *MEANT[4:7], ("count", ["r-5"])])
def test_a_gate_is_meant_in_the_same_way(task: str, ids: list[str]) -> None:
    assert _approved(run(), task) == set(ids)


@pytest.mark.parametrize(
    ("task", "ids"),
    [("prep", ["r-1"]), ("inner", ["r-9"]), ("count", ["r-6"]), ("count(1)", ["r-6"]), ("steps", ["r-7"]),
     ("one", ["r-7"]), ("r-6", ["r-6"]), ("inner.ask", []), (None, ["r-6", "r-9", "r-1", "r-7"])],
)  # fmt: skip
def test_the_logs_of_a_task_are_those_of_all_that_is_in_it(task: str | None, ids: list[str]) -> None:
    assert [node["id"] for node in pods(run(), task)] == ids


@pytest.mark.parametrize("ask", [meant, pods, gate, _approved, _retried, _fetched, _connected])
def test_a_task_that_is_not_there_gets_a_hint(ask: Callable[[Workflow, str], object]) -> None:
    with pytest.raises(NotFoundError, match=r"no .*inner\.prap$") as caught:
        ask(run(), "inner.prap")
    assert "did you mean inner.prep" in caught.value.hint


def test_a_task_that_waits_for_nobody_is_no_gate() -> None:
    with pytest.raises(ConflictError, match="the task prep of r does not wait for a decision") as caught:
        gate(run(), "prep")
    assert caught.value.hint == "waiting are: inner.ask, count(0:x.y)"


def test_a_name_of_two_gates_names_neither() -> None:
    workflow = run()
    workflow["status"]["nodes"]["r-6"]["type"] = "Suspend"
    with pytest.raises(ConflictError, match="several tasks of r are named count") as caught:
        gate(workflow, "count")
    assert caught.value.hint == "one of count(0:x.y), count(1:z)"


def test_a_task_may_come_later_as_long_as_the_run_goes_on() -> None:
    assert pods_so_far(run(), "later") == []
    with pytest.raises(NotFoundError):
        pods_so_far(run("Succeeded"), "later")
