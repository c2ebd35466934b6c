"""What only a directory can do, or cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from argo.storage import Denied, DirectoryStore, NotFound, StorageError


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c/d"), ("a/b/c/d", "a/b")])
def test_object_and_prefix_may_not_clash(store: DirectoryStore, first: str, second: str) -> None:
    store.put_bytes(first, b"1")
    with pytest.raises(StorageError, match="both an object and a prefix"):
        store.put_bytes(second, b"2")
    assert [info.key for info in store.list("")] == [first]


def test_layout(store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("x/y", b"1")
    assert (tmp_path / "store" / "argosy" / "x" / "y").read_bytes() == b"1"


def test_a_given_file_is_shared(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"content")
    store.put_file("k", tmp_path / "big", give=True)
    assert (tmp_path / "big").samefile(tmp_path / "store" / "argosy" / "k")
    store.put_file("copy", tmp_path / "big")
    assert not (tmp_path / "big").samefile(tmp_path / "store" / "argosy" / "copy")


def test_a_changed_object_is_not_vouched_for(store: DirectoryStore, tmp_path: Path) -> None:
    store.put_bytes("k", b"content")
    file = tmp_path / "store" / "argosy" / "k"
    before = file.stat()
    file.write_bytes(b"changed!")
    info = store.stat("k")
    assert info is not None
    assert info.sha256 is None
    file.write_bytes(b"c0ntent")
    os.utime(file, ns=(before.st_mtime_ns, before.st_mtime_ns))  # as a disk that lies
    if hasattr(os, "getxattr") and "user.argosy.sha256" in os.listxattr(file):
        with pytest.raises(StorageError, match="not what was stored"):
            store.get_file("k", tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bucket", ["", "..", "a/b", ".x", "a..b"])
def test_bucket_names(tmp_path: Path, bucket: str) -> None:
    with pytest.raises(StorageError, match="bucket"):
        DirectoryStore(tmp_path, bucket)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_right_to_write(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(Denied):
        store.put_bytes("k", b"")


def test_a_folder_is_no_object(store: DirectoryStore) -> None:
    store.put_bytes("a/b", b"1")
    with pytest.raises(NotFound):
        store.open("a")
