"""The wall clock is set while a pod runs: neither its deadline nor its grace period comes sooner or later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from argo.local import clock
from argo.local.executors.supervisors import Supervisors
from tests.argo.local.executors.conftest import Machine, shell

SUPERVISOR = """
import json, sys, time
real, jump = time.time, float(sys.argv[1])
time.time = lambda: real() + jump
from argo.local.executors.shim.supervise import supervise
supervise(json.load(sys.stdin))
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What supervisors would have been told, of which none is started."""
    specs: list[dict[str, Any]] = []

    def start(_self: Supervisors, spec: dict[str, Any], _lock: int) -> int:
        specs.append(spec)
        raise OSError("not started")

    monkeypatch.setattr(Supervisors, "start", start)
    return specs


@pytest.mark.parametrize("jump", [86400, -86400])
def test_a_deadline_does_not_come_with_a_clock_that_is_set(
    isolated: Machine, root: Path, told: list[dict[str, Any]], jump: int
) -> None:
    isolated.run(shell("sleep 0.2; echo done"), active_seconds=3600)
    folder = isolated.path / "pods" / "n1"
    (folder / "outcome.json").unlink()
    command = [sys.executable, "-c", SUPERVISOR, str(jump)]
    subprocess.run(command, input=json.dumps(told[0]), text=True, check=True, cwd=root)
    record = json.loads((folder / "exit.json").read_text())
    assert (record["late"], record["containers"]["main"]["exitCode"]) == (False, 0)
    outcome = isolated.run(shell("never run"), active_seconds=3600)
    assert outcome.phase == "Succeeded"
    assert outcome.finished_at is not None
    assert abs(outcome.finished_at.timestamp() - clock.seconds()) < 3600, "by the engine's time"


def test_a_deadline_comes_although_the_clock_is_set_back(
    isolated: Machine, root: Path, told: list[dict[str, Any]]
) -> None:
    isolated.run(shell("exec sleep 600"), active_seconds=1)
    folder = isolated.path / "pods" / "n1"
    command = [sys.executable, "-c", SUPERVISOR, "-86400"]
    subprocess.run(command, input=json.dumps(told[0]), text=True, check=True, cwd=root)
    assert json.loads((folder / "exit.json").read_text())["late"] is True
