"""The engine is killed at any moment, again and again: nothing is lost, nothing that has finished runs again."""

from __future__ import annotations

import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.kills import KILLS
from tests.system.conftest import Argosy
from tests.waiting import HANG, until

WIDTH, DEPTH = 5, 10
TASK = """\
  {name}:
    image: python:3.11-slim
    command: [python3, -c]
    args:
      - |
        import os, sys, time
        def note(kind):
            ledger = os.open("/ledger/{name}." + kind, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(ledger, b"x")
            os.fsync(ledger)
        note("started")
        time.sleep({seconds})
        open("${{{{ outputs.value.path }}}}", "w").write("{name}\\n")
        note("done")
    volumes: {{ledger: {{claim: ledger, path: /ledger}}}}
    outputs: {{value: {{kind: file, path: /out/value}}}}
"""


def definition(seed: int) -> str:
    """Five chains of ten tasks, each task noting its start and its end in a volume that all runs share."""
    chance = random.Random(seed)
    lines = ["kind: Dag", "name: chains", "tasks:"]
    for depth in range(DEPTH):
        for lane in range(WIDTH):
            text = TASK.format(name=f"t{depth}-{lane}", seconds=round(chance.uniform(0.02, 0.5), 3)).rstrip("\n")
            lines.append(text)
            if depth:
                lines.append(f"    needs: [t{depth - 1}-{lane}]")
    lines.append("results:")
    lines += [f'  r{d}-{w}: "${{{{ tasks.t{d}-{w}.outputs.value }}}}"' for d in range(DEPTH) for w in range(WIDTH)]
    return "\n".join(lines) + "\n"


def drive(argosy: Argosy, run: str, chance: random.Random, kills: int) -> int:
    """Start the run, kill its engine again and again until it ends or `kills` are spent; the kills done."""
    done, known = 0, False
    while True:
        known = known or argosy("status", run, code=None).returncode in (0, 1)
        args = ["resume", run] if known else ["run", "chains.yaml", "--name", run]
        process = argosy.start(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done < kills and progress(argosy, process, chance.choice((0, 1, 2, 5))):
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.0, 0.5))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                done += 1
                continue
        out, _ = process.communicate(timeout=HANG)
        # A kill may come after the end was recorded and before the process has ended.
        assert process.returncode == 0 or f"{run} has ended" in out, out
        return done


def progress(argosy: Argosy, process: subprocess.Popen[str], marks: int) -> bool:
    """Wait for so many new marks of tasks, however long the machine takes; whether they came before the end."""
    ledger = argosy.home / "volumes" / "ledger"

    def noted() -> int:
        return sum(1 for _ in ledger.iterdir()) if ledger.is_dir() else 0

    wanted = noted() + marks
    until(lambda: noted() >= wanted or process.poll() is not None, f"{marks} marks more")
    return noted() >= wanted


def assert_whole(argosy: Argosy, run: str, ledger: Path) -> None:
    state = argosy.json("status", run)
    assert state["phase"] == "Succeeded"
    files = {entry["output"]: argosy.cwd / entry["path"] for entry in argosy.json("fetch", run, "-d", run)}
    for depth in range(DEPTH):
        for lane in range(WIDTH):
            name = f"t{depth}-{lane}"
            assert files[f"r{depth}-{lane}"].read_text() == f"{name}\n"
            assert (ledger / f"{name}.started").read_bytes() == b"x", f"{name} was started more than once"
            assert (ledger / f"{name}.done").read_bytes() == b"x", f"{name} was run again"


@pytest.mark.slow
def test_kills(argosy: Argosy) -> None:
    chance = random.Random(20)
    (argosy.cwd / "chains.yaml").write_text(definition(1))
    kills, runs = 0, 0
    while kills < KILLS:
        run = f"chains-{runs}"
        kills += drive(argosy, run, chance, KILLS - kills)
        ledger = argosy.home / "volumes" / "ledger"
        assert_whole(argosy, run, ledger)
        for mark in ledger.iterdir():
            mark.unlink()
        runs += 1
    print(f"{kills} kills over {runs} runs")
