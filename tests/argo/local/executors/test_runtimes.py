"""The podman and docker executors: the commands they give, and a real podman where one works."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from argo.local.executors.folder import PodFolder
from argo.local.executors.local import Executor
from argo.local.executors.runtimes import Runtime, found
from argo.local.pods import PodOutcome
from tests.argo.local.executors.conftest import Machine, request, room, until_done, until_running
from tests.waiting import HANG

# Writes its arguments down, then does what a container would: runs the command, with the file of variables.
FAKE = """#!/bin/sh
here=$(dirname "$0")
printf '%s\\n' "$*" >> "$here/calls"
case $1 in
run)
  for word; do printf '%s\\0' "$word"; done > "$here/arguments"
  while [ "$1" != any/image:1 ]; do
    case $1 in
      --env-file) cp "$2" "$here/variables"; stat -c %a "$2" > "$here/mode"; . "$2";;
    esac
    shift
  done
  shift
  exec sh -c "$2";;
cp) case $2 in *:/out/there) echo copied > "$3";; *) exit 1;; esac;;
kill) cat "$here/pid" | xargs kill -9;;
esac
"""


class Fake:
    """A program that is taken for a container runtime."""

    def __init__(self, folder: Path, name: Executor) -> None:
        self.folder = folder
        self.name: Executor = name
        folder.mkdir()
        program = folder / name
        program.write_text(FAKE)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def arguments(self) -> list[str]:
        return (self.folder / "arguments").read_text().split("\0")[:-1]

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def values(self, flag: str) -> list[str]:
        words = self.arguments()
        return [words[at + 1] for at, word in enumerate(words) if word == flag]


@pytest.fixture(params=["podman", "docker"])
def fake(request: pytest.FixtureRequest, tmp_path: Path) -> Fake:
    return Fake(tmp_path / "fake", request.param)


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    opened = Machine(tmp_path, "auto")
    yield opened
    opened.close()


def run(machine: Machine, fake: Fake, template: dict[str, Any], **fields: Any) -> PodOutcome:
    template["container"] = {"image": "any/image:1", "command": ["sh"], **template["container"]}
    environment = {"PATH": f"{fake.folder}:{os.environ['PATH']}", "ARGO_TOKEN": "engine", "DOCKER_HOST": "there"}
    here = room({"nvidia.com/gpu": ("0", "1", "2")})
    pods = machine.pods(executor=fake.name, environment=environment, machine=here)
    pods.create(request(template, **fields))
    return until_done(pods)["n1"]


def test_command(machine: Machine, fake: Fake) -> None:
    machine.objects.secrets["token"] = {"key": b"hidden-value"}
    template = {
        "name": "t",
        "container": {
            "args": ["-c", "echo $PLAIN $HIDDEN"],
            "imagePullPolicy": "IfNotPresent",
            "workingDir": "/work",
            "env": [
                {"name": "PLAIN", "value": "two words"},
                {"name": "HIDDEN", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}},
                {"name": "LINES", "value": "a\nb"},
            ],
            "volumeMounts": [{"name": "v", "mountPath": "/out"}, {"name": "shm", "mountPath": "/dev/shm"}],
            "resources": {"limits": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"}},
            "securityContext": {
                "runAsUser": 1000,
                "runAsGroup": 100,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        },
        "inputs": {"artifacts": [{"name": "i", "path": "/in/i", "raw": {"data": "x"}}]},
    }
    volumes = ({"name": "v", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}})
    run(machine, fake, template, volumes=volumes)
    machine.close()
    words = fake.arguments()
    assert words[:2] == ["run", "--name"]
    assert words[2].startswith("argosy-n1-main-")
    assert words[-3:] == ["any/image:1", "-c", "echo $PLAIN $HIDDEN"]
    assert fake.values("--entrypoint") == ["sh"]
    assert fake.values("--workdir") == ["/work"]
    assert fake.values("--pull") == ["missing"]
    assert fake.values("--cpus") == ["0.500"]
    assert fake.values("--memory") == [str(1 << 30)]
    assert fake.values("--shm-size") == [str(2 << 30)]
    assert fake.values("--cap-drop") == ["ALL"]
    assert fake.values("--security-opt") == ["label=disable", "no-new-privileges"]
    assert (fake.values("--gpus") or fake.values("--device")) == (
        ['"device=0,1"'] if fake.name == "docker" else ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]
    )
    if os.getuid() == 0:
        assert fake.values("--user") == ["1000:100"]
    targets = [dict(item.split("=", 1) for item in mount.split(",")) for mount in fake.values("--mount")]
    assert [mount["target"] for mount in targets] == ["/out", "/argo", "/in/i"]
    variables = (fake.folder / "variables").read_text().splitlines()
    assert {"PLAIN=two words", "HIDDEN=hidden-value"} <= set(variables)
    assert not any(line.startswith(("LINES", "ARGO_TOKEN", "PATH")) for line in variables)
    assert fake.values("--env") == ["LINES"]
    assert (fake.folder / "mode").read_text() == "600\n"
    assert "hidden-value" not in " ".join(words)
    assert not (machine.path / "pods" / "n1" / "secrets").exists()
    assert fake.calls()[-1].startswith("rm --force --volumes argosy-n1-main-")


def test_outputs_are_copied_out(machine: Machine, fake: Fake) -> None:
    outputs = {
        "parameters": [{"name": "p", "valueFrom": {"path": "/out/there"}}],
        "artifacts": [
            {"name": "a", "path": "/out/there", "archive": {"none": {}}, "s3": {"key": "a"}},
            {"name": "b", "path": "/none/there", "optional": True, "s3": {"key": "b"}},
        ],
    }
    outcome = run(machine, fake, {"name": "t", "container": {"args": ["-c", "true"]}, "outputs": outputs})
    assert outcome.phase == "Succeeded", outcome.message
    assert outcome.outputs["parameters"][0]["value"] == "copied"
    assert machine.stored("a") == b"copied\n"
    assert [info.key for info in machine.store.list("")] == ["a"]


def test_failure_of_the_runtime_is_not_the_programs(machine: Machine, fake: Fake) -> None:
    outcome = run(machine, fake, {"name": "t", "container": {"args": ["-c", "echo no such image >&2; exit 125"]}})
    assert outcome.phase == "Error"
    assert "the container runtime could not start it" in outcome.message
    assert machine.log() == "no such image\n"


def test_failure_of_the_program(machine: Machine, fake: Fake) -> None:
    outcome = run(machine, fake, {"name": "t", "container": {"args": ["-c", "exit 3"]}})
    assert (outcome.phase, outcome.message) == ("Failed", "main: Error (exit code 3)")


def test_sigkill_goes_to_the_container(machine: Machine, fake: Fake) -> None:
    environment = {"PATH": f"{fake.folder}:{os.environ['PATH']}"}
    pods = machine.pods(executor=fake.name, environment=environment)
    source = f"echo $$$$ > {fake.folder}/pid; trap '' TERM; echo up; while :; do sleep 0.05; done"
    pods.create(
        request({"name": "t", "container": {"image": "any/image:1", "command": ["sh"], "args": ["-c", source]}})
    )
    until_running(pods)
    while "up" not in machine.log():
        pods.poll(0.05)
    pods.kill("n1", 0.1)
    assert until_done(pods)["n1"].message == "main: Error (exit code 137)"
    assert any(call.startswith("kill argosy-n1-main-") for call in fake.calls())


def test_no_image(machine: Machine, fake: Fake) -> None:
    outcome = run(machine, fake, {"name": "t", "container": {"image": ""}})
    assert (outcome.phase, outcome.message) == ("Error", "container main has no image")


def test_found_asks_whether_it_works(fake: Fake, tmp_path: Path) -> None:
    assert found({"PATH": str(tmp_path)}) == (None, "")
    assert found({"PATH": str(fake.folder)}) == (fake.name, "")
    (fake.folder / fake.name).write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "none").mkdir()
    assert found({"PATH": str(fake.folder)})[0] is None


@pytest.fixture(scope="session")
def podman_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small image, made of the machine's static busybox; skipped where podman cannot run it."""
    busybox = shutil.which("busybox")
    if not shutil.which("podman") or not busybox:
        pytest.skip("no podman, or no static busybox: apt-get install podman busybox-static")
    folder, image = tmp_path_factory.mktemp("image"), "localhost/argosy-test:system"
    with tarfile.open(folder / "rootfs.tar", "w") as archive:
        archive.add(busybox, "bin/busybox")
        for name in ("sh", "cat", "mkdir", "cp", "sleep", "echo"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    for command in (
        ["podman", "import", str(folder / "rootfs.tar"), image],
        ["podman", "run", "--rm", image, "/bin/sh", "-c", "true"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG)
        if done.returncode:
            pytest.skip(f"podman does not work here: {done.stderr.strip().splitlines()[-1:]}")
    return image


@pytest.mark.slow
def test_real_podman(machine: Machine, podman_image: str) -> None:
    template = {
        "name": "t",
        "script": {
            "image": podman_image,
            "command": ["sh", "-e"],
            "source": "cat /in/i; cp /in/i /out/o; mkdir -p /deep/er; echo 7 > /deep/er/p\n"
            "echo 1/2 > $ARGO_PROGRESS_FILE\n",
            "volumeMounts": [{"name": "v", "mountPath": "/out"}],
        },
        "inputs": {"artifacts": [{"name": "i", "path": "/in/i", "raw": {"data": "hello\n"}}]},
        "outputs": {
            "parameters": [{"name": "p", "valueFrom": {"path": "/deep/er/p"}}],
            "artifacts": [
                {"name": "o", "path": "/out/o", "archive": {"none": {}}, "s3": {"key": "o"}},
                {"name": "d", "path": "/deep", "archive": {"none": {}}, "s3": {"key": "d"}},
            ],
        },
    }
    pods = machine.pods(executor="podman", environment=dict(os.environ))
    pods.create(request(template, volumes=({"name": "v", "emptyDir": {}},)))
    outcome = until_done(pods)["n1"]
    assert outcome.phase == "Succeeded", (outcome.message, machine.log())
    assert (outcome.outputs["result"], outcome.progress) == ("hello", "1/2")
    assert outcome.outputs["parameters"][0]["value"] == "7"
    assert (machine.stored("o"), machine.stored("d/er/p")) == (b"hello\n", b"7\n")


@pytest.mark.slow
def test_real_podman_is_stopped(machine: Machine, podman_image: str) -> None:
    source = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    container = {"image": podman_image, "command": ["sh", "-c", source]}
    pods = machine.pods(executor="podman", environment=dict(os.environ))
    pods.create(request({"name": "t", "container": container}))
    until_running(pods)
    while "up" not in machine.log():
        pods.poll(0.1)
    name = Runtime("podman", os.environ).container_name(PodFolder(machine.path / "pods" / "n1"), "main")
    exists = ["podman", "container", "exists", name]
    assert subprocess.run(exists, check=False).returncode == 0
    pods.kill("n1", 0.1)
    assert until_done(pods)["n1"].message == "main: Error (exit code 137)"
    assert subprocess.run(exists, check=False).returncode == 1
