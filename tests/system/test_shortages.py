"""A file system that cannot be written to, too few open files: what is there is shown, the rest says why not."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from argo.backend import RunRef
from argo.local.state.database import State
from tests.disks import Disk
from tests.system.conftest import Argosy
from tests.waiting import HANG

HELLO = """\
kind: Dag
name: hello
tasks:
  a:
    image: alpine:3
    command: [sh, -c]
    args: ["echo said; echo made > ${{ outputs.x.path }}"]
    outputs: {x: {kind: file, path: /out/x}}
results: {x: "${{ tasks.a.outputs.x }}"}
"""


def read_all(argosy: Argosy) -> None:
    (run,) = argosy.json("list")
    assert (run["name"], run["phase"], run["active"]) == ("hello", "Succeeded", False)
    assert argosy.json("status", "hello")["phase"] == "Succeeded"
    assert "said" in argosy("logs", "hello").stdout
    assert "x" in argosy("results", "hello").stdout
    (fetched,) = argosy.json("fetch", "hello", "-d", "out")
    assert (argosy.cwd / fetched["path"]).read_text() == "made\n"


def test_what_cannot_be_written_to_can_be_read(small_disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    argosy = Argosy(small_disk.path, tmp_path / "work")
    (argosy.cwd / "hello.yaml").write_text(HELLO)
    argosy("run", "hello.yaml", "--name", "hello")
    small_disk.remount("ro")
    read_all(argosy)
    for command in (("run", "hello.yaml", "--name", "again"), ("delete", "hello"), ("resubmit", "hello")):
        refused = argosy(*command, code=3)
        assert "the file system is read-only" in refused.stderr, refused.stderr
        assert "next: mount it for writing, or set ARGOSY_HOME to another folder" in refused.stderr
    small_disk.remount("rw")
    shutil.rmtree(argosy.cwd / "out")
    small_disk.fill()
    small_disk.fill_inodes()
    read_all(argosy)


def test_what_stands_in_the_log_alone_is_read_too(small_disk: Disk, tmp_path: Path) -> None:
    ref = RunRef("first", "default", "0b8c6b4e-0000-4000-8000-000000000001")
    writing = State(tmp_path / "state.db")
    writing.add(ref, {"metadata": {"name": "first", "uid": ref.uid}, "spec": {}}, [])
    for file in tmp_path.glob("state.db*"):
        shutil.copy(file, small_disk.path)
    writing.close()
    small_disk.remount("ro")
    reading = State(small_disk.path / "state.db")
    assert [row.ref for row in reading.rows()] == [ref]
    with pytest.raises(Exception, match="the file system is read-only"):
        reading.delete(ref.uid)
    reading.close()


@pytest.mark.parametrize("limit", [10, 12, 14])
def test_too_few_open_files_are_said_to_be_and_the_run_goes_on(argosy: Argosy, limit: int) -> None:
    (argosy.cwd / "hello.yaml").write_text(HELLO)

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    process = argosy.start("run", "hello.yaml", "--name", "hello", stderr=subprocess.PIPE, preexec_fn=few)
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 3, err
    assert "too many open files" in err
    assert "next: raise the limit of open files (ulimit -n 1024), then: argosy resume hello" in err
    argosy("resume", "hello")
    read_all(argosy)
