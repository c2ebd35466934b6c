"""Engine, nursery and supervisors are killed together, as when a machine stops: `argosy resume` alone goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.kills import KILLS
from tests.system.conftest import Argosy

STOPS = max(2, KILLS // 20)

TASK = """\
  t{depth}-{lane}:
    image: alpine:3
    command: [sh, -ec]
    args: ["sleep {seconds}; echo {depth}-{lane} > ${{{{ outputs.value.path }}}}"]
    outputs: {{value: {{kind: file, path: /out/value}}}}
"""
LANES, DEPTH = 3, 4


def chains(chance: random.Random) -> str:
    lines = ["kind: Dag", "name: chains", "tasks:"]
    for depth in range(DEPTH):
        for lane in range(LANES):
            seconds = round(chance.uniform(0.02, 0.4), 3)
            lines.append(TASK.format(depth=depth, lane=lane, seconds=seconds).rstrip())
            if depth:
                lines.append(f"    needs: [t{depth - 1}-{lane}]")
    return "\n".join(lines) + "\n"


def of(home: Path) -> list[int]:
    """The processes that serve the runs of a home, and those of its tasks."""
    marks = (f"ARGOSY_HOME={home}\0".encode(), f"{home}/runs/")
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            files = [str(link.readlink()) for link in (entry / "fd").iterdir()]
            if marks[0] in (entry / "environ").read_bytes() or any(name.startswith(marks[1]) for name in files):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def stop_all(home: Path) -> None:
    """Kill them all, as a power failure would, and wait until none is left."""
    while pids := of(home):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def finished(argosy: Argosy) -> int:
    """How many tasks have an end on record."""
    return len(list(argosy.home.glob("runs/*/pods/*/outcome.json")))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(STOPS))
def test_resume_alone_goes_on_after_the_machine_stopped(argosy: Argosy, seed: int) -> None:
    chance = random.Random(seed)
    (argosy.cwd / "chains.yaml").write_text(chains(chance))
    args: tuple[str, ...] = ("run", "chains.yaml", "--name", "chains")
    for _ in range(2):
        process = argosy.start(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wanted = finished(argosy) + chance.randrange(1, 4)
        while process.poll() is None and finished(argosy) < wanted:
            time.sleep(0.01)
        stop_all(argosy.home)
        process.communicate()
        args = ("resume", "chains")
    before = {path.parent.name: path.read_bytes() for path in argosy.home.glob("runs/*/pods/*/outcome.json")}
    argosy("resume", "chains")
    assert argosy.json("status", "chains")["phase"] == "Succeeded"
    after = {path.parent.name: path.read_bytes() for path in argosy.home.glob("runs/*/pods/*/outcome.json")}
    assert len(after) == LANES * DEPTH
    assert before.items() <= after.items()  # nothing that had finished has run again
