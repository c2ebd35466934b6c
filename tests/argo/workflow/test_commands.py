"""Commands as edits of a workflow, and what a retry resets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from argo.errors import ConflictError, NotFoundError
from argo.workflow.commands import apply
from argo.workflow.retry import reset

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def node(name: str, kind: str = "Pod", phase: str = "Running", **more: Any) -> Any:
    return {
        "id": name,
        "name": name,
        "displayName": name.rsplit(".", maxsplit=1)[-1],
        "type": kind,
        "phase": phase,
        **more,
    }


def workflow(*nodes: Any, phase: str = "Running") -> Any:
    status = {"phase": phase, "nodes": {n["id"]: n for n in nodes}}
    return {"metadata": {"name": "r"}, "spec": {}, "status": status}


def gated() -> Any:
    supplied = {"supplied": {}, "default": "reject"}
    decision = {"name": "decision", "valueFrom": supplied, "enum": ["approve", "reject"]}
    gate = node("r.gate", "Suspend", outputs={"parameters": [decision]})
    return workflow(node("r", "DAG"), gate, node("r.bare", "Suspend"))


def value(subject: Any) -> Any:
    return subject["status"]["nodes"]["r.gate"]["outputs"]["parameters"][0].get("value")


@pytest.mark.parametrize(("verb", "decision"), [("approve", "approve"), ("reject", "reject")])
def test_a_gate_ends_with_its_decision(verb: str, decision: str) -> None:
    subject = gated()
    assert apply(subject, verb, {"task": "gate", "message": "fine"}, NOW) == {"r.gate"}
    found = subject["status"]["nodes"]["r.gate"]
    assert (found["phase"], value(subject), found["message"]) == ("Succeeded", decision, "fine")
    assert found["finishedAt"] == "2026-01-02T03:04:05Z"
    with pytest.raises(ConflictError, match="the task gate of r does not wait"):
        apply(subject, verb, {"task": "gate", "message": ""}, NOW)


def test_a_bare_suspend_is_resumed_or_fails() -> None:
    subject = gated()
    apply(subject, "approve", {"task": "bare", "message": ""}, NOW)
    assert subject["status"]["nodes"]["r.bare"]["phase"] == "Succeeded"
    subject = gated()
    apply(subject, "reject", {"task": "bare", "message": ""}, NOW)
    assert subject["status"]["nodes"]["r.bare"]["phase"] == "Failed"


def test_resume_never_decides_a_gate() -> None:
    subject = gated()
    subject["spec"]["suspend"] = True
    assert apply(subject, "resume", {}, NOW) == {"r.bare"}
    assert "suspend" not in subject["spec"]
    assert subject["status"]["nodes"]["r.gate"]["phase"] == "Running"
    assert value(subject) is None


def test_values_that_are_no_texts_in_the_manifest_are_texts_in_the_run() -> None:
    """As Argo reads `enum` and `default` (AnyString): `enum: [1, 2]` takes "1", `default: true` is "true"."""
    rank = {"name": "rank", "valueFrom": {"supplied": {}}, "enum": [1, 2]}
    sure = {"name": "sure", "valueFrom": {"supplied": {}, "default": True}}
    gate = node("r.gate", "Suspend", outputs={"parameters": [rank, sure]})
    subject = workflow(node("r", "DAG"), gate)
    with pytest.raises(ConflictError, match="must be one of 1, 2, not 3"):
        apply(subject, "approve", {"task": "gate", "message": "", "outputs": {"rank": "3"}}, NOW)
    apply(subject, "approve", {"task": "gate", "message": "", "outputs": {"rank": "1"}}, NOW)
    assert [entry["value"] for entry in gate["outputs"]["parameters"]] == ["1", "true"]


def test_a_mistyped_gate_gets_a_hint() -> None:
    with pytest.raises(NotFoundError, match=r"r has no task named gat$") as caught:
        apply(gated(), "approve", {"task": "gat", "message": ""}, NOW)
    assert caught.value.hint == "did you mean gate?"


def test_an_ended_run_takes_no_command() -> None:
    with pytest.raises(ConflictError, match="has ended"):
        apply(workflow(phase="Failed"), "stop", {}, NOW)


def test_a_retry_keeps_what_succeeded() -> None:
    subject = workflow(
        node("r", "DAG", "Failed", children=["r.a", "r.b"], message="child failed"),
        node("r.a", "Pod", "Succeeded", boundaryID="r", children=["r.b"]),
        node("r.b", "Retry", "Failed", boundaryID="r", children=["r.b(0)", "r.c"]),
        node("r.b(0)", "Pod", "Failed", boundaryID="r", children=["r.c"]),
        node("r.c", "Skipped", "Omitted", boundaryID="r"),
        node("r.onExit", "DAG", "Succeeded"),
        node("r.onExit.x", "Pod", "Succeeded", boundaryID="r.onExit"),
        phase="Failed",
    )
    subject["spec"]["shutdown"] = "Stop"
    changed = reset(subject)
    nodes = subject["status"]["nodes"]
    assert {key: n["phase"] for key, n in nodes.items()} == {"r": "Running", "r.a": "Succeeded", "r.b": "Running"}
    assert nodes["r.b"]["children"] == []
    assert changed == {"r", "r.b", "r.b(0)", "r.c", "r.onExit", "r.onExit.x"}
    assert "shutdown" not in subject["spec"]
    with pytest.raises(ConflictError, match="only what has failed"):
        reset(workflow(phase="Succeeded"))


def chain(phase: str = "Succeeded") -> Any:
    """a, then b (two attempts), then the steps c of one group with one pod, then d."""
    nodes = [
        node("r", "DAG", phase, children=["r.a"]),
        node("r.a", phase="Succeeded", boundaryID="r", children=["r.b"]),
        node("r.b", "Retry", "Succeeded", boundaryID="r", children=["r.b(0)", "r.b(1)"]),
        node("r.b(0)", phase="Failed", boundaryID="r", children=["r.c"]),
        node("r.b(1)", phase="Succeeded", boundaryID="r", children=["r.c"]),
        node("r.c", "Steps", "Succeeded", boundaryID="r", children=["r.c[0]"]),
        node("r.c[0]", "StepGroup", "Succeeded", boundaryID="r.c", children=["r.c[0].s"]),
        node("r.c[0].s", phase="Succeeded", boundaryID="r.c", children=["r.d"]),
        node("r.d", phase="Succeeded", boundaryID="r"),
    ]
    return workflow(*nodes, phase=phase)


@pytest.mark.parametrize(
    ("task", "gone", "running"),
    [
        ("a", {"r.a", "r.b", "r.b(0)", "r.b(1)", "r.c", "r.c[0]", "r.c[0].s", "r.d"}, {"r"}),
        ("b", {"r.b", "r.b(0)", "r.b(1)", "r.c", "r.c[0]", "r.c[0].s", "r.d"}, {"r"}),
        ("c[0].s", {"r.c[0].s", "r.d"}, {"r", "r.c", "r.c[0]"}),
        ("d", {"r.d"}, {"r"}),
    ],
)
def test_retry_from_a_task_makes_it_and_all_after_it_anew(task: str, gone: set[str], running: set[str]) -> None:
    subject = chain()
    before = set(subject["status"]["nodes"])
    changed = reset(subject, [task])
    nodes = subject["status"]["nodes"]
    assert before - set(nodes) == gone
    assert {key for key, value in nodes.items() if value["phase"] == "Running"} == running
    assert all(child in nodes for value in nodes.values() for child in value.get("children") or ())
    assert changed >= gone | running
    assert subject["status"]["phase"] == "Running"


def test_retry_from_a_task_that_is_not_there_says_so() -> None:
    with pytest.raises(NotFoundError, match="no task named bb") as caught:
        reset(chain(), ["bb"])
    assert "b" in caught.value.hint
    with pytest.raises(ConflictError, match="only what has ended"):
        reset(chain("Running"), ["b"])
