"""A disk without space: programs go on without their logs, ends are recorded, what cannot be is taken up again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from argo.files.shortage import shortage
from argo.local.executors.local import LocalPods
from argo.storage import DirectoryStore
from tests.argo.local.executors.conftest import Json, Machine, request, shell, until_done, until_running
from tests.disks import Disk
from tests.disks import small_disk as small_disk

OUT = {"outputs": {"artifacts": [{"name": "x", "path": "/out/x", "s3": {"key": "k/x"}, "archive": {"none": {}}}]}}


# More than the exit record has room for: parameters are part of it.
PARAMETERS = {"parameters": [{"name": f"p{n}", "valueFrom": {"path": f"/out/p{n}"}} for n in range(3)]}


@pytest.fixture(params=["namespaces", "remap"])
def machine(request: pytest.FixtureRequest, small_disk: Disk, namespaces: bool) -> Iterator[Machine]:
    if request.param == "namespaces" and not namespaces:
        pytest.skip("this system gives no process a view of its own")
    opened = Machine(small_disk.path, request.param)
    yield opened
    opened.close()


def waiting(go: Path, source: str, **template: Json) -> Json:
    """A program that goes on when there is a file `go`, which it sees as a volume."""
    volume = {"name": "go", "mountPath": "/go"}
    program = f"until [ -e /go/{go.name} ]; do sleep 0.02; done\n{source}"
    return shell(program, container={"volumeMounts": [volume]}, **template)


def begin(machine: Machine, pods: LocalPods, folder: Path, source: str, **template: Json) -> None:
    """Start a program that waits, and see it run."""
    folder.mkdir()
    host = {"name": "go", "hostPath": {"path": str(folder)}}
    pods.create(request(waiting(folder / "go", source, **template), volumes=(host,)))
    until_running(pods, machine.path / "pods" / "n1" / "started")


def test_a_program_is_not_failed_for_want_of_its_log(machine: Machine, small_disk: Disk, tmp_path: Path) -> None:
    pods = machine.pods()
    begin(machine, pods, tmp_path / "go", "head -c 100000 /dev/zero | tr '\\0' x; exit 7")
    small_disk.fill()
    (tmp_path / "go" / "go").touch()
    outcome = until_done(pods)["n1"]
    assert outcome.phase == "Failed"
    assert outcome.message == "main: Error (exit code 7): its log is not whole: No space left on device"


def test_what_cannot_be_recorded_of_a_success_is_an_error(machine: Machine, small_disk: Disk, tmp_path: Path) -> None:
    pods = machine.pods()
    source = "mkdir -p /out; for n in 0 1 2; do head -c 200000 /dev/zero | tr '\\0' x > /out/p$n; done; touch /go/ready"
    begin(machine, pods, tmp_path / "go", f"{source}; until [ -e /go/more ]; do sleep 0.02; done", outputs=PARAMETERS)
    (tmp_path / "go" / "go").touch()
    while not (tmp_path / "go" / "ready").exists():
        pods.poll(0.02)
    small_disk.fill()
    (tmp_path / "go" / "more").touch()
    outcome = until_done(pods)["n1"]
    assert (outcome.phase, outcome.message) == ("Error", "no space to record what it left")


def test_a_log_says_where_lines_are_missing(machine: Machine, small_disk: Disk, tmp_path: Path) -> None:
    pods = machine.pods()
    more = "until [ -e /go/more ]; do sleep 0.02; done"
    begin(machine, pods, tmp_path / "go", f"seq 100000; touch /go/said; {more}; echo end")
    small_disk.fill()
    (tmp_path / "go" / "go").touch()
    while not (tmp_path / "go" / "said").exists():
        pods.poll(0.02)
    small_disk.make_space()
    (tmp_path / "go" / "more").touch()
    assert until_done(pods)["n1"].phase == "Succeeded"
    assert machine.log().endswith("end\n")
    assert "lines are missing here: No space left on device\n" in machine.log()


def test_what_no_disk_has_room_for_is_taken_up_again(machine: Machine, small_disk: Disk, tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    pods = machine.pods(store=store)
    begin(machine, pods, tmp_path / "go", "mkdir -p /out; echo x > /out/x", **OUT)
    (tmp_path / "go" / "go").touch()
    small_disk.fill_inodes()
    with pytest.raises(OSError) as caught:
        until_done(pods)
    assert shortage(caught.value) is caught.value
    small_disk.make_space()
    again = machine.pods(store=store)
    again.create(request(shell("never run"), "n1"))
    assert until_done(again)["n1"].phase == "Succeeded"
    with store.open("k/x") as file:
        assert file.read() == b"x\n"


def test_a_pod_that_no_space_is_left_for_is_started_later(machine: Machine, small_disk: Disk) -> None:
    pods = machine.pods()
    small_disk.fill()
    pods.create(request(shell("echo done")))
    with pytest.raises(OSError, match="No space left") as caught:
        until_done(pods)
    assert caught.value.errno == errno.ENOSPC
    small_disk.make_space()
    again = machine.pods()
    again.create(request(shell("echo done")))
    assert until_done(again)["n1"].phase == "Succeeded"
    assert machine.log() == "done\n"


def test_a_pod_is_stopped_on_a_full_disk(machine: Machine, small_disk: Disk, tmp_path: Path) -> None:
    pods = machine.pods()
    begin(machine, pods, tmp_path / "go", "")
    small_disk.fill_inodes()
    pods.kill("n1", 0.5)
    small_disk.make_space()
    assert until_done(pods)["n1"].phase == "Failed"
