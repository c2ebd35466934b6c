"""The store does not answer for a while, at any moment: it is waited for, and no task fails for it."""

from __future__ import annotations

import random
import subprocess
import time
from contextlib import suppress

import pytest

from tests.faults import Door, door
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.kills import KILLS
from tests.system.conftest import Argosy
from tests.waiting import HANG

MOMENTS = max(3, KILLS // 20)

PROJECT = """\
profiles:
  s3: {{store: {{endpoint: "127.0.0.1:{port}", bucket: away, insecure: true}}}}
"""

CHAINS = """\
kind: Dag
name: chains
inputs: {first: {kind: file}}
tasks:
"""

LINK = """\
  t{depth}-{lane}:
    image: alpine:3
    command: [sh, -ec]
    args: ["(cat ${{{{ inputs.before.path }}}}; echo {depth}-{lane}) > ${{{{ outputs.value.path }}}}"]
    inputs: {{before: {{kind: file, path: /in/before}}}}
    with: {{before: "${{{{ {before} }}}}"}}
    outputs: {{value: {{kind: file, path: /out/value}}}}
"""
LANES, DEPTH = 3, 3


def chains() -> str:
    text = CHAINS
    for depth in range(DEPTH):
        for lane in range(LANES):
            before = f"tasks.t{depth - 1}-{lane}.outputs.value" if depth else "inputs.first"
            text += LINK.format(depth=depth, lane=lane, before=before)
    results = [f'  r{lane}: "${{{{ tasks.t{DEPTH - 1}-{lane}.outputs.value }}}}"' for lane in range(LANES)]
    return text + "results:\n" + "\n".join(results) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_store_that_is_away_for_a_while_is_waited_for(
    argosy: Argosy, minio: Minio, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    minio.store("away")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    chance = random.Random(seed)
    name = f"chains-{seed}"
    (argosy.cwd / "chains.yaml").write_text(chains())
    (argosy.cwd / "first.txt").write_text("first\n")
    with door(minio.endpoint) as way:
        (argosy.cwd / "argosy.yaml").write_text(PROJECT.format(port=way.server_address[1]))
        args = ("run", "chains.yaml", "--profile", "s3", "-i", "first=first.txt", "--name", name)
        process = argosy.start(*args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        passes(way, process, chance.randrange(40_000))
        way.shut = True
        with suppress(subprocess.TimeoutExpired):
            process.wait(4 + 8 * chance.random())
        way.shut = False
        out, _ = process.communicate(timeout=HANG)
        print(out)
        assert process.returncode == 0, out
        for entry in argosy.json("fetch", name, "-d", "out"):
            lane = entry["output"][1:]
            lines = ["first", *(f"{depth}-{lane}" for depth in range(DEPTH))]
            assert (argosy.cwd / entry["path"]).read_text().split() == lines


def passes(way: Door, process: subprocess.Popen[str], count: int) -> None:
    """Wait until so many bytes have passed, or the process has nothing more to send."""
    while way.passed < count and process.poll() is None:
        time.sleep(0.002)
