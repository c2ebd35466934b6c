"""The view that a container has of the machine: its own folders, the machine's bound in, declared paths its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from argo.local.executors.shim.view import Mount, View
from argo.local.executors.specification import Isolation, programs
from tests.argo.local.executors.conftest import Machine, shell
from tests.waiting import HANG


def test_top_folders_are_the_containers_own(isolated: Machine) -> None:
    source = (
        "echo x > /tmp/argosy-view-test; mkdir /any; echo y > /any/y; echo z > /mnt/z;"
        "ls /tmp /mnt /any; ls -d /usr /etc"
    )
    outcome = isolated.run(shell(source))
    assert outcome.phase == "Succeeded", isolated.log()
    assert outcome.outputs["result"].split() == [
        "/any:", "y", "/mnt:", "z", "/tmp:", "argosy-view-test", "/etc", "/usr"
    ]  # fmt: skip
    assert not Path("/tmp/argosy-view-test").exists()
    assert not Path("/any").exists()


@pytest.mark.parametrize(
    "path",
    ["/var/argosy-none/o", "/usr/share/argosy-none/deep/o", "/etc/argosy-none/o", "/usr/argosy-none-o", "/run/argosy/o",
     "/var/run/argosy/o", "/lib/argosy-none/o", "/dev/shm/argosy-none/o", "/opt/argosy/o", "/srv/o", "/tmp/../out/./o"],
)  # fmt: skip
def test_outputs_below_folders_of_the_machine(isolated: Machine, path: str) -> None:
    outputs = {"artifacts": [{"name": "o", "path": path, "archive": {"none": {}}, "s3": {"key": "o"}}]}
    folder = Path(os.path.normpath(path)).parent
    outcome = isolated.run(shell(f"mkdir -p {folder}; echo x > {path}; ls /usr/bin/env >/dev/null", outputs=outputs))
    assert outcome.phase == "Succeeded", (outcome.message, isolated.log())
    assert isolated.stored("o") == b"x\n"
    assert not Path(path).exists()


def test_a_file_of_the_machine_is_not_overwritten(isolated: Machine, tmp_path: Path) -> None:
    before = Path("/etc/passwd").read_bytes()
    outputs = {"parameters": [{"name": "p", "valueFrom": {"path": "/etc/passwd"}}]}
    outcome = isolated.run(shell("echo mine > /etc/passwd; ls /etc/group", outputs=outputs))
    assert outcome.outputs["parameters"][0]["value"] == "mine"
    assert Path("/etc/passwd").read_bytes() == before


def test_a_volume_in_a_folder_of_the_machine(isolated: Machine) -> None:
    isolated.objects.config_maps["c"] = {"data": {"k": "v"}}
    mounts = [
        {"name": "c", "mountPath": "/etc/argosy/conf"},
        {"name": "c", "mountPath": "/usr/share/argosy-none/file", "subPath": "k"},
        {"name": "e", "mountPath": "/var/lib/argosy-none"},
        {"name": "e", "mountPath": "/opt"},
    ]
    volumes = ({"name": "c", "configMap": {"name": "c"}}, {"name": "e", "emptyDir": {}})
    source = (
        "cat /etc/argosy/conf/k /usr/share/argosy-none/file; echo x > /var/lib/argosy-none/f; ls /opt;"
        "echo no > /etc/argosy/conf/k 2>/dev/null || echo read-only"
    )
    outcome = isolated.run(shell(source, container={"volumeMounts": mounts}), volumes=volumes)
    assert outcome.outputs["result"] == "vvf\nread-only", (outcome.message, isolated.log())


def test_symbolic_links_in_the_view_are_followed(isolated: Machine) -> None:
    outputs = {"artifacts": [{"name": "o", "path": "/out/o", "archive": {"none": {}}, "s3": {"key": "o"}}]}
    source = "mkdir /out /real; ln -s /real/there /out/o; ln -s ../real/last /real/there; echo x > /real/last"
    assert isolated.run(shell(source, outputs=outputs)).phase == "Succeeded"
    assert isolated.stored("o") == b"x\n"
    outcome = isolated.run(shell("mkdir /out; ln -s o /out/o", outputs=outputs), "n2")
    assert "/out/o no such file or directory" in outcome.message


def test_only_the_pods_own_processes_are_seen(isolated: Machine) -> None:
    outcome = isolated.run(shell("ls -d /proc/[0-9]* | wc -l; kill -0 1 && echo one"))
    assert int(outcome.outputs["result"].split()[0]) < 10


def test_many_entries_in_a_folder_that_is_taken_apart(isolated: Machine) -> None:
    outputs = {"parameters": [{"name": "p", "valueFrom": {"path": "/usr/bin/argosy-none-out"}}]}
    outcome = isolated.run(shell("echo x > /usr/bin/argosy-none-out; ls /usr/bin | wc -l", outputs=outputs))
    assert outcome.outputs["parameters"][0]["value"] == "x"
    assert int(outcome.outputs["result"]) == len(list(Path("/usr/bin").iterdir())) + 1


def test_programs_of_a_virtual_environment_are_found(isolated: Machine, tmp_path: Path) -> None:
    tools = tmp_path / "venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "tool").write_text("#!/bin/sh\necho from the environment\n")
    (tools / "tool").chmod(0o755)
    isolated.environment = {"PATH": f"{tools}:/usr/bin:/bin", "HOME": "/"}
    assert isolated.run(shell("tool; ls /tmp | wc -l")).outputs["result"].splitlines()[0] == "from the environment"


def test_programs() -> None:
    assert programs({"PATH": "/usr/bin:relative::/no/such/bin"}) == []


def test_place(tmp_path: Path) -> None:
    root = str(tmp_path)
    view = View(
        root, [Mount("/vol", "/data"), Mount("/deep", "/data/deep")], ["/out/x", "/usr/share/argosy-none/o"], []
    )
    assert view.place("/data/f") == "/vol/f"
    assert view.place("/data/deep/f") == "/deep/f"
    assert view.place("/usr/bin") == "/usr/bin"
    assert view.place("/out/y") == f"{root}/out/y"
    assert view.place("/usr/share/argosy-none/o/p") == f"{root}/usr/share/argosy-none/o/p"
    assert view.place("/usr/share/argosy-new") == f"{root}/usr/share/argosy-new"
    assert view.place("/") == f"{root}/"
    view.prepare()
    found = view.find("/usr/../etc/./passwd")
    assert found is not None
    assert found[1] == "/etc/passwd"
    found[0].close()


def test_canonical() -> None:
    path = Isolation("namespaces", {}).path
    assert path("/out/../x//y/") == "/x/y"
    assert path("x") == "/x"
    if Path("/bin").is_symlink():
        assert path("/bin/argosy") == "/usr/bin/argosy"


UNPRIVILEGED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from argo.local.executors.local import LocalPods
from argo.local.pods import PodRequest
from argo.storage import DirectoryStore

class RunObjects:
    def config_map(self, name): return None

where = Path(sys.argv[1])
outputs = {"artifacts": [{"name": "o", "path": "/var/none/o", "archive": {"none": {}}, "s3": {"key": "o"}}]}
source = "id -u; mkdir /x /var/none; cp /in/i /var/none/o; ls /tmp"
template = {"container": {"command": ["sh", "-ec"], "args": [source]},
            "inputs": {"artifacts": [{"name": "i", "path": "/in/i", "raw": {"data": "hello"}}]}, "outputs": outputs}
with LocalPods(where / "pods", DirectoryStore(where / "store"), RunObjects(), isolation="namespaces") as pods:
    pods.create(PodRequest("n", "n", "n", "argo", "wf", "u", template))
    while (outcome := dict(pods.poll(5)).get("n")) is None or outcome.phase == "Running":
        pass
print(outcome.phase, outcome.message, outcome.outputs.get("result"))
print((where / "store" / "argosy" / "o").read_text())
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="root is needed to be another user")
def test_without_any_rights(isolated: Machine, root: Path) -> None:
    """A user who is not root gets the same view, by a user namespace."""
    python = "/usr/bin/python3"
    version = [python, "-c", "import sys; print(sys.version_info >= (3, 11))"]
    if not Path(python).exists() or subprocess.run(version, capture_output=True, text=True).stdout != "True\n":
        pytest.skip("no Python that every user may run")
    where = Path("/var/tmp") / f"argosy-test-{os.getpid()}"
    where.mkdir(mode=0o700)
    try:
        for package in ("argo", "compiler"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(root / package, where / "code" / package, ignore=ignored)
        for path in [where, *where.rglob("*")]:
            os.chown(path, 65534, 65534)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", UNPRIVILEGED]
        done = subprocess.run(
            [*command, str(where), str(where / "code")], capture_output=True, text=True, timeout=HANG, cwd="/",
            env={"PATH": "/usr/bin:/bin", "HOME": "/"},
        )  # fmt: skip
        assert done.stdout.splitlines() == ["Succeeded  65534", "hello"], done.stdout + done.stderr
    finally:
        shutil.rmtree(where)


def test_auto_is_one_of_both(tmp_path: Path, namespaces: bool) -> None:
    machine = Machine(tmp_path, "auto")
    outcome = machine.run(shell("echo x > /argosy-auto-test 2>/dev/null || true; pwd"))
    machine.close()
    assert outcome.outputs["result"] == "/" if namespaces else outcome.outputs["result"].endswith("/root")


def test_warning_of_paths_that_cannot_be_moved(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "remap")
    outputs = {"parameters": [{"name": "p", "valueFrom": {"path": "/out/p"}}]}
    outcome = machine.run(shell("mkdir /out; echo /data/none/x http://h/a/b /usr/bin/env > /out/p", outputs=outputs))
    machine.close()
    assert outcome.phase == "Succeeded", machine.log()
    warning = machine.log().splitlines()[0]
    assert warning.startswith("warning: this system gives a process no view of its own: not moved: /data/none/x")
    assert "/out" not in warning
    assert "/usr" not in warning
