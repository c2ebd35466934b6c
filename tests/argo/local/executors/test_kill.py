"""An engine that is killed at any moment neither loses a pod nor runs one twice."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from argo.local.executors.folder import PodFolder
from tests.argo.local.executors.conftest import Machine, request, shell, until_done, until_running
from tests.waiting import HANG, until

ENGINE = """
import sys
from pathlib import Path
from tests.argo.local.executors.conftest import Machine, request, shell

path, isolation, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
machine = Machine(path, isolation)
pods = machine.pods()
for number in range(count):
    name = f"n{number}"
    template = shell(
        f"echo {name} >> /effects/{name}; sleep 0.0{number % 7}; echo {name} > /out/o",
        container={"volumeMounts": [{"name": "e", "mountPath": "/effects"}, {"name": "o", "mountPath": "/out"}]},
        inputs={"artifacts": [{"name": "i", "path": "/in/i", "raw": {"data": name}}]},
        outputs={"artifacts": [{"name": "o", "path": "/out/o", "archive": {"none": {}}, "s3": {"key": f"out/{name}"}}]},
    )
    effects = {"name": "e", "hostPath": {"path": str(path / "effects")}}
    pods.create(request(template, name, volumes=(effects, {"name": "o", "emptyDir": {}})))
done = set()
while len(done) < count:
    for name, outcome in pods.poll(5).items():
        if outcome.phase not in ("Pending", "Running"):
            assert outcome.phase == "Succeeded", (name, outcome)
            assert machine.stored(f"out/{name}").decode() == f"{name}\\n"
            done.add(name)
print("all", flush=True)
pods.close()
"""


def supervisor_of(machine: Machine) -> int:
    """The supervisor of the pod n1, which is recorded soon after it runs."""
    found: int = until(lambda: PodFolder(machine.path / "pods" / "n1").read("pid"), "its supervisor is recorded")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_engine_killed_again_and_again(machine: Machine, root: Path, seed: int) -> None:
    count = 24
    chance = random.Random(seed)
    (machine.path / "effects").mkdir()
    kills = 0
    for _ in range(200):
        command = [sys.executable, "-c", ENGINE, str(machine.path), machine.isolation, str(count)]
        engine = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root)
        try:
            said, complaint = engine.communicate(timeout=0.05 + chance.random() * 0.05 * (kills + 1))
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.communicate()
            kills += 1
            continue
        assert engine.returncode == 0, complaint.decode()
        assert said == b"all\n"
        break
    else:
        pytest.fail("never done")
    effects = {path.name: path.read_text() for path in (machine.path / "effects").iterdir()}
    assert effects == {f"n{number}": f"n{number}\n" for number in range(count)}
    assert kills


def test_live_pod_is_adopted(machine: Machine) -> None:
    first = machine.pods()
    template = shell("echo up; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo done", **_go())
    first.create(request(template))
    until_running(first)
    while "up" not in machine.log():
        first.poll(0.05)
    first.close()
    second = machine.pods()
    second.create(request(template))
    until_running(second)
    (machine.path / "pods" / "n1" / "root" / "tmp" / "go").touch()
    assert until_done(second)["n1"].outputs["result"] == "up\ndone"


def test_adopted_pod_can_be_killed(machine: Machine) -> None:
    first = machine.pods()
    first.create(request(shell("echo up; exec sleep 600")))
    until_running(first)
    while "up" not in machine.log():
        first.poll(0.05)
    first.close()
    second = machine.pods()
    second.kill("n1", 5)
    second.create(request(shell("echo up; exec sleep 600")))
    assert until_done(second)["n1"].message == "main: Error (exit code 143)"


def test_lost_supervisor(machine: Machine) -> None:
    pods = machine.pods()
    pods.create(request(shell("echo up; sleep 600")))
    until_running(pods)
    while "up" not in machine.log():
        pods.poll(0.05)
    os.kill(supervisor_of(machine), signal.SIGKILL)
    outcome = until_done(pods)["n1"]
    assert (outcome.phase, outcome.message) == ("Error", "pod deleted")
    again = machine.pods()
    again.create(request(shell("echo up; sleep 600")))
    assert until_done(again)["n1"].message == "pod deleted"


def test_what_never_started_is_started(machine: Machine) -> None:
    folder = machine.path / "pods" / "n1"
    (folder / "root" / "half").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "root" / "half" / "made").touch()
    outcome = machine.run(shell("ls /half 2>/dev/null || ls half 2>/dev/null || echo clean"))
    assert outcome.outputs["result"] == "clean"


def test_kill_before_start_is_remembered(machine: Machine) -> None:
    (machine.path / "pods" / "n1").mkdir(parents=True)
    pods = machine.pods()
    pods.kill("n1", 0)
    pods.create(request(shell("echo ran")))
    outcome = until_done(pods)["n1"]
    assert (outcome.phase, outcome.message) == ("Failed", "pod was stopped before its containers started")


def test_a_killed_nursery_is_replaced(machine: Machine) -> None:
    pods = machine.pods()
    pods.create(request(shell("sleep 0.3; echo 1")))
    until_running(pods)
    nursery = pods._supervisors._process
    assert nursery is not None
    nursery.kill()
    nursery.wait()
    pods.create(request(shell("echo 2"), "n2"))
    done = until_done(pods, 2)
    assert {name: outcome.outputs["result"] for name, outcome in done.items()} == {"n1": "1", "n2": "2"}


def test_two_engines_run_a_pod_once(machine: Machine) -> None:
    (machine.path / "effects").mkdir()
    template = shell("echo x >> /e/x; sleep 0.2", container={"volumeMounts": [{"name": "e", "mountPath": "/e"}]})
    volumes = ({"name": "e", "hostPath": {"path": str(machine.path / "effects")}},)
    both = [machine.pods(), machine.pods()]
    for pods in both:
        pods.create(request(template, volumes=volumes))
    assert [until_done(pods)["n1"].phase for pods in both] == ["Succeeded", "Succeeded"]
    assert (machine.path / "effects" / "x").read_text() == "x\n"


def _go() -> dict[str, object]:
    """Makes /tmp/go a declared path, so that it is the pod's own everywhere."""
    return {"outputs": {"parameters": [{"name": "go", "valueFrom": {"path": "/tmp/go", "default": ""}}]}}


def test_a_pod_that_ended_with_its_engine_is_run_anew(machine: Machine) -> None:
    first = machine.pods()
    first.create(request(shell("echo up; sleep 600", sidecars=[{"name": "aside", **shell("sleep 600")["container"]}])))
    until_running(first)
    while "up" not in machine.log():
        first.poll(0.05)
    first.close()
    os.kill(supervisor_of(machine), signal.SIGKILL)
    second = machine.pods()
    second.create(request(shell("while [ ! -e /tmp/go ]; do sleep 0.02; done; echo down", **_go())))
    while second.poll(60)["n1"].message != "run anew: it was cut off before its end was recorded":
        pass
    until((machine.path / "pods" / "n1" / "root" / "tmp").exists)
    (machine.path / "pods" / "n1" / "root" / "tmp" / "go").touch()
    outcome = until_done(second)["n1"]
    assert (outcome.phase, outcome.outputs["result"]) == ("Succeeded", "down")
    assert machine.log() == "down\n"


LATE = """
import os, signal, time
from argo.local.executors.shim import kernel

parent, asked = os.getpid(), kernel.die_with_parent

def late():
    os.kill(parent, signal.SIGKILL)
    while os.getppid() == parent:
        time.sleep(0.01)
    asked()

kernel.die_with_parent = late
kernel.start_init()
"""


def test_process_1_ends_where_its_supervisor_is_killed_as_it_begins() -> None:
    reader, writer = os.pipe()
    try:
        done = subprocess.run([sys.executable, "-c", LATE], pass_fds=[writer], check=False)
        os.close(writer)
        assert done.returncode == -signal.SIGKILL
        assert select.select([reader], [], [], HANG)[0]  # nothing holds the other end any more
    finally:
        os.close(reader)


def test_a_pod_that_was_to_be_ended_is_not_run_anew(machine: Machine) -> None:
    first = machine.pods()
    first.create(request(shell("sleep 600")))
    until_running(first)
    supervisor = supervisor_of(machine)
    first.close()
    os.kill(supervisor, signal.SIGKILL)
    second = machine.pods()
    second.kill("n1", 0)
    second.create(request(shell("echo ran")))
    outcome = until_done(second)["n1"]
    assert (outcome.phase, outcome.message) == ("Failed", "pod was stopped before its containers started")
