"""Runs on a real Kubernetes API: found, listed, followed, changed, removed. The test plays Argo's controller."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from argo.backend import Snapshot, Submission
from argo.errors import ConflictError, NotFoundError, RemoteError
from argo.workflow.hydrate import compress
from compiler.labels import RUN
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.test_submit import submission

GATE: Any = {
    "id": "a-1", "name": "a.gate", "displayName": "gate", "type": "Suspend", "phase": "Running", "templateName": "g",
    "outputs": {"parameters": [
        {"name": "decision", "valueFrom": {"supplied": {}}},
        {"name": "why", "valueFrom": {"supplied": {}, "default": "none"}},
    ]},
}  # fmt: skip
POD = {
    "id": "a-2", "name": "a.work", "displayName": "work", "type": "Pod", "phase": "Failed", "templateName": "work",
    "children": ["a-3"],
}  # fmt: skip
DONE = {"id": "a-4", "name": "a.done", "displayName": "done", "type": "Pod", "phase": "Succeeded"}
ROOT: Any = {
    "id": "a", "name": "a", "displayName": "a", "type": "DAG", "phase": "Running", "children": ["a-1", "a-2", "a-4"],
}  # fmt: skip


def status(phase: str, *nodes: Any, **more: Any) -> Any:
    return {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "nodes": {n["id"]: n for n in nodes}, **more}


@pytest.fixture
def run(place: Place) -> Place:
    place.backend().submit(submission("a"))
    return place


def test_found_by_name_and_uid_and_listed(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    assert backend.find(ref.uid) == ref
    with pytest.raises(NotFoundError, match="no run named b"):
        backend.find("b")
    (line,) = backend.list()
    assert (line.ref, line.phase, line.active) == (ref, "Pending", True)


def test_a_list_by_pages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.backends.kubernetes.api._PAGE", 2)
    backend = place.backend()
    for number in range(5):
        backend.submit(submission(f"r{number}", f"k{number}", config_map=False))
    assert {line.ref.name for line in backend.list()} == {f"r{number}" for number in range(5)}


def test_followed_to_its_end(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")

    def play() -> None:
        run.status("a", status("Running", ROOT))
        run.status("a", status("Running", ROOT, POD))
        run.status("a", status("Failed", {**ROOT, "phase": "Failed"}, POD, message="it failed"))

    controller = threading.Thread(target=play)
    pictures: list[Snapshot] = []
    for picture in backend.watch(ref):
        if not pictures:
            controller.start()
        pictures.append(picture)
    controller.join()
    phases = [(picture.workflow.get("status") or {}).get("phase") or "Pending" for picture in pictures]
    assert phases[0] == "Pending"
    assert phases[-1] == "Failed"
    assert pictures[-1].changed == frozenset({"a"})
    assert not backend.active(ref)


def test_followed_from_a_version_that_is_forgotten(run: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = run.backend()
    ref = backend.find("a")
    watched = backend.cluster.watch
    versions: list[str] = []

    def old(name: str, version: str) -> Any:
        versions.append(version)
        if len(versions) == 1:
            run.status("a", status("Succeeded", {**ROOT, "phase": "Succeeded"}))
            return watched(name, "1")
        return watched(name, version)

    monkeypatch.setattr(backend.cluster, "watch", old)
    phases = [(s.workflow.get("status") or {}).get("phase") for s in backend.watch(ref)]
    assert phases[-1] == "Succeeded"


def test_a_run_that_is_deleted_while_followed(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    pictures = backend.watch(ref)
    next(pictures)
    run.server.call("DELETE", run.server.argo(run.namespace, name="a"))
    with pytest.raises(NotFoundError, match="not on the cluster any more"):
        list(pictures)
    run.backend().submit(submission("a", "k9", config_map=False))
    with pytest.raises(NotFoundError, match="not on the cluster any more"):
        backend.get(ref)


def test_gates_are_answered_with_their_parameters(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    run.status("a", status("Running", ROOT, GATE))
    with pytest.raises(NotFoundError, match="no task named gat"):
        backend.approve(ref, "gat")
    backend.approve(ref, "gate", "fine", {"why": "because"})
    node = run.workflow("a")["status"]["nodes"]["a-1"]
    assert node["phase"] == "Succeeded"
    assert [p["value"] for p in node["outputs"]["parameters"]] == ["approve", "because"]
    assert node["message"].startswith("approved by ")
    assert node["message"].endswith(": fine")


def test_compressed_nodes_stay_compressed(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    run.status("a", {"phase": "Running", "compressedNodes": compress({"a": ROOT, "a-1": GATE})})
    assert backend.get(ref)["status"]["nodes"]["a-1"]["name"] == "a.gate"
    backend.reject(ref, "gate")
    stored = run.workflow("a")["status"]
    assert "nodes" not in stored
    assert stored["compressedNodes"]
    assert backend.get(ref)["status"]["nodes"]["a-1"]["outputs"]["parameters"][0]["value"] == "reject"


def test_nodes_that_are_elsewhere_are_said_to_be(run: Place) -> None:
    backend = run.backend()
    run.status("a", {"phase": "Running", "offloadNodeStatusVersion": "fnv:1"})
    with pytest.raises(RemoteError, match="keeps them in a database"):
        backend.get(backend.find("a"))


def test_suspend_resume_stop_terminate(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    run.status("a", status("Running", ROOT))
    backend.suspend(ref)
    assert run.workflow("a")["spec"]["suspend"] is True
    backend.resume(ref)
    assert "suspend" not in run.workflow("a")["spec"]
    backend.stop(ref)
    assert run.workflow("a")["spec"]["shutdown"] == "Stop"
    backend.terminate(ref)
    assert run.workflow("a")["spec"]["shutdown"] == "Terminate"
    run.status("a", status("Failed", ROOT))
    with pytest.raises(ConflictError, match="has ended"):
        backend.stop(ref)


def test_children_end_with_their_parent(run: Place) -> None:
    backend = run.backend()
    given = submission("child", "k2", config_map=False)
    given.workflow["metadata"]["labels"] = {RUN: "a"}
    backend.submit(given)
    backend.terminate(backend.find("a"))
    assert run.workflow("child")["spec"]["shutdown"] == "Terminate"


def test_a_change_by_somebody_else_is_no_obstacle(run: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = run.backend()
    ref = backend.find("a")
    replace = backend.cluster.replace
    others: list[str] = []

    def first_somebody_else(value: Any) -> Any:
        if len(others) < 2:
            others.append("")
            run.status("a", status("Running", ROOT, progress=f"{len(others)}/9"))
        return replace(value)

    monkeypatch.setattr(backend.cluster, "replace", first_somebody_else)
    backend.suspend(ref)
    now = run.workflow("a")
    assert now["spec"]["suspend"] is True
    assert now["status"]["progress"] == "2/9", "what the others wrote is kept"


def test_retry_removes_the_pods_of_what_runs_again(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    with pytest.raises(ConflictError, match="only what has failed"):
        backend.retry(ref)
    pod = {"metadata": {"name": "a-work-2"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    path = f"/api/v1/namespaces/{run.namespace}/pods"
    run.server.call("POST", path, pod)
    run.status("a", status("Failed", {**ROOT, "phase": "Failed"}, POD, DONE))
    backend.retry(ref)
    now = run.workflow("a")
    assert set(now["status"]["nodes"]) == {"a", "a-4"}
    assert now["status"]["phase"] == "Running"
    assert now["metadata"]["labels"]["workflows.argoproj.io/completed"] == "false"
    left = [p for p in run.server.call("GET", path)["items"] if "deletionTimestamp" not in p["metadata"]]
    assert left == []


def test_delete_takes_the_config_maps_along(run: Place) -> None:
    backend = run.backend()
    ref = backend.find("a")
    with pytest.raises(ConflictError, match="still runs"):
        backend.delete(ref)
    run.status("a", status("Succeeded", ROOT))
    backend.delete(ref)
    assert run.workflows() == []
    assert run.config_maps() == {}


def test_what_a_run_was_submitted_as(run: Place) -> None:
    backend = run.backend()
    run.status("a", status("Succeeded", ROOT))
    found = backend.submission(backend.find("a"))
    assert "status" not in found.workflow
    assert "uid" not in found.workflow["metadata"]
    (config_map,) = found.objects
    assert config_map["data"] == submission("a").objects[0]["data"]
    assert "ownerReferences" not in config_map["metadata"]
    again = Submission({**found.workflow, "metadata": {"name": "b"}}, [], "", "k2")
    backend.submit(again)
