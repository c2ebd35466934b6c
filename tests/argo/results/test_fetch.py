"""Results arrive byte for byte, whole or not at all, nowhere but in their folder."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.errors import ArgosyError, ConflictError, NotFoundError, StoreError
from argo.files.archives import unpack
from argo.results.fetch import FetchedFile, FetchOptions
from argo.results.names import local_names, part_name
from argo.storage import DirectoryStore
from argo.storage.errors import StorageError
from argo.storage.store import utf8_key
from argo.workflow.outputs import Result
from tests.argo.results.fetching import fetch


def artifact(name: str, key: str, **more: Any) -> Any:
    return {"name": name, "path": f"/out/{name}.bin", "s3": {"key": key}, "archive": {"none": {}}, **more}


def workflow(*artifacts: Any, parameters: list[dict[str, str]] | None = None) -> Any:
    node = {
        "id": "r", "name": "r", "type": "Pod", "phase": "Succeeded",
        "outputs": {"artifacts": list(artifacts), "parameters": parameters or []},
    }  # fmt: skip
    return {
        "metadata": {"name": "r", "namespace": "d", "uid": "u"},
        "status": {"phase": "Succeeded", "nodes": {"r": node}},
    }


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


def visible(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_bytes_sizes_and_digests(store: DirectoryStore, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000 + b"\r\n\x00"
    store.put_bytes("k/blob", data)
    files = fetch(
        workflow(artifact("blob", "k/blob"), parameters=[{"name": "v", "value": "ä\n"}]), store, tmp_path / "o"
    )
    out = tmp_path / "o"
    assert files == [
        FetchedFile("v", out / "v.txt", 3, hashlib.sha256("ä\n".encode()).hexdigest()),
        FetchedFile("blob", out / "blob.bin", len(data), hashlib.sha256(data).hexdigest()),
    ]
    assert (out / "blob.bin").read_bytes() == data
    assert list(files[0].as_json()) == ["output", "path", "size", "sha256"]
    assert sorted(p.name for p in out.iterdir()) == ["blob.bin", "v.txt"], "nothing of the stage is left"


def test_what_is_there_is_replaced_whole(store: DirectoryStore, tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        store.put_bytes("k", data)
        fetch(workflow(artifact("x", "k")), store, tmp_path / "o")
        assert (tmp_path / "o" / "x.bin").read_bytes() == data


def test_a_mistyped_name_and_a_missing_result(store: DirectoryStore, tmp_path: Path) -> None:
    subject = workflow(artifact("total", "nothing/there"))
    with pytest.raises(NotFoundError) as error:
        fetch(subject, store, tmp_path / "o", FetchOptions(["totl"]))
    assert "did you mean total?" in error.value.hint
    with pytest.raises(NotFoundError, match="not there"):
        fetch(subject, store, tmp_path / "o", FetchOptions(["total"]))
    skipped: list[str] = []
    assert fetch(subject, store, tmp_path / "o", skipped=lambda name, why: skipped.append(name)) == []
    assert skipped == ["total"]


def test_a_broken_object_never_gets_the_final_name(store: DirectoryStore, tmp_path: Path, monkeypatch: Any) -> None:
    store.put_bytes("k", b"whole")
    real = DirectoryStore.download

    def short(self: DirectoryStore, key: str, path: Path, *more: Any, **options: Any) -> Any:
        info = real(self, key, path, *more, **options)
        path.write_bytes(b"brokn")
        return replace(info, sha256=hashlib.sha256(b"brokn").hexdigest())

    monkeypatch.setattr(DirectoryStore, "download", short)
    with pytest.raises(StoreError, match="not the 5"):
        fetch(workflow(artifact("x", "k")), store, tmp_path / "o")
    assert visible(tmp_path / "o") == []


def tar_of(entries: list[tuple[str, bytes | str | None]], kinds: dict[str, bytes] | None = None) -> bytes:
    """A tgz of (name, content | link target | None for a folder)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(content, str):
                info.type, info.linkname = (kinds or {}).get(name, tarfile.SYMTYPE), content
            else:
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("top", None), ("top/a", b"1"), ("top/s/b", b"2"), ("top/l", "s/b")], ["x/a", "x/l", "x/s/b"]),
        ([("top/only", b"1")], ["x/only"]),
        ([("single.csv", b"1")], ["x"]),
        ([("./a", b"1"), ("./b", b"2")], ["x/a", "x/b"]),
    ],
)
def test_directories_are_unpacked_as_argo_does(
    entries: list[Any], expected: list[str], store: DirectoryStore, tmp_path: Path
) -> None:
    store.put_bytes("k.tgz", tar_of(entries))
    fetch(workflow(artifact("x", "k.tgz", archive={"tar": {}})), store, tmp_path / "o")
    assert visible(tmp_path / "o") == expected


EVIL: list[Any] = [
    [("../escaped", b"x")],
    [("/escaped", b"x")],
    [("a/../../escaped", b"x")],
    [("top/l", "../../outside"), ("top/f", b"1")],
    [("top/l", "/etc/passwd"), ("top/f", b"1")],
    [("top/d", ".."), ("top/d/escaped", b"x")],
    [("top/d", None), ("top/l", "d/../.."), ("top/f", b"1")],
    [("top/a", "b"), ("top/b", "../.."), ("top/f", b"1")],
    [("l", "/etc")],
]


@pytest.mark.parametrize("entries", EVIL)
def test_nothing_gets_out_of_the_folder(entries: list[Any], store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("k.tgz", tar_of(entries))
    with pytest.raises(ArgosyError):
        fetch(workflow(artifact("x", "k.tgz", archive={"tar": {}})), store, tmp_path / "deep" / "o")
    assert visible(tmp_path / "deep") == []
    assert not (tmp_path / "escaped").exists()


def test_devices_and_hard_links_out_are_refused(tmp_path: Path) -> None:
    for kind in (tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE):
        path = tmp_path / f"{kind!r}.tgz"
        path.write_bytes(tar_of([("f", b"x"), ("d", "../../etc/passwd")], {"d": kind}))
        with pytest.raises(StoreError):
            unpack(path, "tar", tmp_path / f"to{kind!r}", 1 << 20)


def test_a_bomb_is_refused(store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("k.tgz", tar_of([("zeros", bytes(1 << 20))]))
    with pytest.raises(StoreError, match="larger"):
        fetch(workflow(artifact("x", "k.tgz", archive={"tar": {}})), store, tmp_path / "o", FetchOptions(limit=1000))
    assert visible(tmp_path / "o") == []


def test_zips_are_unpacked_and_held_to_the_same(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    with zipfile.ZipFile(good, "w") as packed:
        packed.writestr("top/a.txt", "1")
        packed.writestr("top/b/c.txt", "2")
    assert visible(unpack(good, "zip", tmp_path / "good", 100)) == ["a.txt", "b/c.txt"]
    with zipfile.ZipFile(bad, "w") as packed:
        packed.writestr("../a.txt", "1")
    with pytest.raises(StoreError, match="reaches out"):
        unpack(bad, "zip", tmp_path / "bad", 100)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_no_archive(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "in").write_bytes(data)
    kinds: tuple[Literal["tar", "zip"], ...] = ("tar", "zip")
    for kind in kinds:
        try:
            unpack(folder / "in", kind, folder / kind, 1000)
        except StoreError:
            continue


def test_files_of_a_folder_keep_their_names(store: DirectoryStore, tmp_path: Path) -> None:
    names = [".zgroup", ".git/HEAD", "x/.zarray", "a\\b", "lat\udce9n", "tab\there"]
    for name in names:
        store.put_bytes(f"k/{name}", b"x")
    fetch(workflow(artifact("x", "k")), store, tmp_path / "o")
    (top,) = (tmp_path / "o").iterdir()
    assert sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()) == sorted(names)


def test_s3_has_no_keys_that_are_no_text() -> None:
    with pytest.raises(StorageError, match="is not UTF-8"):
        utf8_key("d/lat\udce9n")


def test_files_of_a_loop_become_a_folder(store: DirectoryStore, tmp_path: Path) -> None:
    for index in range(3):
        store.put_bytes(f"runs/d/r/u/count/counts/{index}.json", b"%d" % index)
    subject = workflow()
    declared = '{"all": {"task": "count", "output": "counts", "kind": "files", "key": "count/counts"}}'
    subject["metadata"]["annotations"] = {"argosy.dev/results": declared}
    fetch(subject, store, tmp_path / "o")
    assert visible(tmp_path / "o") == ["all/0.json", "all/1.json", "all/2.json"]


def test_a_file_is_not_put_where_a_folder_is(store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("k", b"x")
    (tmp_path / "o" / "x.bin").mkdir(parents=True)
    with pytest.raises(ConflictError, match="in the way"):
        fetch(workflow(artifact("x", "k")), store, tmp_path / "o")


NAMES = st.text(min_size=1, max_size=300).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text))


@given(st.lists(NAMES, max_size=12, unique=True))
def test_names_never_collide_nor_leave(names: list[str]) -> None:
    found = local_names([Result(name, "file", "", "", path="/out/a.csv") for name in names])
    folded = [str(path).lower() for path in found.values()]
    assert len(set(folded)) == len(names)
    for path in found.values():
        assert not path.is_absolute()
        assert all(part not in ("", ".", "..") and not part.startswith(".") for part in path.parts)
        assert all(len(part.encode()) < 256 for part in path.parts)
        assert not any(other.startswith(str(path).lower() + "/") for other in folded)


def test_awkward_names() -> None:
    assert [part_name(n) for n in ("..", ".git", "a\0b", "a\\b", " x ")] == ["_..", "_.git", "a_b", "a_b", "x"]


FETCHER = """
import sys, time
from pathlib import Path
from tests.argo.results.fetching import fetch
from argo.storage import DirectoryStore
from tests.argo.results.test_fetch import artifact, workflow
store = DirectoryStore(Path(sys.argv[1]))
real = DirectoryStore.download
def slow(self, key, path, *more, **options):
    path.write_bytes(b"half"); print("now", flush=True); time.sleep(60)
DirectoryStore.download = slow
fetch(workflow(artifact("x", "k")), store, Path(sys.argv[2]))
"""


def test_a_killed_fetch_leaves_nothing_and_the_next_one_tidies(store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("k", b"whole")
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", FETCHER, str(tmp_path / "store"), str(tmp_path / "o")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "o" / "x.bin").exists()
    fetch(workflow(artifact("x", "k")), store, tmp_path / "o")
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["x.bin"]
