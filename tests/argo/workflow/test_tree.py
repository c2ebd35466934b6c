"""Nodes -> tasks: groups dissolved, attempts counted, results found."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.views import live
from argo.views.live import LiveView, fit, flatten, picture, render
from argo.views.plain import PlainView
from argo.views.text import clean, crop, duration, paint, width
from argo.workflow.outputs import results
from argo.workflow.tree import idle, state, tree

NOW = datetime(2026, 1, 2, 3, 5, 0, tzinfo=UTC)
START, END = "2026-01-02T03:04:05Z", "2026-01-02T03:04:50Z"


def node(name: str, kind: str = "Pod", phase: str = "Succeeded", **more: Any) -> Any:
    times = {"startedAt": START, "finishedAt": END if phase != "Running" else None}
    return {
        "id": name,
        "name": name,
        "displayName": name.rsplit(".", maxsplit=1)[-1],
        "type": kind,
        "phase": phase,
        **times,
        **more,
    }


def workflow(*nodes: Any, **metadata: Any) -> Any:
    status = {"phase": "Running", "startedAt": START, "progress": "1/4", "nodes": {n["id"]: n for n in nodes}}
    return {"metadata": {"name": "r", "namespace": "ns", "uid": "u", **metadata}, "spec": {}, "status": status}


def sample() -> Any:
    return workflow(
        node("r", "DAG", "Running", children=["r.split"]),
        node("r.split", boundaryID="r", children=["r.count"]),
        node("r.count", "TaskGroup", "Running", boundaryID="r", children=["r.count(1:b)", "r.count(0:a)"]),
        node("r.count(1:b)", "Retry", "Running", boundaryID="r", children=["r.count(1:b)(1)", "r.count(1:b)(0)"]),
        node("r.count(1:b)(1)", phase="Running", boundaryID="r", progress="3/9"),
        node("r.count(1:b)(0)", phase="Failed", boundaryID="r"),
        node("r.count(0:a)", boundaryID="r", children=["r.gate"]),
        node("r.gate", "Suspend", "Running", boundaryID="r"),
        node("r.onExit", phase="Running"),
    )


def test_the_tree() -> None:
    top = tree(sample())
    assert [(t.path, t.attempts) for t in top.walk()] == [
        ("", 0), ("split", 0), ("count", 0), ("count(0:a)", 0), ("count(1:b)", 2), ("gate", 0), ("onExit", 0),
    ]  # fmt: skip
    retried = next(t for t in top.walk() if t.attempts)
    assert (retried.phase, retried.progress, retried.type) == ("Running", "3/9", "Pod")
    assert top.seconds(NOW) == 55.0


def test_steps_are_dissolved_and_nested_dags_kept() -> None:
    top = tree(
        workflow(
            node("r", "Steps", children=["r[0]"]),
            node("r[0]", "StepGroup", boundaryID="r", children=["r[0].a"]),
            node("r[0].a", "DAG", boundaryID="r", children=["r[0].a.x"]),
            node("r[0].a.x", boundaryID="r[0].a"),
        )
    )
    assert [[c.id for c in child.walk()] for child in top.children] == [["r[0].a", "r[0].a.x"]]


def test_a_run_of_a_single_pod_has_one_task() -> None:
    assert [t.label for t in tree(workflow(node("r"))).children] == ["r"]
    assert tree({"metadata": {"name": "r"}, "spec": {}}).phase == "Pending"


def test_status_has_the_documented_shape() -> None:
    found: Any = state(sample()).as_json()
    assert list(found) == ["name", "phase", "message", "executor", "tasks", "results"]
    assert found["tasks"]["count(1:b)"] == {
        "phase": "Running", "type": "Pod", "message": "", "startedAt": START, "finishedAt": None, "progress": "3/9",
        "attempts": 2,
    }  # fmt: skip
    json.dumps(found)


def test_idle_is_when_only_people_are_waited_for() -> None:
    gate = node("r.gate", "Suspend", "Running", boundaryID="r")
    top = node("r", "DAG", "Running", children=["r.gate"])
    assert idle(workflow(top, gate))
    assert not idle(workflow(top, gate, node("r.pod", phase="Running", boundaryID="r")))
    assert not idle(workflow(top, gate, node("r.again", "Retry", "Running", boundaryID="r"))), "a backoff passes"
    assert not idle(workflow())


def test_declared_results() -> None:
    declared = {
        "total": {"task": "join", "output": "total", "kind": "file", "key": "join/total", "mediaType": "a/b"},
        "parts": {"task": "count", "output": "counts", "kind": "files", "key": "count/counts"},
        "words": {"task": "join", "output": "words", "kind": "value", "key": ""},
        "later": {"task": "never", "output": "x", "kind": "directory", "key": "never/x"},
    }
    artifact = {
        "name": "total",
        "path": "/out/t.json",
        "archive": {"none": {}},
        "s3": {"key": "k/total", "bucket": "b"},
    }
    found = results(
        workflow(
            node("r", "DAG", outputs={"parameters": [{"name": "words", "value": "12"}]}),
            node("r.join", outputs={"artifacts": [artifact]}),
            annotations={"argosy.dev/results": json.dumps(declared)},
        )
    )
    assert [(r.name, r.kind, r.key, r.bucket, r.packed, r.path, r.value, r.ready) for r in found] == [
        ("total", "file", "k/total", "b", "none", "/out/t.json", None, True),
        ("parts", "files", "runs/ns/r/u/count/counts", "", "none", "", None, False),
        ("words", "value", "", "", "none", "", "12", True),
        ("later", "directory", "runs/ns/r/u/never/x", "", "tar", "", None, False),
    ]
    assert found[2].as_json() == "12"


def test_results_of_a_foreign_manifest() -> None:
    def artifact(name: str, **more: Any) -> Any:
        return {"name": name, "path": f"/tmp/{name}", "s3": {"key": f"r/{name}.tgz"}, **more}

    found = results(
        workflow(
            node("r", "DAG", outputs={"artifacts": [artifact("all")], "parameters": [{"name": "p", "value": "1"}]}),
            node("r.a", "Retry", boundaryID="r", children=["r.a(0)"], outputs={"artifacts": [artifact("x")]}),
            node("r.a(0)", boundaryID="r", outputs={"artifacts": [artifact("x"), artifact("main-logs")]}),
            node("r.b", boundaryID="r", outputs={"artifacts": [artifact("y", archive={"none": {}})]}),
        )
    )
    assert [(r.name, r.kind, r.packed) for r in found] == [
        ("p", "value", "none"), ("all", "directory", "tar"), ("a/x", "directory", "tar"), ("b/y", "file", "none"),
    ]  # fmt: skip


def test_plain_lines_come_once_a_phase() -> None:
    lines: list[str] = []
    view = PlainView(lambda line: lines.append(line[10:]))
    subject = sample()
    view.update(subject)
    first = list(lines)
    view.update(subject, list(subject["status"]["nodes"]))
    assert lines == first
    subject["status"]["nodes"]["r.gate"].update(phase="Succeeded", finishedAt=END)
    view.update(subject, ["r.gate"])
    assert lines[len(first) :] == ["Succeeded  gate  45s"]
    assert "Waiting    gate" in first
    assert not any("StepGroup" in line or line.endswith("  count") for line in first)


def test_the_picture_fits_its_height() -> None:
    items = [node(f"r.t{i}", phase="Running" if i == 90 else "Succeeded", boundaryID="r") for i in range(100)]
    top = tree(workflow(node("r", "DAG", "Running"), *items))
    text = "\n".join(paint(line, color=False) for line in render(top, NOW, 80, 20))
    assert len(text.splitlines()) <= 20
    assert "t90" in text, "what runs is shown first"
    assert "99 of 100 done" in text
    shown, hidden = fit(flatten(top), 5)
    assert (len(shown), hidden) == (5, 95)


def test_durations() -> None:
    assert [duration(s) for s in (None, 0.4, 59.9, 185, 7620, 273600)] == [
        "",
        "0s",
        "59s",
        "3m 05s",
        "2h 07m",
        "3d 04h",
    ]


@given(st.integers(10, 120), st.integers(3, 40), st.text(max_size=90), st.text(max_size=60))
def test_the_picture_fits_any_terminal(columns: int, height: int, message: str, label: str) -> None:
    nodes = [node(f"r.t{i}", phase="Running", boundaryID="r", message=message, displayName=label) for i in range(9)]
    subject = workflow(node("r", "DAG", "Running"), *nodes, node("r.gate", "Suspend", "Running", boundaryID="r"))
    lines = [paint(line, color=False) for line in picture(subject, columns, height)]
    assert len(lines) <= height
    assert max(map(width, lines)) <= columns
    assert not any(char in line for line in lines for char in "\x1b\r\n\t")


def test_a_message_gives_way_before_phase_and_duration() -> None:
    top = tree(workflow(node("r", "DAG", "Running"), node("r.task", phase="Failed", boundaryID="r", message="m " * 99)))
    (_, line) = (paint(line, color=False) for line in render(top, NOW, 40))
    assert "45s  Failed" in line
    assert line.endswith("…")
    whole = paint(render(top, NOW)[1], color=False)
    assert whole.count("m") == 99, "a pipe gets all of it"


def test_an_attempt_that_waits_for_the_machine_is_pending() -> None:
    waiting = node("r.a(0)", phase="Pending", boundaryID="r", message="no room")
    top = tree(
        workflow(
            node("r", "DAG", "Running"), node("r.a", "Retry", "Running", boundaryID="r", children=["r.a(0)"]), waiting
        )
    )
    (task,) = top.children
    assert (task.phase, task.message) == ("Pending", "no room")


def test_a_terminal_of_another_size_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([(80, 24), (80, 24), (40, 12)])
    monkeypatch.setattr(live, "_size", lambda _: os.terminal_size(next(sizes)))
    monkeypatch.setattr(live, "_EVERY", 0.0)
    monkeypatch.setattr(live, "_SHARE", 0)
    stream = StringIO()
    view = LiveView(stream, color=False)
    view.update(sample())
    first = stream.getvalue()
    lines = first.count("\n")
    assert not first.startswith("\x1b")
    view.update(sample())
    assert stream.getvalue()[len(first) :].startswith(f"\x1b[{lines}F"), "over the lines that stand there"
    second = stream.getvalue()
    view.close()
    assert stream.getvalue()[len(second) :].startswith("\x1b[H\x1b[2J")


def test_texts_in_columns() -> None:
    assert [width(text) for text in ("abc", "äö", "日本", "e\u0301")] == [3, 2, 4, 1]
    assert [crop(text, 4) for text in ("abcd", "abcde", "日本語", "")] == ["abcd", "abc…", "日…", ""]
    assert clean("a\x1b[31m\n b\tc") == "a [31m b c"
