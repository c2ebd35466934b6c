"""The state: what is recorded is there after any kill, readers see whole steps, one process drives a run."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef
from argo.errors import ConflictError, EnvironmentFailure, NotFoundError
from argo.local.home import Home
from argo.local.objects import LocalObjects
from argo.local.pods import PodRequest
from argo.local.state import schema
from argo.local.state.database import State, dump_request, load_request
from argo.local.state.lock import RunLock
from argo.local.state.salvage import salvage

REF = RunRef("first", "default", "0b8c6b4e-0000-4000-8000-000000000001")


def workflow(**status: Any) -> Any:
    return {"kind": "Workflow", "metadata": {"name": "first", "uid": REF.uid}, "spec": {"x": 1}, "status": status}


def request(node_id: str) -> PodRequest:
    return PodRequest(node_id, f"first.{node_id}", "pod", "default", "first", REF.uid, {"name": "t"}, ({"name": "v"},))


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state.db")
    state.add(REF, workflow(), [{"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "v"}}], source="a.yaml")
    return state


def test_a_step_is_read_back_whole(state: State) -> None:
    nodes = {"n2": {"id": "n2", "phase": "Running"}, "n1": {"id": "n1", "phase": "Pending"}}
    stored = {"t": {"name": "t"}}
    state.record(REF.uid, workflow(phase="Running", nodes=nodes, storedTemplates=stored), ["n1", "n2"], [request("n1")])
    found, revision = state.workflow(REF.uid)
    assert found["status"] == {"phase": "Running", "nodes": nodes, "storedTemplates": stored}
    assert list(found["status"]["nodes"]) == ["n2", "n1"], "in the order of their creation"
    assert found["spec"] == {"x": 1}
    assert revision == 2
    assert state.pods(REF.uid) == [request("n1")]
    assert state.row(REF.uid).phase == "Running"


def test_only_changed_nodes_are_read_and_written(state: State) -> None:
    nodes = {f"n{i}": {"id": f"n{i}", "phase": "Pending"} for i in range(50)}
    state.record(REF.uid, workflow(phase="Running", nodes=nodes), list(nodes))
    known, revision = state.workflow(REF.uid)
    nodes["n7"] = {"id": "n7", "phase": "Succeeded"}
    del nodes["n8"]
    state.record(REF.uid, workflow(phase="Running", nodes=nodes), ["n7", "n8"], ended=["n7"])
    now, newer, changed = state.changes(REF.uid, revision, known)
    assert changed == {"n7", "n8"}
    assert now["status"]["nodes"] == nodes
    assert state.changes(REF.uid, newer, now)[2] == frozenset()


def test_a_pods_request_goes_with_its_end(state: State) -> None:
    state.record(REF.uid, workflow(nodes={}), [], [request("a"), request("b")])
    state.record(REF.uid, workflow(nodes={}), [], ended=["a"])
    assert [r.node_id for r in state.pods(REF.uid)] == ["b"]


def test_requests_survive_json() -> None:
    assert load_request(dump_request(request("x"))) == request("x")
    assert set(json.loads(dump_request(request("x")))) == set(PodRequest.__slots__)


def test_names_are_unique_and_found(state: State) -> None:
    with pytest.raises(ConflictError, match="exists already"):
        state.add(RunRef("first", "default", "other"), workflow(), [])
    assert state.find("first") == state.find(REF.uid) == state.find(REF.uid[:8]) == REF
    with pytest.raises(NotFoundError) as error:
        state.find("frist")
    assert "did you mean first?" in error.value.hint


def test_commands_are_dealt_with_once(state: State) -> None:
    one = state.post(REF.uid, "stop", {})
    two = state.post(REF.uid, "approve", {"task": "gate"})
    assert [(c.id, c.verb, c.arguments) for c in state.commands(REF.uid)] == [
        (one, "stop", {}),
        (two, "approve", {"task": "gate"}),
    ]
    state.record(REF.uid, workflow(nodes={}), [], settled=[(one, ""), (two, "no such gate")])
    assert state.commands(REF.uid) == []
    assert (state.settled(one), state.settled(two)) == ("", "no such gate")


def test_delete_forgets_everything(state: State, tmp_path: Path) -> None:
    state.record(REF.uid, workflow(nodes={"n": {"id": "n"}}), ["n"], [request("n")])
    state.post(REF.uid, "stop", {})
    state.delete(REF.uid)
    with sqlite3.connect(tmp_path / "state.db") as database:
        for table in ("runs", "nodes", "pods", "objects", "commands"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    database.close()


def test_a_failed_step_leaves_the_state_before(state: State) -> None:
    state.record(REF.uid, workflow(phase="Running", nodes={"n": {"id": "n", "phase": "Running"}}), ["n"])
    with pytest.raises(TypeError):
        state.record(REF.uid, workflow(phase="Failed", nodes={"n": {"id": "n", "phase": object()}}), ["n"])
    found, revision = state.workflow(REF.uid)
    assert (found["status"]["phase"], found["status"]["nodes"]["n"]["phase"], revision) == ("Running", "Running", 2)


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    State(tmp_path / "state.db").close()
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    database.close()
    with pytest.raises(EnvironmentFailure, match="version"):
        State(tmp_path / "state.db")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database" * 100)
    with pytest.raises(EnvironmentFailure, match="is damaged: file is not a database") as caught:
        State(tmp_path / "state.db")
    assert caught.value.hint == "argosy local repair"


@pytest.mark.parametrize("damage", ["emptied", "removed", "without its log"])
def test_a_state_that_holds_nothing_beside_runs_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.db"
    kept = State(path)
    with RunLock(tmp_path / "runs" / REF.uid) as lock:
        assert lock.acquire()
    kept.add(REF, workflow(), [])
    if damage == "without its log":  # where all of it stands until then
        path = tmp_path / "copy" / "state.db"
        path.parent.mkdir()
        path.write_bytes((tmp_path / "state.db").read_bytes()[:4096])
        (tmp_path / "runs").rename(path.parent / "runs")
    kept.close()
    if damage == "emptied":
        path.write_bytes(b"")
    elif damage == "removed":
        path.unlink()
    before = {file: file.read_bytes() for file in path.parent.glob("state.db*")}
    for _ in range(2):  # nothing is made that hides it
        with pytest.raises(EnvironmentFailure, match=r"is empty or was removed, but .*runs holds 1 run") as caught:
            State(path)
        assert caught.value.hint.startswith("put a copy of state.db back, or begin anew: mv ")
    assert {file: data for file, data in before.items() if file.read_bytes() != data} == {}
    (path.parent / "runs").rename(path.parent / "runs.old")
    State(path).close()


def test_a_damaged_state_is_rebuilt_of_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    kept = State(path)
    refs = [RunRef(f"run-{n}", "default", f"0b8c6b4e-0000-4000-8000-{n:012}") for n in range(60)]
    for ref in refs:
        body: Any = {**workflow(), "metadata": {"name": ref.name, "uid": ref.uid, "note": "x" * 4000}}
        kept.add(ref, body, [])
        body["status"] = {"phase": "Succeeded", "nodes": {ref.name: {"id": ref.name, "phase": "Succeeded"}}}
        kept.record(ref.uid, body, [ref.name])
    kept.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(random.Random(1).randbytes(3 * 4096))
    damaged = State(path)
    with pytest.raises(EnvironmentFailure, match="is damaged") as caught:
        assert [damaged.workflow(ref.uid) for ref in refs]
    damaged.close()
    assert caught.value.hint == "argosy local repair"
    found = salvage(path)
    assert found.kept == tmp_path / "state.db.damaged-1"
    assert 30 < len(found.runs) < 60
    rebuilt = State(path)
    for name in found.runs:
        found_again: Any = rebuilt.workflow(rebuilt.find(name).uid)[0]
        assert found_again["metadata"]["note"] == "x" * 4000
    rebuilt.add(RunRef("new", "default", "0b8c6b4e-0000-4000-8000-000000000099"), workflow(), [])
    rebuilt.close()


def test_a_state_is_not_rebuilt_under_a_process_that_drives_a_run(tmp_path: Path) -> None:
    State(tmp_path / "state.db").close()
    with RunLock(tmp_path / "runs" / REF.uid) as lock:
        assert lock.acquire()
        with pytest.raises(ConflictError, match="have the state open"):
            salvage(tmp_path / "state.db")


def test_the_library_finds_what_was_given_and_made(state: State, tmp_path: Path) -> None:
    objects = LocalObjects(state, Home(tmp_path), REF.uid)
    assert (objects.config_map("c") or {})["data"] == {"k": "v"}
    assert objects.workflow_template("c") is None
    assert objects.config_map("made") is None
    objects.create_config_map({"metadata": {"name": "made"}, "data": {"a": "b"}})
    again = LocalObjects(state, Home(tmp_path), REF.uid)
    assert (again.config_map("made") or {})["data"] == (objects.config_map("made") or {})["data"] == {"a": "b"}


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    folder = tmp_path / "secrets" / "carla"
    folder.mkdir(parents=True)
    (folder / "token").write_bytes(b"s3cret")
    (folder / "token").chmod(0o640)
    with pytest.raises(EnvironmentFailure) as error:
        home.secret("carla", "token")
    assert "s3cret" not in "\n".join(error.value.lines())
    (folder / "token").chmod(0o600)
    assert home.secret("carla", "token") == b"s3cret"
    assert home.secret("carla", "none") is None
    assert home.secret("..", "state.db") is None


def test_one_process_drives_a_run(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from argo.local.state.lock import RunLock;"
    code += "l = RunLock(Path(sys.argv[1])); print(l.acquire(), flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        lock = RunLock(tmp_path)
        assert lock.held()
        assert not lock.acquire()
        other.kill()
        other.wait()
        assert not lock.held()
        assert lock.acquire()
        lock.release()


def test_who_only_looks_keeps_nobody_from_driving(tmp_path: Path) -> None:
    brief = RunLock(tmp_path)
    assert brief.acquire(briefly=True)
    threading.Timer(0.3, brief.release).start()
    driver = RunLock(tmp_path)
    assert driver.acquire(), "it waits for its turn"
    assert not RunLock(tmp_path).acquire(briefly=True), "a run that is driven is left alone"
    assert RunLock(tmp_path).held()
    driver.release()
    assert not RunLock(tmp_path).held()


WRITER = """
import sys
from pathlib import Path
from argo.backend import RunRef
from argo.local.state.database import State
state = State(Path(sys.argv[1]))
ref = RunRef("r", "default", "u")
try:
    state.find("u" if False else "r")
except Exception:
    state.add(ref, {"metadata": {"name": "r"}, "spec": {}, "status": {}}, [])
workflow, _ = state.workflow("u")
nodes = workflow["status"].setdefault("nodes", {})
step = workflow["status"].get("step", 0)
while True:
    step += 1
    workflow["status"]["step"] = step
    for key in ("a", "b", "c"):
        nodes[key] = {"id": key, "phase": "Running", "step": step}
    state.record("u", workflow, ["a", "b", "c"])
    print(step, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_step(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "state.db"
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        seen = [int(line) for line in process.stdout.read().split()]
        process.stdout.close()
        process.wait()
        state = State(path)
        status: Any = state.workflow("u")[0]["status"]
        state.close()
        assert {node["step"] for node in status["nodes"].values()} == {status["step"]}
        assert status["step"] >= max(seen, default=1), "what was said to be recorded is recorded"
