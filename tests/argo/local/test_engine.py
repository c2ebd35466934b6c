"""The loop: intent before deed, adoption after a kill, commands of others, leaving."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef
from argo.errors import EnvironmentFailure
from argo.local.engine import Engine
from argo.local.pods import Decisions, PodOutcome, PodRequest
from argo.local.state.database import State

REF = RunRef("r", "default", "uid-of-r")


def request(node_id: str, **more: Any) -> PodRequest:
    return PodRequest(node_id, f"r.{node_id}", node_id, "default", "r", REF.uid, {}, **more)


class Script:
    """A controller that launches one pod after the other and succeeds after the last."""

    def __init__(self, workflow: Any, names: list[str]) -> None:
        self.workflow, self.names = workflow, names
        self.nodes = workflow["status"].setdefault("nodes", {})

    def operate(self, outcomes: Mapping[str, PodOutcome], now: datetime) -> Decisions:
        decisions = Decisions(changed=set(outcomes))
        for key, outcome in outcomes.items():
            self.nodes[key]["phase"] = outcome.phase
        status = self.workflow["status"]
        if self.workflow["spec"].get("shutdown"):
            status["phase"] = "Failed"
            decisions.kill = [key for key, node in self.nodes.items() if node["phase"] == "Running"]
            return decisions
        status["phase"] = "Running"
        if all(node["phase"] == "Succeeded" for node in self.nodes.values()):
            waiting = [name for name in self.names if name not in self.nodes]
            if not waiting:
                status["phase"] = "Succeeded"
                return decisions
            name = waiting[0]
            self.nodes[name] = {"id": name, "name": f"r.{name}", "type": "Pod", "phase": "Running"}
            decisions.changed.add(name)
            decisions.launch.append(request(name))
        return decisions


class FakePods:
    """Pods that succeed at once, or when killed, fail."""

    def __init__(self, state: State, *, hang: bool = False) -> None:
        self.state, self.hang = state, hang
        self.created: list[str] = []
        self.killed: list[tuple[str, float]] = []
        self.news: dict[str, PodOutcome] = {}

    def create(self, request: PodRequest) -> None:
        recorded = [r.node_id for r in self.state.pods(REF.uid)]
        assert request.node_id in recorded, "started before it was recorded"
        self.created.append(request.node_id)
        if not self.hang:
            self.news[request.node_id] = PodOutcome("Succeeded")

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:
        news, self.news = self.news, {}
        return news

    def kill(self, node_id: str, grace: float) -> None:
        self.killed.append((node_id, grace))
        self.news[node_id] = PodOutcome("Failed", "killed")


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state.db")
    state.add(REF, {"metadata": {"name": "r", "uid": REF.uid}, "spec": {}, "status": {}}, [])
    return state


def engine(state: State, pods: Any, names: list[str], observe: Any = lambda *_: None, **more: Any) -> Engine:
    workflow = state.workflow(REF.uid)[0]
    return Engine(state, REF.uid, workflow, Script(workflow, names), pods, observe, **more)


def test_runs_to_the_end(state: State) -> None:
    seen: list[tuple[str, set[str]]] = []

    def observe(workflow: dict[str, Any], changed: Collection[str]) -> None:
        seen.append((workflow["status"]["phase"], set(changed)))

    pods = FakePods(state)
    assert engine(state, pods, ["a", "b"], observe).drive()
    assert pods.created == ["a", "b"]
    assert [entry for entry in seen if entry[1]] == [("Running", {"a"}), ("Running", {"a", "b"}), ("Succeeded", {"b"})]
    found = state.workflow(REF.uid)[0]["status"]
    assert (found["phase"], found["nodes"]["b"]["phase"], state.pods(REF.uid)) == ("Succeeded", "Succeeded", [])


def test_a_killed_engine_is_taken_up_where_it_was(state: State) -> None:
    class Killed(FakePods):
        def create(self, request: PodRequest) -> None:
            super().create(request)
            if request.node_id == "b":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine(state, Killed(state), ["a", "b", "c"]).drive()
    pods = FakePods(state)
    assert engine(state, pods, ["a", "b", "c"]).drive()
    assert pods.created == ["b", "c"], "a had finished; b is handed over again, to be adopted"


def test_a_pod_that_cannot_be_started_is_an_error_of_its_node(state: State) -> None:
    class Broken(FakePods):
        def create(self, request: PodRequest) -> None:
            raise EnvironmentFailure("no space")

    turns: list[str] = []
    running = engine(state, Broken(state), ["a"], lambda workflow, _: turns.append(workflow["status"]["phase"]))
    running.observe = lambda workflow, _: (
        running.leave() if workflow["status"]["nodes"]["a"]["phase"] == "Error" else None
    )
    assert not running.drive()
    assert state.workflow(REF.uid)[0]["status"]["nodes"]["a"]["phase"] == "Error"


def test_stop_from_another_process_kills_and_ends(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "state.db")
    numbers: list[int] = []

    def observe(workflow: dict[str, Any], changed: Collection[str]) -> None:
        if not numbers:
            numbers.append(other.post(REF.uid, "stop", {}))

    pods = FakePods(state, hang=True)
    assert engine(state, pods, ["a"], observe).drive()
    assert pods.killed == [("a", 30.0)]
    assert other.settled(numbers[0]) == ""
    assert other.workflow(REF.uid)[0]["status"]["phase"] == "Failed"


def test_terminate_takes_the_time_of_tasks_that_outlive_their_run(state: State, tmp_path: Path) -> None:
    class Stubborn(FakePods):
        def kill(self, node_id: str, grace: float) -> None:
            self.killed.append((node_id, grace))
            if not grace:
                self.news[node_id] = PodOutcome("Failed", "killed")

    other = State(tmp_path / "state.db")
    numbers: list[int] = []
    pods = Stubborn(state, hang=True)

    def observe(workflow: dict[str, Any], changed: Collection[str]) -> None:
        if len(numbers) == len(pods.killed) < 2:
            numbers.append(other.post(REF.uid, ("stop", "terminate")[len(numbers)], {}))

    assert engine(state, pods, ["a"], observe).drive()
    assert pods.killed == [("a", 30.0), ("a", 0.0)]
    assert [other.settled(number) for number in numbers] == ["", ""]


def test_a_refused_command_says_why_and_changes_nothing(state: State, tmp_path: Path) -> None:
    other = State(tmp_path / "state.db")
    number = other.post(REF.uid, "approve", {"task": "gate", "message": ""})
    assert engine(state, FakePods(state), ["a"]).drive()
    assert "no task named gate" in (other.settled(number) or "")


def test_a_pod_of_a_fulfilled_node_is_ended_after_a_kill(state: State) -> None:
    workflow = state.workflow(REF.uid)[0]
    workflow["status"] = {
        "phase": "Failed",
        "nodes": {"a": {"id": "a", "name": "r.a", "type": "Pod", "phase": "Failed"}},
    }
    state.record(REF.uid, workflow, ["a"], [request("a", pod_spec={"terminationGracePeriodSeconds": 2})])
    pods = FakePods(state, hang=True)
    running = engine(state, pods, ["a"])
    running.workflow["spec"]["shutdown"] = "Stop"
    assert running.drive()
    assert pods.killed[0] == ("a", 2.0)
    assert state.pods(REF.uid) == []


def test_without_wait_it_leaves_at_a_gate(state: State) -> None:
    class Gate:
        def __init__(self, workflow: Any) -> None:
            self.workflow = workflow

        def operate(self, outcomes: Mapping[str, PodOutcome], now: datetime) -> Decisions:
            status = self.workflow["status"]
            status["phase"] = "Running"
            status["nodes"] = {
                "r": {"id": "r", "name": "r", "type": "DAG", "phase": "Running", "children": ["g"]},
                "g": {"id": "g", "name": "r.g", "type": "Suspend", "phase": "Running", "boundaryID": "r"},
            }
            return Decisions(changed={"r", "g"})

    workflow = state.workflow(REF.uid)[0]
    running = Engine(state, REF.uid, workflow, Gate(workflow), FakePods(state), lambda *_: None, wait=False)
    assert not running.drive()
    assert state.workflow(REF.uid)[0]["status"]["phase"] == "Running"
