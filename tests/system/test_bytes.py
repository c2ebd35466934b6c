"""Results are byte for byte what the job wrote, and a killed fetch leaves nothing under the final name."""

from __future__ import annotations

import hashlib
import signal
import time
from pathlib import Path

import pytest

from tests.system.conftest import Argosy

MIB = 1 << 20
DEFINITION = """\
kind: Dag
name: bytes
tasks:
  write:
    image: python:3.11-slim
    command: [python3, -c]
    args:
      - |
        import os
        block = bytes(range(256)) * 4096 + os.urandom(1 << 16)
        with open("${{{{ outputs.blob.path }}}}", "wb") as out:
            left = {size}
            while left:
                left -= out.write(block[:left])
    outputs:
      blob: {{kind: file, path: /out/blob.bin, mediaType: application/octet-stream}}
  pass:
    image: python:3.11-slim
    command: [python3, -c]
    args:
      - |
        import hashlib, shutil
        shutil.copyfile("${{{{ inputs.blob.path }}}}", "${{{{ outputs.blob.path }}}}")
        with open("${{{{ inputs.blob.path }}}}", "rb") as file, open("${{{{ outputs.sha256.path }}}}", "w") as out:
            out.write(hashlib.file_digest(file, "sha256").hexdigest())
    inputs:
      blob: {{kind: file, path: /in/blob.bin}}
    outputs:
      blob: {{kind: file, path: /out/blob.bin}}
      sha256: {{kind: value, path: /out/sha256}}
    with: {{blob: "${{{{ tasks.write.outputs.blob }}}}"}}
results:
  blob: "${{{{ tasks.pass.outputs.blob }}}}"
  sha256: "${{{{ tasks.pass.outputs.sha256 }}}}"
"""


@pytest.fixture
def blob_run(argosy: Argosy) -> str:
    (argosy.cwd / "bytes.yaml").write_text(DEFINITION.format(size=200 * MIB))
    run = argosy.json("run", "bytes.yaml", "--name", "blob")
    assert run["phase"] == "Succeeded"
    return str(run["results"]["sha256"])


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_200_mb_with_every_byte_value(argosy: Argosy, blob_run: str) -> None:
    (entry,) = argosy.json("fetch", "blob", "blob", "-d", "out")
    path = argosy.cwd / entry["path"]
    assert entry["size"] == path.stat().st_size == 200 * MIB
    with path.open("rb") as file:
        assert set(file.read(4096)) == set(range(256))
    assert entry["sha256"] == sha256(path) == blob_run


def test_a_killed_fetch_leaves_nothing_under_the_final_name(argosy: Argosy, blob_run: str) -> None:
    target = argosy.cwd / "out"
    killed = 0
    for step in range(12):
        process = argosy.start("fetch", "blob", "blob", "-d", "out")
        time.sleep(0.1 + 0.06 * step)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
        visible = [path for path in target.glob("[!.]*") if path.is_file()]
        for path in visible:  # only whole files ever bear the final name
            assert sha256(path) == blob_run
            path.unlink()
    assert killed
    (entry,) = argosy.json("fetch", "blob", "blob", "-d", "out")
    assert sha256(argosy.cwd / entry["path"]) == blob_run
