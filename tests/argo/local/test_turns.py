"""Runs take turns: so many have a process at once, the rest begins in the order in which it was submitted."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef, Submission
from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.local.state.database import State
from argo.local.state.kept import detach
from argo.local.turns import Turns, limit, most_engines
from argo.workflow.tree import idle
from tests.waiting import until

WAITS = 'echo "$0" >> /kept/began; until [ -e "/kept/$0" ] || [ -e /kept/all ]; do sleep 0.05; done'


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBackend]:
    monkeypatch.setenv("ARGOSY_EXECUTOR", "process")
    backend = LocalBackend(Home.open(tmp_path / "home"))
    yield backend
    backend.close()


def workflow(name: str, *, gate: bool = False, after: bool = False) -> Any:
    """A run that waits for a file, for people, or for people after a file."""
    container = {
        "image": "busybox",
        "command": ["sh", "-c", WAITS, name],
        "volumeMounts": [{"name": "kept", "mountPath": "/kept"}],
    }
    templates = [
        {"name": "gate", "suspend": {}},
        {"name": "waits", "container": container},
        {"name": "both", "steps": [[{"name": "first", "template": "waits"}], [{"name": "then", "template": "gate"}]]},
    ]
    return {
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {
            "entrypoint": "both" if after else "gate" if gate else "waits",
            "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
            "templates": templates,
        },
    }


def driven(backend: LocalBackend, refs: list[RunRef]) -> list[str]:
    return [ref.name for ref in refs if backend.active(ref)]


def phase(backend: LocalBackend, ref: RunRef) -> str:
    return str((backend.get(ref).get("status") or {}).get("phase"))


def test_so_many_runs_have_a_process_and_the_rest_begins_in_order(backend: LocalBackend) -> None:
    limit(backend.home, 2)
    kept = backend.home.root / "volumes" / "kept"
    refs = [backend.submit(Submission(workflow(f"r{number}"), [])).ref for number in range(5)]
    assert driven(backend, refs) == ["r0", "r1"]
    told = [backend.get(ref)["status"].get("message", "") for ref in refs[2:]]
    assert told == [f"waiting for its turn: {runs} before it" for runs in ("no run", "1 run", "2 runs")]
    assert next(iter(backend.watch(refs[4]))).workflow["status"]["message"] == told[2]

    def after(name: str) -> bool:
        now = driven(backend, refs)
        assert len(now) <= 2
        return name in now

    until(lambda: (kept / "began").exists() and len((kept / "began").read_text().split()) == 2)
    for ended, next_ in (("r1", "r2"), ("r0", "r3"), ("r2", "r4")):
        (kept / ended).touch()
        until(lambda next_=next_: after(next_))  # type: ignore[misc]
        until(lambda next_=next_: next_ in (kept / "began").read_text().split())  # type: ignore[misc]
    (kept / "all").touch()
    until(lambda: [phase(backend, ref) for ref in refs] == ["Succeeded"] * 5)
    assert (kept / "began").read_text().split()[2:] == ["r2", "r3", "r4"]


def test_of_eighty_runs_no_more_than_so_many_ever_have_a_process(tmp_path: Path) -> None:
    """Their processes are played: each ends when it is told to, and whoever looks then lets others begin."""
    home, state = Home.open(tmp_path / "home"), State(Home.open(tmp_path / "home").database)
    limit(home, 5)
    begun: list[RunRef] = []
    driven: set[RunRef] = set()

    def start(ref: RunRef) -> None:
        begun.append(ref)
        driven.add(ref)
        assert len(driven) <= 5

    turns = Turns(home, state, driven.__contains__, start)
    refs = [RunRef(f"r{number}", "default", f"0b8c6b4e-0000-4000-8000-{number:012}") for number in range(80)]
    for ref in refs:
        body = workflow(ref.name)
        body |= {"metadata": dataclasses.asdict(ref), "status": {"phase": "Running"}}
        state.add(ref, body, [])
        detach(state, ref)
        turns.advance(ref)
    assert begun == refs[:5]
    assert Turns(home, state, driven.__contains__, start).before(refs[79]) == 74
    chance = random.Random(13)
    while driven:
        ended = chance.choice(sorted(driven, key=refs.index))
        body = state.workflow(ended.uid)[0]
        state.record(ended.uid, {**body, "status": {**body["status"], "phase": "Succeeded"}}, [])
        driven.remove(ended)
        turns.advance()
    assert begun == refs
    state.close()


def test_a_run_that_waits_for_people_gives_its_turn_to_others(backend: LocalBackend) -> None:
    limit(backend.home, 1)
    gate = backend.submit(Submission(workflow("gate", gate=True), [])).ref
    until(lambda: idle(backend.get(gate)))
    other = backend.submit(Submission(workflow("other"), [])).ref
    last = backend.submit(Submission(workflow("last"), [])).ref
    assert driven(backend, [gate, other, last]) == ["gate", "other"]
    backend.stop(last)  # one that has not begun
    assert phase(backend, last) == "Failed"
    backend.terminate(gate)
    until((backend.home.root / "volumes" / "kept").is_dir)  # the other run's process makes it
    (backend.home.root / "volumes" / "kept" / "all").touch()
    until(lambda: phase(backend, other) == "Succeeded")


def test_a_run_that_comes_to_wait_for_people_lets_another_begin_though_nobody_looks(backend: LocalBackend) -> None:
    limit(backend.home, 1)
    kept = backend.home.root / "volumes" / "kept"
    gate = backend.submit(Submission(workflow("gate", after=True), [])).ref
    backend.submit(Submission(workflow("other"), []))
    until(lambda: (kept / "began").exists() and (kept / "began").read_text() == "gate\n")
    (kept / "gate").touch()
    until(lambda: (kept / "began").read_text() == "gate\nother\n")
    (kept / "all").touch()
    backend.terminate(gate)


def test_who_watches_a_run_that_waits_sees_it_begin_and_end(backend: LocalBackend) -> None:
    limit(backend.home, 1)
    kept = backend.home.root / "volumes" / "kept"
    first, second = (backend.submit(Submission(workflow(name), [])).ref for name in ("first", "second"))
    until((kept / "began").exists)
    (kept / "all").touch()
    pictures = [snapshot.workflow.get("status") or {} for snapshot in backend.watch(second)]
    assert pictures[0]["message"] == "waiting for its turn: no run before it"
    assert pictures[-1]["phase"] == "Succeeded"
    assert "waiting for its turn" not in str(backend.get(second)), "nothing of it is recorded"
    assert phase(backend, first) == "Succeeded"


def test_looking_after_runs_takes_no_other_process_away_from_whoever_started_it(backend: LocalBackend) -> None:
    other = subprocess.Popen(["sh", "-c", "exit 7"])
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    backend.revive()
    assert other.wait() == 7


def test_the_machine_says_how_many_where_nobody_does(backend: LocalBackend) -> None:
    assert most_engines(backend.home) >= 4
    limit(backend.home, 3)
    assert most_engines(backend.home) == 3
    limit(backend.home, None)
    assert most_engines(backend.home) >= 4
    (backend.home.root / "engines").write_text("many")
    assert most_engines(backend.home) >= 4
