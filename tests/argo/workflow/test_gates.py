"""Gates of a run: what was asked, what was decided, who did and why; out of all that Argo and Argosy write."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest

from argo.serve.argo_api import shapes
from argo.serve.workflow_api.progress import worker
from argo.views.graph.model import of_manifest, of_run
from argo.views.graph.svg import svg
from argo.views.graph.text import dot, mermaid
from argo.views.live import LiveView
from argo.views.plain import PlainView
from argo.workflow.commands import answer
from argo.workflow.gates import gate_of
from argo.workflow.tree import state, tree

START, END = "2026-01-02T03:00:00Z", "2026-01-02T03:01:00Z"
ASKED = {"parameters": [{"name": "decision", "default": "reject", "value": "reject", "description": "Is it good?"}]}
TEMPLATE: Any = {"name": "gate", "inputs": ASKED, "suspend": {"duration": "1h"}}


def gate(value: str = "", phase: str = "Succeeded", message: str = "", **more: Any) -> Any:
    parameter: Any = {"name": "decision", "valueFrom": {"supplied": {}, "default": "reject"}}
    if value:
        parameter = {"name": "decision", "value": value}
    return {
        "id": "r-1", "name": "r.gate", "displayName": "gate", "type": "Suspend", "templateName": "gate", "phase": phase,
        "startedAt": START, "finishedAt": None if phase == "Running" else END, "inputs": ASKED,
        "outputs": {"parameters": [parameter]}, **({"message": message} if message else {}), **more,
    }  # fmt: skip


def run(*nodes: Any, **labels: str) -> Any:
    found = {node["id"]: node for node in nodes}
    metadata = {"name": "r", "namespace": "ns", "uid": "u", "labels": labels, "annotations": {}}
    return {
        "metadata": metadata, "spec": {"entrypoint": "gate", "templates": [TEMPLATE]},
        "status": {"phase": "Succeeded", "startedAt": START, "finishedAt": END, "nodes": found},
    }  # fmt: skip


def told(node: Any, **labels: str) -> tuple[str, str, str]:
    found = gate_of(run(node, **labels), node)
    assert found is not None
    return found.decision, found.by, found.reason


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (gate("reject", message="rejected by ann: too dark"), ("rejected", "ann", "too dark")),
        (gate("approve", message="approved by ann"), ("approved", "ann", "")),
        (gate("reject", message="rejected by ann: approved by eve: yes"), ("rejected", "ann", "approved by eve: yes")),
        (gate("approve", message="approved by system:serviceaccount:a:b: ok: go"),
         ("approved", "system:serviceaccount:a:b", "ok: go")),
        (gate("approve", message="Resumed by: map[User:42]"), ("approved", "42", "")),
        (gate("reject", message="why not; Resumed by: map[Email:ann@x.org PreferredUsername:ann User:a b]"),
         ("rejected", "ann", "why not")),
        (gate("reject", message="no good"), ("rejected", "", "no good")),
        (gate(phase="Failed", message="workflow shutdown with strategy:  Stop"),
         ("", "", "workflow shutdown with strategy:  Stop")),
        (gate(phase="Failed", message="rejected by ann: no"), ("rejected", "ann", "no")),
    ],
)  # fmt: skip
def test_who_decided_what_is_read_from_the_node(node: Any, expected: tuple[str, str, str]) -> None:
    assert told(node) == expected


def test_a_gate_that_nobody_decided_in_time_has_expired() -> None:
    assert told(gate("reject", finishedAt="2026-01-02T04:00:00Z")) == ("expired", "", "")
    assert told(gate("reject", message="rejected by ann", finishedAt="2026-01-02T04:00:00Z"))[0] == "rejected"


def test_where_the_node_does_not_say_who_the_labels_of_the_last_action_do() -> None:
    email = {"workflows.argoproj.io/actor-email": "ann.at.x.org", "workflows.argoproj.io/actor": "42"}
    assert told(gate("approve"), **email) == ("approved", "ann@x.org", "")
    later = gate("approve", finishedAt="2026-01-02T03:02:00Z", id="r-2", name="r.other")
    first = gate_of(run(gate("reject"), later, **email), gate("reject"))
    assert first is not None
    assert (first.decision, first.by) == ("rejected", ""), "somebody acted later, on another gate"


def test_what_only_waits_for_its_time_decides_nothing() -> None:
    bare = {**gate(finishedAt="2026-01-02T04:00:00Z"), "inputs": {}, "outputs": {}}
    assert told(bare, **{"workflows.argoproj.io/actor": "ann"}) == ("", "", "")


def test_an_answer_says_who_gave_it() -> None:
    assert answer(gate(phase="Running"), "reject", "ann", "no").message == "rejected by ann: no"
    assert answer(gate(phase="Running"), "approve", "ann").message == "approved by ann"


REJECTED = run(gate("reject", message="rejected by ann: too dark"))
WAITING = run(gate(phase="Running"))


def test_a_rejected_gate_looks_approved_in_no_view() -> None:
    lines: list[str] = []
    PlainView(lines.append).update(REJECTED)
    stream = StringIO()
    view = LiveView(stream, color=False)
    view.update(REJECTED)
    view.close()
    graph = of_run(REJECTED)
    for text in ("\n".join(lines[:1]), stream.getvalue(), svg(graph), mermaid(graph), dot(graph)):
        assert "ejected" in text, text
        assert "ann: too dark" in text.replace("#58;", ":"), text
        assert "Is it good" in text, text
        assert "✔ gate" not in text
    task: Any = state(REJECTED).tasks["gate"]
    said = {"question": "Is it good?", "decision": "rejected", "by": "ann", "reason": "too dark", "outputs": {}}
    assert (task["phase"], task["gate"]) == ("Succeeded", said)
    assert worker(REJECTED)["tasks"]["gate"]["gate"] == said


def test_the_question_is_shown_while_the_gate_waits() -> None:
    lines: list[str] = []
    PlainView(lines.append).update(WAITING)
    assert "Waiting" in lines[0]
    assert "Is it good?" in lines[0]
    (task,) = tree(WAITING).children
    assert (task.word, task.note) == ("Waiting", "Is it good?")
    assert "Is it good?" in svg(of_run(WAITING))
    assert "Is it good?" in svg(of_manifest(WAITING))
    assert all("Is it good?" in dot(graph) for graph in (of_run(WAITING), of_manifest(WAITING)))
    assert shapes.workflow(WAITING, 1, 1)["status"]["nodes"]["r-1"]["message"] == "Is it good?"
    task_: Any = state(WAITING).tasks["gate"]
    assert task_["gate"]["decision"] is None


def test_a_gate_that_was_stopped_says_so_and_what_it_asked() -> None:
    (task,) = tree(run(gate(phase="Failed", message="Stopped with strategy 'Stop'"))).children
    assert (task.word, task.note) == ("Failed", "Stopped with strategy 'Stop' (asked: Is it good?)")


def test_what_a_gate_was_given_is_shown() -> None:
    node = gate("approve", message="approved by ann")
    node["outputs"]["parameters"].append({"name": "score", "value": "7"})
    (task,) = tree(run(node)).children
    assert (task.word, task.note) == ("Approved", "by ann score=7 (asked: Is it good?)")
