"""What every store does alike."""

from __future__ import annotations

import hashlib
import uuid
from io import TextIOWrapper
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argo.storage import DirectoryStore, NotFound, StorageError, Store


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "directory":
        return DirectoryStore(tmp_path / "store", "bucket")
    store: Store = request.getfixturevalue("minio").store(f"b-{uuid.uuid4().hex[:12]}")
    return store


def test_bytes_come_back(store: Store) -> None:
    info = store.put_bytes("a/b/c.txt", b"hello")
    assert (info.key, info.size, info.sha256) == ("a/b/c.txt", 5, hashlib.sha256(b"hello").hexdigest())
    assert store.stat("a/b/c.txt") == info
    with store.open("a/b/c.txt") as file:
        assert file.read() == b"hello"


def test_file_of_every_byte_comes_back(store: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) * 50_000  # more than one part of an S3 upload
    (tmp_path / "in").write_bytes(content)
    put = store.put_file("all", tmp_path / "in")
    got = store.get_file("all", tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out").read_bytes() == content
    assert put == got
    assert got.sha256 == hashlib.sha256(content).hexdigest()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize("give", [False, True])
def test_empty_and_overwritten(store: Store, tmp_path: Path, give: bool) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert store.put_file("k", tmp_path / "empty", give=give).size == 0
    assert store.put_bytes("k", b"new").size == 3
    with store.open("k") as file:
        assert file.read() == b"new"
    assert [info.size for info in store.list("")] == [3]
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_stretch_of_an_object_and_its_text(store: Store) -> None:
    store.put_bytes("k", b"first\nsecond\n")
    with store.open("k", 6, 3) as file:
        assert file.read(3) == b"sec"
    with store.open("k", 6) as file:
        assert file.read() == b"second\n"
    with TextIOWrapper(store.open("k")) as text:
        assert list(text) == ["first\n", "second\n"]


def test_what_is_not_there(store: Store, tmp_path: Path) -> None:
    assert store.stat("no/such") is None
    with pytest.raises(NotFound, match="no/such"):
        store.open("no/such")
    with pytest.raises(NotFound, match="no/such"):
        store.get_file("no/such", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    store.delete("no/such")
    assert list(store.list("nothing/")) == []


def test_a_prefix_is_not_an_object(store: Store) -> None:
    store.put_bytes("folder/file", b"")
    assert store.stat("folder") is None
    store.delete("folder")
    assert [info.key for info in store.list("folder/")] == ["folder/file"]


def test_list_is_by_prefix_and_in_order(store: Store) -> None:
    for key in ("p/b", "p/a/z", "p/a/a", "pq", "q"):
        store.put_bytes(key, key.encode())
    assert [info.key for info in store.list("p/")] == ["p/a/a", "p/a/z", "p/b"]
    assert [info.key for info in store.list("p")] == ["p/a/a", "p/a/z", "p/b", "pq"]
    assert [(info.key, info.size) for info in store.list("p/a/z")] == [("p/a/z", 5)]
    assert len(list(store.list(""))) == 5


def test_delete(store: Store) -> None:
    store.put_bytes("a/b", b"1")
    store.put_bytes("a/c", b"2")
    store.delete("a/b")
    assert [info.key for info in store.list("")] == ["a/c"]
    store.delete("a/c")
    store.put_bytes("a", b"3")
    assert [info.key for info in store.list("")] == ["a"]


def test_buckets_are_apart(store: Store) -> None:
    other = store.with_bucket(f"{store.bucket}-2")
    if not isinstance(other, DirectoryStore):
        other.make_bucket()  # type: ignore[attr-defined]  # only S3 has it
    store.put_bytes("k", b"1")
    assert other.stat("k") is None
    assert other.bucket != store.bucket
    assert store.with_bucket(store.bucket) is store


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/", "../x", "a/../../x", "a/./b", "a\0b", "x" * 2000])
def test_keys_that_are_refused(store: Store, key: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a key"):
        store.put_bytes(key, b"")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("key", ["ä/ü ö.txt", "a b/c+d&e=f", "..parts-not", "%41", "a.b/.hidden", "日本"])
def test_keys_of_all_kinds(store: Store, key: str) -> None:
    store.put_bytes(key, b"x")
    assert [info.key for info in store.list("")] == [key]
    assert [info.key for info in store.list(key[:3])] == [key]


def test_a_killed_download_leaves_nothing_under_the_name(store: Store, tmp_path: Path) -> None:
    store.put_bytes("k", b"new content")
    target = tmp_path / "folder"
    target.mkdir()
    (target / "out").mkdir()  # the rename fails as late as it can
    with pytest.raises(StorageError):
        store.get_file("k", target / "out")
    assert [path.name for path in target.iterdir()] == ["out"]


_part = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_part, min_size=1, max_size=4), st.binary(max_size=40))
def test_no_key_leaves_the_root(tmp_path_factory: pytest.TempPathFactory, parts: list[str], data: bytes) -> None:
    base = tmp_path_factory.mktemp("property")
    store, key = DirectoryStore(base / "store", "bucket"), "/".join(parts)
    try:
        store.put_bytes(key, data)
    except StorageError:
        assert not list(base.rglob("*")) or {".", ".."} & set(parts)
        return
    files = [path for path in base.rglob("*") if path.is_file()]
    assert [path.relative_to(base / "store" / "bucket").as_posix() for path in files] == [key]
    assert files[0].read_bytes() == data
    assert [path.name for path in base.iterdir()] == ["store"]


class Source:
    """Gives its pieces, then raises what it has to."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error

    def read(self, size: int) -> bytes:
        if self.pieces:
            piece, self.pieces[0] = self.pieces[0][:size], self.pieces[0][size:]
            if not self.pieces[0]:
                del self.pieces[0]
            return piece
        if self.error is not None:
            raise self.error
        return b""


@pytest.mark.parametrize("sizes", [[], [1], [1 << 20, 5], [9 << 20, 9 << 20, 1], [8 << 20]])
def test_a_stream_comes_back(store: Store, sizes: list[int]) -> None:
    pieces = [bytes([n + 1]) * size for n, size in enumerate(sizes)]
    info = store.put_stream("s/k", Source([*pieces]))
    sha256 = hashlib.sha256(b"".join(pieces)).hexdigest()
    assert (info.key, info.size, info.sha256) == ("s/k", sum(sizes), sha256)
    with store.open("s/k") as file:
        assert file.read() == b"".join(pieces)


@pytest.mark.parametrize("size", [5, 20 << 20])
def test_a_stream_that_breaks_leaves_nothing(store: Store, size: int) -> None:
    with pytest.raises(RuntimeError, match="gone"):
        store.put_stream("s/k", Source([b"x" * size], RuntimeError("gone")))
    assert store.stat("s/k") is None
    assert list(store.list("")) == []
