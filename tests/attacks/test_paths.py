"""Programs that leave links, pipes and devices where the engine looks for what they wrote."""

from __future__ import annotations

import gzip
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from argo.files.beneath import DEEPEST, Node
from argo.local.pods import PodOutcome
from tests.argo.local.executors.conftest import Machine, request, shell, until_done
from tests.attacks.runtimes import IMAGE, StandIn

Json = Any
HIDDEN = "what-only-the-host-knows"
VOLUMES = ({"name": "out", "emptyDir": {}},)


@pytest.fixture
def hidden() -> Iterator[Path]:
    """A file of the machine that no container was given, in a folder that a process would see."""
    with tempfile.TemporaryDirectory(prefix="argosy-attack-", dir="/var/tmp") as folder:
        (Path(folder) / "key").write_text(HIDDEN)
        yield Path(folder) / "key"


def template(source: str, *, parameter: str = "", artifact: Json | None = None, **container: Any) -> Json:
    mounts = [{"name": "out", "mountPath": "/out"}]
    outputs: Json = {}
    if parameter:
        outputs["parameters"] = [{"name": "p", "valueFrom": {"path": parameter}}]
    if artifact:
        outputs["artifacts"] = [{"name": "a", "s3": {"key": "a"}, **artifact}]
    given = {"image": IMAGE, "volumeMounts": mounts, **container}
    return shell(source, container=given, outputs=outputs)


Run = Callable[..., PodOutcome]


@pytest.fixture
def play(machine: Machine, runtime: StandIn) -> Run:
    """Run a template in a container of the runtime that is played."""

    def run(given: Json, node_id: str = "n1", volumes: Any = VOLUMES) -> PodOutcome:
        pods = machine.pods(executor=runtime.name, environment=runtime.environment)
        pods.create(request(given, node_id, volumes=volumes))
        return until_done(pods)[node_id]

    return run


def _stored(machine: Machine) -> bytes:
    """All that is stored, unpacked."""
    return b"".join(_content(machine.stored(info.key)) for info in machine.store.list(""))


def _content(data: bytes) -> bytes:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


@pytest.mark.parametrize(
    "source",
    ["ln -s {hidden} $MOUNT_out/result", "ln -s {folder} $MOUNT_out/d; ln -s d/key $MOUNT_out/result",
     "ln -s ../../../../../../../../../../../../../../../../../..{hidden} $MOUNT_out/result"],
)  # fmt: skip
def test_a_link_to_a_file_of_the_host_is_no_output(play: Run, machine: Machine, hidden: Path, source: str) -> None:
    source = source.format(hidden=hidden, folder=hidden.parent)
    outcome = play(template(source, parameter="/out/result", artifact={"path": "/out/result"}))
    assert outcome.phase == "Error"
    assert outcome.message == (
        "wait: Error (exit code 64): output parameter 'p': /out/result: no such file or directory;"
        " output artifact 'a': /out/result no such file or directory"
    )
    assert HIDDEN not in json.dumps(asdict(outcome), default=str)
    assert HIDDEN.encode() not in _stored(machine)


def test_a_folder_that_is_a_link_to_one_of_the_host(play: Run, hidden: Path) -> None:
    outcome = play(template(f"ln -s {hidden.parent} $MOUNT_out/d", parameter="/out/d/key"))
    assert outcome.phase == "Error"
    assert HIDDEN not in json.dumps(asdict(outcome), default=str)


def test_a_link_in_the_containers_own_layer_means_the_containers_file(play: Run, hidden: Path) -> None:
    outcome = play(template(f"mkdir $LAYER/work; ln -s {hidden} $LAYER/work/p", parameter="/work/p"))
    assert outcome.phase == "Error"
    assert HIDDEN not in json.dumps(asdict(outcome), default=str)


@pytest.mark.parametrize("archive", [{"zip": {}}, {"tar": {}}, {"none": {}}])
def test_packing_follows_no_link(play: Run, machine: Machine, hidden: Path, archive: Json) -> None:
    source = f"mkdir $MOUNT_out/d; cd $MOUNT_out/d; echo mine > f; ln -s {hidden} l; ln -s {hidden.parent} k"
    outcome = play(template(source, artifact={"path": "/out/d", "archive": archive}))
    assert outcome.phase == "Succeeded", outcome.message
    assert HIDDEN.encode() not in _stored(machine)


def test_a_link_that_stays_in_the_volume_is_followed(play: Run) -> None:
    source = "mkdir $MOUNT_out/deep; echo 7 > $MOUNT_out/deep/real; ln -s /out/deep/../deep/real $MOUNT_out/result"
    outcome = play(template(source, parameter="/out/result"))
    assert outcome.phase == "Succeeded", outcome.message
    assert outcome.outputs["parameters"][0]["value"] == "7"


@pytest.mark.parametrize("archive", [{"zip": {}}, {"tar": {}}, {"none": {}}])
@pytest.mark.parametrize("path", ["/out/result", "/out"])
def test_a_pipe_is_not_waited_for(play: Run, archive: Json, path: str) -> None:
    outcome = play(template("mkfifo $MOUNT_out/result", artifact={"path": path, "archive": archive}))
    if path == "/out/result":
        assert outcome.message == (
            "wait: Error (exit code 64): output artifact 'a': /out/result is a named pipe, no regular file or folder"
        )
    else:
        assert outcome.phase == "Succeeded", outcome.message


def test_a_pipe_is_no_parameter(play: Run) -> None:
    outcome = play(template("mkfifo $MOUNT_out/result", parameter="/out/result"))
    assert outcome.message.endswith("output parameter 'p': /out/result is a named pipe, no regular file")


def test_a_device_is_no_output(play: Run) -> None:
    outcome = play(template("ln -s /dev/zero $MOUNT_out/z", parameter="/out/z", artifact={"path": "/out/z"}))
    assert outcome.phase == "Error"


def test_a_parameter_is_no_larger_than_an_object_of_kubernetes(play: Run) -> None:
    outcome = play(template("truncate -s 1T $MOUNT_out/result", parameter="/out/result"))
    assert outcome.message.endswith("output parameter 'p': /out/result larger than 1048576 bytes")


@pytest.mark.parametrize("path", ["/out/d", "/out/d/f"])
def test_a_file_that_says_it_is_larger_than_the_disk(play: Run, path: str) -> None:
    source = "mkdir $MOUNT_out/d; truncate -s 8000P $MOUNT_out/d/f || truncate -s 15T $MOUNT_out/d/f"
    outcome = play(template(source, artifact={"path": path}))
    assert outcome.phase == "Error"
    assert "the disk" in outcome.message


@pytest.mark.parametrize("left", ["mkfifo", "ln -s /dev/zero"])
def test_nobody_waits_for_a_pipe_at_the_progress_file(play: Run, left: str) -> None:
    outcome = play(template(f"rm -f $MOUNT_argo/progress; {left} $MOUNT_argo/progress"))
    assert outcome.phase == "Succeeded", outcome.message
    assert outcome.progress is None


def test_nothing_is_copied_through_a_link_to_the_host(play: Run, tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.mkdir()
    source = f"ln -s {host} $MOUNT_argo/x; mkdir -p $LAYER/argo/x/deep; echo mine > $LAYER/argo/x/deep/new"
    play(template(source, parameter="/argo/x/deep/new"))
    assert not list(host.iterdir())


def test_folders_of_any_depth_are_removed(play: Run, machine: Machine) -> None:
    source = "cd $MOUNT_out; python3 -Sc \"import os; [(os.mkdir('d'), os.chdir('d')) for _ in range(1200)]\""
    outcome = play(template(source, artifact={"path": "/out", "optional": True}))
    assert outcome.phase == "Error"
    assert f"deeper than {DEEPEST}" in outcome.message
    outcome = play(template(source), "n2")
    assert outcome.phase == "Succeeded"
    machine.close()
    assert not (machine.path / "pods" / "n2" / "volumes").exists()


CLAIM = ({"name": "c", "persistentVolumeClaim": {"claimName": "c"}},)


def _on_claim(source: str, at: str = "/c", sub_path: str = "", **fields: Any) -> Json:
    mount = {"name": "c", "mountPath": at, **({"subPath": sub_path} if sub_path else {})}
    return shell(source, container={"image": IMAGE, "volumeMounts": [mount]}, **fields)


@pytest.mark.parametrize("sub_path", ["l", "l/deeper", "up/host"])
def test_a_sub_path_is_no_link_out_of_its_volume(play: Run, tmp_path: Path, hidden: Path, sub_path: str) -> None:
    source = f"ln -s {hidden.parent} $MOUNT_c/l; ln -s ../../.. $MOUNT_c/up"
    assert play(_on_claim(source), volumes=CLAIM).phase == "Succeeded"
    outcome = play(_on_claim("ls $MOUNT_c", sub_path=sub_path), "n2", CLAIM)
    assert outcome.phase == "Error"
    assert f"volume c: {sub_path} leads out of it by a symbolic link" in outcome.message
    assert [path.name for path in hidden.parent.iterdir()] == ["key"]


def test_a_sub_path_may_be_a_link_in_its_volume(play: Run) -> None:
    play(_on_claim("mkdir $MOUNT_c/real; echo x > $MOUNT_c/real/f; ln -s real $MOUNT_c/l"), volumes=CLAIM)
    outcome = play(_on_claim("cat $MOUNT_c/f", sub_path="l"), "n2", CLAIM)
    assert outcome.outputs["result"] == "x"


@pytest.mark.parametrize("inside", ["l/in", "l/deep/in", "file/in", "dangling", "key"])
def test_no_input_is_written_through_a_link(play: Run, hidden: Path, inside: str) -> None:
    source = f"cd $MOUNT_c; ln -s {hidden.parent} l; ln -s {hidden} file; ln -s {hidden.parent}/new dangling"
    assert play(_on_claim(f"{source}; ln -s {hidden} key"), volumes=CLAIM).phase == "Succeeded"
    inputs = {"artifacts": [{"name": "i", "path": f"/c/{inside}", "raw": {"data": "written"}, "mode": 0o777}]}
    play(_on_claim("true", inputs=inputs), "n2", CLAIM)
    assert [path.name for path in hidden.parent.iterdir()] == ["key"]
    assert hidden.read_text() == HIDDEN
    assert hidden.stat().st_mode & 0o777 != 0o777


def test_no_script_is_written_through_a_link(play: Run, hidden: Path) -> None:
    assert play(_on_claim(f"ln -s {hidden} $MOUNT_c/script"), volumes=CLAIM).phase == "Succeeded"
    mount = {"name": "c", "mountPath": "/argo/staging"}
    script = {"image": IMAGE, "command": ["sh"], "source": "true", "volumeMounts": [mount]}
    play({"name": "t", "script": script}, "n2", CLAIM)
    assert hidden.read_text() == HIDDEN


@pytest.mark.parametrize("name", ["../../../host", "a/b", "", "--x"])
def test_a_volumes_name_is_no_path(play: Run, tmp_path: Path, name: str) -> None:
    outcome = play(
        shell("true", container={"image": IMAGE, "volumeMounts": [{"name": name, "mountPath": "/v"}]}),
        volumes=({"name": name, "emptyDir": {}},),
    )
    assert outcome.message == (
        f"volume {name!r} is no name: letters, digits, '-', '.' and '_', a letter or digit first"
    )


def test_a_containers_name_is_no_path(play: Run, tmp_path: Path) -> None:
    given = shell("true", container={"image": IMAGE}, sidecars=[{"name": "../../x", "image": IMAGE, "command": ["ls"]}])
    assert "container '../../x' is no name" in play(given).message


def test_a_folder_that_becomes_a_link_while_it_is_read(tmp_path: Path, hidden: Path) -> None:
    inner = tmp_path / "tree" / "inner"
    inner.mkdir(parents=True)
    (inner / "key").write_text("mine")
    (tmp_path / "tree" / "z").write_text("mine")
    seen: list[bytes] = []

    def read() -> None:
        with Node.at(str(tmp_path / "tree")) as tree:
            for name, node in tree.walk():
                if name == "inner":
                    inner.rename(tmp_path / "tree" / "was")
                    inner.symlink_to(hidden.parent)
                if node.is_file:
                    seen.append(node.read(100))

    with pytest.raises(NotADirectoryError):
        read()
    assert seen == [b"mine"]


def test_what_is_held_stays_what_it_is(tmp_path: Path, hidden: Path) -> None:
    (tmp_path / "f").write_text("mine")
    with Node.at(str(tmp_path)) as folder, folder.child("f") as node:
        (tmp_path / "f").unlink()
        (tmp_path / "f").symlink_to(hidden)
        assert node.read(100) == b"mine"


def test_a_process_reads_links_as_its_own_view_has_them(machine: Machine) -> None:
    source = "mkdir /data /out; echo 7 > /data/real; ln -s /data/real /out/result; ln -s /proc/self/environ /out/env"
    outputs = {
        "parameters": [
            {"name": "p", "valueFrom": {"path": "/out/result"}},
            {"name": "e", "valueFrom": {"path": "/out/env", "default": "none"}},
        ]
    }
    outcome = machine.run(shell(source, outputs=outputs))
    assert [item["value"] for item in outcome.outputs["parameters"]] == ["7", "none"], outcome.message


@pytest.mark.slow
@pytest.mark.usefixtures("real_podman")
def test_the_real_podman_gives_no_file_of_the_host(machine: Machine, hidden: Path) -> None:
    source = (
        f"ln -s {hidden} /out/result; ln -s /etc/group /out/own; mkfifo /out/pipe; mkdir /out/d;"
        f"ln -s {hidden} /out/d/l; mkdir /w; ln -s {hidden} /w/p; rm -f /argo/progress; mkfifo /argo/progress"
    )
    given = template(source)
    paths = {"r": "/out/result", "own": "/out/own", "pipe": "/out/pipe", "w": "/w/p"}
    given["outputs"] = {
        "parameters": [{"name": name, "valueFrom": {"path": path, "default": "-"}} for name, path in paths.items()],
        "artifacts": [{"name": "z", "path": "/out/d", "archive": {"zip": {}}, "s3": {"key": "z"}}],
    }
    pods = machine.pods(executor="podman", environment=dict(os.environ))
    pods.create(request(given, volumes=VOLUMES))
    outcome = until_done(pods)["n1"]
    assert outcome.message == (
        "wait: Error (exit code 64): output parameter 'pipe': /out/pipe is a named pipe, no regular file"
    )
    values = {item["name"]: item.get("value") for item in outcome.outputs["parameters"]}
    assert values["r"] == values["w"] == "-"
    assert values["own"] != Path("/etc/group").read_text().removesuffix("\n")
    assert HIDDEN.encode() not in _stored(machine)
