"""A disk that fills, at any moment: the task or the run ends and says how to go on; nothing that finished is lost."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.disks import Disk
from tests.kills import KILLS
from tests.system.conftest import Argosy

FULL = "no space, or no inodes, left on the disk"
MOMENTS = max(3, KILLS // 20)

BIG = """\
kind: Dag
name: big
tasks:
  a:
    image: alpine:3
    command: [sh, -c]
    args: ["dd if=/dev/zero of=${{ outputs.x.path }} bs=1M count=5"]
    outputs: {x: {kind: file, path: /out/x}}
results: {x: "${{ tasks.a.outputs.x }}"}
"""

# Three chains; each task notes its end on another disk, prints, and hands on what it got with a line of its own.
LINK = """\
  t{depth}-{lane}:
    image: alpine:3
    command: [sh, -ec]
    args:
      - |
        head -c 2000 /dev/zero | tr '\\0' x
        sleep {seconds}
        {copy}
        yes {depth}-{lane} | head -n 3000 >> ${{{{ outputs.value.path }}}}
        head -c 2000 /dev/zero | tr '\\0' y
        printf x >> /ledger/{depth}-{lane}
    volumes: {{ledger: {{claim: ledger, path: /ledger}}}}
    outputs: {{value: {{kind: file, path: /out/value}}}}
"""
LANES, DEPTH = 3, 4


@pytest.fixture
def on_disk(small_disk: Disk, tmp_path: Path) -> Argosy:
    cwd = tmp_path / "work"
    cwd.mkdir()
    return Argosy(small_disk.path, cwd)


def chains(chance: random.Random) -> str:
    lines = ["kind: Dag", "name: chains", "tasks:"]
    for depth in range(DEPTH):
        for lane in range(LANES):
            copy = "cp ${{ inputs.before.path }} ${{ outputs.value.path }}" if depth else ""
            seconds = round(chance.uniform(0.02, 0.3), 3)
            lines.append(LINK.format(depth=depth, lane=lane, copy=copy, seconds=seconds).rstrip())
            if depth:
                lines.append("    inputs: {before: {kind: file, path: /in/before}}")
                lines.append(f'    with: {{before: "${{{{ tasks.t{depth - 1}-{lane}.outputs.value }}}}"}}')
    lines.append("results:")
    lines += [f'  r{lane}: "${{{{ tasks.t{DEPTH - 1}-{lane}.outputs.value }}}}"' for lane in range(LANES)]
    return "\n".join(lines) + "\n"


def test_a_task_that_fills_the_disk_fails_and_goes_on_when_there_is_space(on_disk: Argosy, small_disk: Disk) -> None:
    (on_disk.cwd / "big.yaml").write_text(BIG)
    small_disk.fill(leave=2 << 20)
    ran = on_disk("run", "big.yaml", "--name", "big", code=1)
    assert "main: Error (exit code 1): its log is not whole: No space left on device" in ran.stdout
    small_disk.make_space()
    on_disk("retry", "big", "--watch")
    (fetched,) = on_disk.json("fetch", "big", "-d", "out")
    assert (on_disk.cwd / fetched["path"]).stat().st_size == 5 << 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MOMENTS))
def test_the_disk_filled_at_a_random_moment(on_disk: Argosy, small_disk: Disk, seed: int) -> None:
    chance = random.Random(seed)
    (on_disk.cwd / "chains.yaml").write_text(chains(chance))
    ledger = small_disk.below("volumes/ledger", size="1m").path
    args: tuple[str, ...] = ("run", "chains.yaml", "--name", "chains")
    for left in reversed(range(8)):
        process = on_disk.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if left > 6 and comes_to(process, on_disk.home, ledger, chance.randrange(LANES * DEPTH)):
            time.sleep(chance.uniform(0, 0.3))
            chance.choice((small_disk.fill, small_disk.fill_inodes))()
        out, err = process.communicate(timeout=120)
        small_disk.make_space()
        print(f"argosy {' '.join(args)}: {process.returncode}\n{err}{out}")
        assert "Traceback" not in err
        assert "bug" not in err
        if process.returncode == 0:
            break
        args = then(args, process.returncode, out + err)
        assert left
    check(on_disk, ledger)


def comes_to(process: subprocess.Popen[str], home: Path, ledger: Path, count: int) -> bool:
    """Whether the process comes to run this many tasks before it ends."""
    while process.poll() is None:
        if (home / "state.db").exists() and len(list(ledger.iterdir())) >= count:
            return True
        time.sleep(0.01)
    return False


def then(before: tuple[str, ...], code: int, said: str) -> tuple[str, ...]:
    """The next command, as a failed one says it."""
    if code == 3:
        assert FULL in said, said
        if "then: argosy resume chains" in said:
            return "resume", "chains"
        assert "then: repeat the command" in said, said
        return before
    assert code == 1, said
    assert "No space left on device" in said, said
    return "retry", "chains", "--watch"


def check(argosy: Argosy, ledger: Path) -> None:
    assert argosy.json("status", "chains")["phase"] == "Succeeded"
    for entry in argosy.json("fetch", "chains", "-d", "out"):
        lane = entry["output"][1:]
        expected = "".join(f"{depth}-{lane}\n" * 3000 for depth in range(DEPTH))
        assert (argosy.cwd / entry["path"]).read_text() == expected
    assert {path.name: path.read_bytes() for path in ledger.iterdir()} == {
        f"{depth}-{lane}": b"x" for depth in range(DEPTH) for lane in range(LANES)
    }
