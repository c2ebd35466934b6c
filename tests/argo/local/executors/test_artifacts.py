"""Archives, input artifacts of every kind, outputs in S3, and what a log holds."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.errors import StoreError
from argo.files import archives
from argo.files.beneath import Node
from argo.local.executors.environment import expand
from argo.local.executors.outputs import printed
from argo.local.executors.remap import Remap
from tests.argo.local.executors.conftest import Machine, request, shell, until_done
from tests.fixtures_minio import Minio
from tests.http_servers import answering


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    opened = Machine(tmp_path, "auto")
    yield opened
    opened.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "a").write_bytes(b"A" * 100_000)
    (folder / "sub" / "run").write_text("#!/bin/sh\n")
    (folder / "sub" / "run").chmod(0o755)
    (folder / "link").symlink_to("sub/run")
    return folder


def _content(folder: Path) -> dict[str, Any]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.mark.parametrize("level", [0, 6, 9])
def test_tar_round(tree: Path, tmp_path: Path, level: int) -> None:
    with Node.at(str(tree)) as node:
        archives.pack_tar(node, tmp_path / "one.tgz", "tree", level)
        archives.pack_tar(node, tmp_path / "two.tgz", "tree", level)
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()
    assert archives.is_packed(tmp_path / "one.tgz")
    back = archives.unpack(tmp_path / "one.tgz", "tar", tmp_path / "back", 1 << 30)
    assert _content(back) == _content(tree)
    assert (back / "link").is_symlink()
    assert (back / "sub" / "run").stat().st_mode & 0o777 == 0o755


def test_zip_round(tree: Path, tmp_path: Path) -> None:
    with Node.at(str(tree)) as node:
        archives.pack_zip(node, tmp_path / "one.zip", "tree")
    back = archives.unpack(tmp_path / "one.zip", "zip", tmp_path / "back", 1 << 30)
    assert _content(back) == _content(tree)
    assert (back / "sub" / "run").stat().st_mode & 0o777 == 0o755


def test_an_archive_of_one_thing_is_that_thing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with Node.at(str(tmp_path / "file")) as node:
        archives.pack_tar(node, tmp_path / "t", "file")
    assert archives.unpack(tmp_path / "t", "tar", tmp_path / "other", 1 << 30).read_text() == "x"


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    "members",
    [
        [_member("../out")],
        [_member("a/../../out")],
        [_member("link", tarfile.SYMTYPE, "../..")],
        [_member("link", tarfile.SYMTYPE, "/etc")],
        [_member("link", tarfile.LNKTYPE, "../../secret")],
    ],
)
def test_nothing_leaves_the_folder(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "in").mkdir()
    with tarfile.open(tmp_path / "t", "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b""))
    with pytest.raises(StoreError, match="the archive is refused"):
        archives.unpack(tmp_path / "t", "tar", tmp_path / "in" / "x", 1 << 30)
    assert not (tmp_path / "out").exists()


def test_zip_may_not_leave_the_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("../out", b"x")
    with pytest.raises(StoreError, match="the archive is refused"):
        archives.unpack(tmp_path / "z", "zip", tmp_path / "x", 1 << 30)


@given(st.binary(max_size=600))
def test_any_bytes_are_looked_at(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for number, content in enumerate((data, gzip.compress(data), gzip.compress(data)[:-9])):
        (folder / "f").write_bytes(content)
        assert archives.is_packed(folder / "f") in (True, False)
        for kind in ("tar", "zip"):
            try:
                archives.unpack(folder / "f", kind, folder / f"{kind}{number}", 1 << 30)
            except StoreError:
                continue


def test_directory_as_tar_and_zip(machine: Machine) -> None:
    outputs = {
        "artifacts": [
            {"name": "t", "path": "/out/d", "s3": {"key": "d.tgz"}, "archive": {"tar": {"compressionLevel": 0}}},
            {"name": "z", "path": "/out/d", "s3": {"key": "d.zip"}, "archive": {"zip": {}}},
        ]
    }
    outcome = machine.run(shell("mkdir -p /out/d/in; echo 1 > /out/d/a; echo 2 > /out/d/in/b", outputs=outputs))
    assert outcome.phase == "Succeeded", outcome.message
    inputs = {
        "artifacts": [
            {"name": "t", "path": "/in/t", "s3": {"key": "d.tgz"}},
            {"name": "z", "path": "/in/z", "s3": {"key": "d.zip"}, "archive": {"zip": {}}},
            {"name": "raw", "path": "/in/raw", "s3": {"key": "d.zip"}},
            {"name": "kept", "path": "/in/kept", "s3": {"key": "d.tgz"}, "archive": {"none": {}}},
        ]
    }
    source = "cat /in/t/a /in/t/in/b /in/z/a /in/z/in/b; head -c 2 /in/raw; tar xzOf /in/kept d/a"
    outcome = machine.run(shell(source, inputs=inputs), "n2")
    assert outcome.outputs["result"] == "1\n2\n1\n2\nPK1", (outcome.message, machine.log("n2"))


def test_dollars_of_a_template_are_kubernetes(machine: Machine) -> None:
    """Argo's executor is given the template in a variable, but for one that is too long for it."""
    artifacts = [{"name": "x", "path": "/in/x", "raw": {"data": "$$ $(date)\n"}}]
    script = {"command": ["sh"], "source": "cat /in/x; echo '$$ $1 $$(X)'"}
    template = {"name": "t", "script": script, "inputs": {"artifacts": artifacts}}
    assert machine.run(template).outputs["result"] == "$ $(date)\n$ $1 $(X)"
    long = {**template, "script": {**script, "source": f"{script['source']}\n{'#' * (128 << 10)}"}}
    assert machine.run(long, "n2").outputs["result"] == "$$ $(date)\n$$ $1 $$(X)"


def test_mode(machine: Machine) -> None:
    artifacts = [{"name": "x", "path": "/in/x", "mode": 0o755, "raw": {"data": "#!/bin/sh\necho ran\n"}}]
    assert machine.run({**shell("/in/x"), "inputs": {"artifacts": artifacts}}).outputs["result"] == "ran"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/file" and self.headers["X-Word"] == "please"
        self.send_response(200 if found else 404 if self.path == "/none" else 403)
        self.end_headers()
        if found:
            self.wfile.write(b"content")


@pytest.fixture
def url() -> Iterator[str]:
    with answering(_Handler) as found:
        yield found


def test_http(machine: Machine, url: str) -> None:
    def artifact(path: str, **more: Any) -> dict[str, Any]:
        headers = [{"name": "X-Word", "value": "please"}]
        return {
            "inputs": {
                "artifacts": [{"name": "h", "path": "/in/h", "http": {"url": url + path, "headers": headers}, **more}]
            }
        }

    assert machine.run(shell("cat /in/h", **artifact("/file"))).outputs["result"] == "content"
    outcome = machine.run(shell("true", **artifact("/none")), "n2")
    assert outcome.message.endswith("failed with 404")
    assert machine.run(shell("true", **artifact("/none", optional=True)), "n3").phase == "Succeeded"
    assert machine.run(shell("true", **artifact("/forbidden", optional=True)), "n4").phase == "Error"


def test_an_optional_prefix_with_nothing_below_it_is_an_empty_folder(machine: Machine) -> None:
    artifacts = [
        {"name": "all", "path": "/in/all", "optional": True, "archive": {"none": {}}, "s3": {"key": "loop/files"}},
        {"name": "none", "path": "/in/none", "optional": True},
    ]
    outcome = machine.run(shell("ls -A /in; ls -A /in/all", inputs={"artifacts": artifacts}))
    assert (outcome.phase, outcome.outputs["result"]) == ("Succeeded", "all")


def test_artifacts_that_cannot_be_had(machine: Machine) -> None:
    artifacts = [{"name": "g", "path": "/in/g", "git": {"repo": "x"}}]
    outcome = machine.run(shell("true", inputs={"artifacts": artifacts}))
    assert (outcome.phase, outcome.message.partition("load: ")[2]) == (
        "Error",
        "git artifacts cannot be had on this machine",
    )


def test_outputs_in_s3(machine: Machine, minio: Minio) -> None:
    pods = machine.pods(store=minio.store("pods"))
    outputs = {"artifacts": [{"name": "o", "path": "/out/o", "archive": {"none": {}}, "s3": {"key": "k/o"}}]}
    pods.create(request(shell("mkdir /out; echo x > /out/o", outputs=outputs)))
    assert until_done(pods)["n1"].phase == "Succeeded"
    inputs = {"artifacts": [{"name": "d", "path": "/in", "s3": {"bucket": "pods", "key": "k"}}]}
    pods.create(request(shell("cat /in/o", inputs=inputs), "n2"))
    assert until_done(pods)["n2"].outputs["result"] == "x"


def test_a_log_holds_whole_lines_with_their_times_and_streams(machine: Machine) -> None:
    pods = machine.pods()
    pods.create(request(shell("for i in 1 2 3; do echo $i; sleep 0.1; done; printf end")))
    until_done(pods)
    path = machine.path / "pods" / "n1" / "main.log"
    assert [*printed(path)] == [b"1\n", b"2\n", b"3\n", b"end\n"]
    moment, stream, *_ = path.read_text().splitlines()[0].split(" ")
    assert stream == "stdout"
    assert time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")
    assert [*printed(path.with_name("none.log"))] == []


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$(B)", "$(B)"),
        ("$$(A)", "$(A)"),
        ("$A $", "$A $"),
        ("$$", "$"),
        ("x$(A)$(A)y", "x11y"),
        ("$(A", "$(A"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$($(A)", "$($(A)"),
        ("$()$(A$$", "$()$(A$"),
    ],
)
def test_expansion_is_kubernetes(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_remap() -> None:
    remap = Remap(["/out/a.txt", "/out", "/argosy-in/x"], lambda path: f"/pod{path}")
    assert remap.text("cp /argosy-in/x /out/a.txt; ls /out /outer /x/out '/out/' /out.txt /argosy-in") == (
        "cp /pod/argosy-in/x /pod/out/a.txt; ls /pod/out /outer /x/out '/pod/out/' /out.txt /pod/argosy-in"
    )
    assert remap.left("cat /data/y /out/a.txt > /tmp/z; /usr/bin/env") == {"/data/y", "/tmp/z"}
