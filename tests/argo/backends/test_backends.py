"""What every place to run offers, tried on each: this machine, an Argo Server's API, a real Kubernetes API.

On Kubernetes the test plays Argo's controller: it writes the statuses that the engine would come to.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from argo.backend import FINISHED, Backend, Json, RunRef, Submission
from argo.backends.argo_server.backend import ServerBackend
from argo.errors import ConflictError, NotFoundError, UsageError
from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.storage import Store
from argo.target import ServerAddress, Target
from argo.workflow.ownership import own_config_maps
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.results.fetching import fetch
from tests.argo.serve.argo_api.serving import serving
from tests.fixtures_kubernetes import kubernetes as kubernetes
from tests.waiting import until

DATA = {"text": "{{x}} {{workflow.name}} \\ \" ' \u20ac\n", "A": "1"}
SUPPLIED = {"name": "score", "valueFrom": {"supplied": {}}}
SPEC: Json = {
    "entrypoint": "main",
    "arguments": {"parameters": [{"name": "code", "value": "0"}, {"name": "env_config", "value": "env"}]},
    "templates": [
        {"name": "main", "dag": {"tasks": [
            {"name": "say", "template": "say"},
            {"name": "gate", "template": "gate", "depends": "say"},
            {"name": "last", "template": "last", "depends": "gate"},
        ]}},
        {"name": "say", "container": {
            "image": "busybox", "command": ["sh", "-c"], "args": ['printf %s "$text" > /tmp/o; echo said'],
            "envFrom": [{"configMapRef": {"name": "{{workflow.parameters.env_config}}"}}],
        }, "outputs": {"artifacts": [{"name": "o", "path": "/tmp/o", "archive": {"none": {}}}]}},
        {"name": "gate", "suspend": {}, "outputs": {"parameters": [SUPPLIED]}},
        {"name": "last", "container": {
            "image": "busybox", "command": ["sh", "-c"], "args": ["exit {{workflow.parameters.code}}"],
        }},
    ],
}  # fmt: skip


class World(Protocol):
    """A place, and how its runs come to where a test wants them."""

    backend: Backend

    def reach(self, ref: RunRef, task: str, *phases: str) -> Json:
        """The workflow when that task (empty: the run) has one of these phases."""


class Real:
    """A place with an engine behind it."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def reach(self, ref: RunRef, task: str, *phases: str) -> Json:
        def there() -> Json | None:
            workflow = self.backend.get(ref)
            return workflow if phase(workflow, task) in phases else None

        found = until(there, f"{task or ref.name} is one of {phases}")
        assert found is not None
        return found


class Played:
    """A Kubernetes API whose controller is this class: it brings the tasks, one after the other, to their ends."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.backend: Backend = place.backend()

    def reach(self, ref: RunRef, task: str, *phases: str) -> Json:
        workflow: Json = {}
        for _ in range(8):
            workflow = self.backend.get(ref)
            if phase(workflow, task) in phases:
                return workflow
            self._turn(workflow)
        raise AssertionError(f"{task or ref.name} is {phase(workflow, task)}, never {phases}")

    def _turn(self, workflow: Json) -> None:
        """What a controller does when it looks at a run."""
        run = workflow["metadata"]["name"]
        status = copy.deepcopy(workflow.get("status") or {"nodes": {}})
        nodes = status.setdefault("nodes", {})
        root = nodes.setdefault(run, {"id": run, "name": run, "displayName": run, "type": "DAG", "phase": "Running"})
        status.setdefault("startedAt", "2026-01-01T00:00:00Z")
        status["phase"] = "Running"
        shutdown = workflow["spec"].get("shutdown")
        before = "Succeeded"
        for name in ("say", "gate", "last"):
            key = f"{run}-{name}"
            if key not in nodes:
                if before == "Succeeded" and not shutdown:
                    nodes[key] = self._begun(run, name, workflow)
                break
            before = nodes[key]["phase"]
            if shutdown and before == "Running":
                nodes[key]["phase"] = before = "Failed"
        if shutdown or before == "Failed" or phase({**workflow, "status": status}, "last") == "Succeeded":
            failed = shutdown or any(node["phase"] == "Failed" for node in nodes.values())
            status.update(phase="Failed" if failed else "Succeeded", finishedAt="2026-01-01T00:00:05Z")
            root["phase"] = status["phase"]
        self.place.status(run, status)

    def _begun(self, run: str, name: str, workflow: Json) -> Json:
        node: Json = {
            "id": f"{run}-{name}", "name": f"{run}.{name}", "displayName": name, "type": "Pod", "templateName": name,
            "boundaryID": run, "startedAt": "2026-01-01T00:00:01Z", "phase": "Succeeded",
        }  # fmt: skip
        if name == "gate":
            return {**node, "type": "Suspend", "phase": "Running", "outputs": {"parameters": [copy.deepcopy(SUPPLIED)]}}
        code = next(p["value"] for p in workflow["spec"]["arguments"]["parameters"] if p["name"] == "code")
        return {**node, "phase": "Failed"} if name == "last" and code != "0" else node


def phase(workflow: Json, task: str) -> str:
    status = workflow.get("status") or {}
    if not task:
        return str(status.get("phase") or "Pending")
    nodes = (status.get("nodes") or {}).values()
    return next((str(node["phase"]) for node in nodes if node["displayName"] == task), "")


@pytest.fixture(params=["local", "server", "cluster"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "cluster":
        yield Played(request.getfixturevalue("place"))
    elif request.param == "local":
        backend = LocalBackend(Home.open(tmp_path / "home"))
        yield Real(backend)
        end_all(backend)
        backend.close()
    else:
        with serving(tmp_path / "home") as server:
            address = ServerAddress(server.url, lambda: f"Bearer {server.token}")
            over = ServerBackend(Target(namespace="team", server=address))
            yield Real(over)
            end_all(over)
            over.close()


def end_all(backend: Backend) -> None:
    for run in backend.list():
        if run.phase not in FINISHED:
            backend.terminate(run.ref)


def submission(backend: Backend, name: str = "a", key: str = "k1", code: str = "0") -> Submission:
    spec = copy.deepcopy(SPEC)
    spec["arguments"]["parameters"][0]["value"] = code
    workflow: Any = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "namespace": backend.namespace}, "spec": spec,
    }  # fmt: skip
    env: Any = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "env"}, "data": dict(DATA)}
    return Submission(workflow, own_config_maps(workflow, [env], name), "test", key)


def begun(world: World, **more: Any) -> RunRef:
    made = world.backend.submit(submission(world.backend, **more))
    assert made.new
    return made.ref


def test_the_same_key_is_the_same_run(world: World) -> None:
    ref = begun(world)
    again = world.backend.submit(submission(world.backend))
    assert (again.ref, again.new) == (ref, False)
    with pytest.raises(ConflictError):
        world.backend.submit(submission(world.backend, key="k2"))
    assert [run.ref for run in world.backend.list()] == [ref]


def test_a_run_is_found_by_name_and_uid(world: World) -> None:
    ref = begun(world)
    assert world.backend.find("a") == world.backend.find(ref.uid) == ref
    with pytest.raises(NotFoundError, match="no run named b") as unknown:
        world.backend.find("b")
    assert unknown.value.hint
    world.reach(ref, "gate", "Running")
    (line,) = world.backend.list()
    assert (line.ref, line.phase, line.finished_at) == (ref, "Running", None)
    assert world.backend.active(ref)


def test_a_gate_is_passed_with_its_parameters(world: World) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    with pytest.raises(NotFoundError):
        world.backend.approve(ref, "nobody")
    world.backend.approve(ref, "gate", "fine", {"score": "7"})
    workflow = world.reach(ref, "gate", "Succeeded")
    node = next(n for n in workflow["status"]["nodes"].values() if n["displayName"] == "gate")
    assert {p["name"]: p["value"] for p in node["outputs"]["parameters"]}["score"] == "7"
    with pytest.raises(ConflictError):
        world.backend.approve(ref, "gate", "again", {"score": "8"})
    assert phase(world.reach(ref, "", "Succeeded"), "last") == "Succeeded"
    (line,) = world.backend.list()
    assert line.finished_at is not None


def test_a_gate_is_closed(world: World) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    world.backend.reject(ref, "gate", "no", {"score": "0"})
    workflow = world.reach(ref, "", "Failed")
    node = next(n for n in workflow["status"]["nodes"].values() if n["displayName"] == "gate")
    assert (node["phase"], "no" in node["message"]) == ("Failed", True)
    assert phase(workflow, "last") in ("", "Omitted")


def test_a_run_is_followed_to_its_end(world: World) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    watched = world.backend.watch(ref)
    first = next(watched)
    assert phase(first.workflow, "say") == "Succeeded"
    assert first.changed is None or isinstance(first.changed, frozenset)
    world.backend.approve(ref, "gate", "", {"score": "1"})
    world.reach(ref, "", "Succeeded")
    last = [*watched][-1]
    assert phase(last.workflow, "") == "Succeeded"
    assert [phase(s.workflow, "") for s in world.backend.watch(ref)][-1] == "Succeeded"


def test_a_run_is_held_and_goes_on(world: World) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    world.backend.suspend(ref)
    assert world.backend.get(ref)["spec"]["suspend"] is True
    world.backend.approve(ref, "gate", "", {"score": "1"})
    assert world.backend.get(ref)["spec"]["suspend"] is True, "deciding a gate does not let the run go on"
    world.backend.resume(ref)
    assert not world.backend.get(ref)["spec"].get("suspend")
    world.reach(ref, "", "Succeeded")


@pytest.mark.parametrize("now", [False, True])
def test_a_run_is_ended(world: World, now: bool) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    with pytest.raises(ConflictError):
        world.backend.retry(ref)
    with pytest.raises(ConflictError):
        world.backend.delete(ref)
    (world.backend.terminate if now else world.backend.stop)(ref)
    workflow = world.reach(ref, "", "Failed")
    assert workflow["spec"]["shutdown"] == ("Terminate" if now else "Stop")
    with pytest.raises((ConflictError, UsageError)):
        world.backend.suspend(ref)


def test_what_failed_is_tried_again(world: World) -> None:
    ref = begun(world, code="3")
    world.reach(ref, "gate", "Running")
    world.backend.approve(ref, "gate", "", {"score": "1"})
    before = world.reach(ref, "", "Failed")
    assert (phase(before, "say"), phase(before, "last")) == ("Succeeded", "Failed")
    said = next(n for n in before["status"]["nodes"].values() if n["displayName"] == "say")
    world.backend.retry(ref)
    after = world.reach(ref, "last", "Failed")
    again = next(n for n in after["status"]["nodes"].values() if n["displayName"] == "say")
    assert (again["id"], again.get("startedAt")) == (said["id"], said.get("startedAt")), "what succeeded is kept"
    world.reach(ref, "", "Failed")
    with pytest.raises(NotFoundError, match="no task named nobody"):
        world.backend.retry(ref, ["nobody"])


def test_what_was_submitted_is_known(world: World) -> None:
    ref = begun(world)
    known = world.backend.submission(ref)
    assert "status" not in known.workflow
    assert "uid" not in known.workflow["metadata"]
    (config_map,) = [item for item in known.objects if item["kind"] == "ConfigMap"]
    assert config_map["data"] == DATA


def test_a_run_is_removed(world: World) -> None:
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    world.backend.terminate(ref)
    world.reach(ref, "", "Failed")
    world.backend.delete(ref)
    with pytest.raises(NotFoundError):
        world.backend.find("a")
    assert world.backend.list() == []
    if isinstance(world, Played):
        assert world.place.config_maps() == {}
    assert begun(world).uid != ref.uid


def test_results_and_logs_are_the_program_s_bytes(world: World, tmp_path: Path) -> None:
    if isinstance(world, Played):
        pytest.skip(
            "nothing runs pods there: tests/argo/backends/kubernetes tries logs, tests/system/test_fetch.py results"
        )
    ref = begun(world)
    world.reach(ref, "gate", "Running")
    assert [line.text for line in world.backend.logs(ref, "say")] == ["said"]
    over = isinstance(world.backend, ServerBackend)
    store: Store = world.backend.artifacts(ref) if over else world.backend.store(ref)
    (file,) = fetch(world.backend.get(ref), store, tmp_path / "out")
    assert file.path.read_text() == DATA["text"]
    assert file.sha256
