"""Objects read from a real MinIO over a way that breaks and damages: every byte as stored, or an error that says so."""

from __future__ import annotations

import hashlib
import json
import random
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minio import Minio as Client
from minio.commonconfig import ComposeSource

from argo.storage import Denied, NotFound, S3Store, StorageError
from argo.storage.credentials import Credentials
from argo.storage.http import Reader
from argo.storage.store import uncounted
from tests.argo.storage.wire import Wire, random_cuts, wire
from tests.fixtures_minio import Minio
from tests.waiting import without_waiting

MIB = 1 << 20
CONTENT = random.Random(1).randbytes(21 * MIB + 4321)


def client(minio: Minio) -> Client:
    return Client(minio.endpoint, minio.access_key, minio.secret_key, secure=False)


@pytest.fixture(scope="module")
def bucket(minio: Minio, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`sha256` as Argosy stores it, `parts` as others do, `whole` in one part, `uneven` in parts of several sizes."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    file = tmp_path_factory.mktemp("content") / "content"
    file.write_bytes(CONTENT)
    minio.store(name).put_file("sha256", file)
    given = client(minio)
    given.fput_object(name, "parts", str(file), part_size=5 * MIB)
    given.fput_object(name, "whole", str(file), part_size=64 * MIB)
    sizes, place = [6 * MIB, 5 * MIB, 7 * MIB, 3 * MIB + 4321], 0
    for number, size in enumerate(sizes):
        file.write_bytes(CONTENT[place : place + size])
        given.fput_object(name, f"piece{number}", str(file), part_size=64 * MIB)
        place += size
    given.compose_object(name, "uneven", [ComposeSource(name, f"piece{number}") for number in range(len(sizes))])
    return name


@pytest.fixture
def way(minio: Minio) -> Iterator[Wire]:
    with wire(minio.endpoint) as found:
        yield found


@pytest.fixture
def store(minio: Minio, bucket: str, way: Wire, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """The bucket over the way, opened while that is well. Nothing waits long before it tries again."""
    without_waiting("argo.http", monkeypatch)
    found = S3Store(replace(minio.config(bucket), endpoint=way.endpoint))
    found.stat("whole")
    return found


KINDS = ["sha256", "parts", "whole", "uneven"]


@pytest.mark.parametrize("key", KINDS)
def test_every_byte_comes(key: str, store: S3Store, tmp_path: Path) -> None:
    moved: list[int] = []
    parts = tmp_path / "parts"
    parts.mkdir()
    info = store.download(key, tmp_path / "x", parts, moved.append)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert (info.size, info.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert sum(moved) == len(CONTENT)
    store.get_file(key, tmp_path / "folder" / "x")
    assert (tmp_path / "folder" / "x").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["x"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("key", KINDS)
def test_connections_that_break_are_taken_up_where_they_were(
    key: str, seed: int, store: S3Store, way: Wire, tmp_path: Path
) -> None:
    way.cuts[:] = random_cuts(seed, 12, 6 * MIB)
    before = way.passed
    info = store.get_file(key, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert info.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert way.passed - before < 2 * len(CONTENT), "what had come did not come again"


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("key", KINDS)
def test_a_damaged_byte_is_noticed(key: str, digest: bool, store: S3Store, way: Wire, tmp_path: Path) -> None:
    way.damage = {way.passed + 12 * MIB}
    with pytest.raises(StorageError, match="damaged"):
        store.download(key, tmp_path / "x", tmp_path, uncounted, digest=digest)
    assert list(tmp_path.iterdir()) == []
    store.get_file(key, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("key", KINDS)
def test_what_came_before_an_error_is_not_brought_again(
    key: str, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argo.storage.large.PIECE", MIB)
    parts = tmp_path / "parts"
    parts.mkdir()
    count = 0

    def stop(size: int) -> None:
        nonlocal count
        count += size
        if count > len(CONTENT) * 3 // 4:
            raise InterruptedError

    with pytest.raises(StorageError):
        store.download(key, tmp_path / "x", parts, stop)
    pulled: list[int] = []
    pull = Reader.pull

    def counted(self: Reader, name: str, etag: str, start: int, stop: int, *more: Any) -> None:
        pulled.append(stop - start)
        pull(self, name, etag, start, stop, *more)

    monkeypatch.setattr(Reader, "pull", counted)
    info = store.download(key, tmp_path / "x", parts, uncounted)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert info.sha256 == hashlib.sha256(CONTENT).hexdigest()
    # Three pieces were under way.
    assert 0 < sum(pulled) <= len(CONTENT) // 4 + 3 * max(pulled)
    assert not list(parts.glob("*.part"))


@pytest.mark.parametrize("key", ["parts", "whole"])
def test_what_came_whole_is_not_brought_again(
    key: str, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    assert store.download(key, tmp_path / "x", parts, uncounted, digest=False).sha256 is None
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "pull", lambda *_: pytest.fail("it was there"))
        store.download(key, tmp_path / "x", parts, uncounted, digest=False)
    with (tmp_path / "x").open("r+b") as file:
        file.seek(6 * MIB)
        file.write(bytes(8))
    store.download(key, tmp_path / "x", parts, uncounted, digest=False)
    assert (tmp_path / "x").read_bytes() == CONTENT


@pytest.mark.parametrize("key", KINDS)
@pytest.mark.parametrize("harm", ["flipped", "short", "journal"])
def test_what_is_kept_is_not_believed(key: str, harm: str, store: S3Store, tmp_path: Path) -> None:
    """A power failure, or a hand, between two attempts."""
    parts = tmp_path / "parts"
    parts.mkdir()
    count = 0

    def stop(size: int) -> None:
        nonlocal count
        count += size
        if count > len(CONTENT) // 2:
            raise InterruptedError

    with pytest.raises(StorageError):
        store.download(key, tmp_path / "x", parts, stop)
    part = next(path for path in parts.iterdir() if path.suffix == ".part")
    journal = part.with_name(part.name + ".ranges")
    if harm == "flipped":
        with part.open("r+b") as file:
            file.seek(100)
            file.write(bytes(200))
    elif harm == "short":
        with part.open("r+b") as file:
            file.truncate(100)
    else:
        journal.write_bytes(random.Random(3).randbytes(300) + journal.read_bytes() + b"\n1 ")
    store.download(key, tmp_path / "x", parts, uncounted)
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_an_object_that_changes_meanwhile_is_not_mixed(
    minio: Minio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argo.storage.large.PIECE", MIB)
    store = minio.store(f"b-{uuid.uuid4().hex[:12]}")
    (tmp_path / "in").write_bytes(CONTENT)
    store.put_file("k", tmp_path / "in")
    (tmp_path / "in").write_bytes(CONTENT[::-1])
    moved: list[int] = []
    lock = threading.Lock()

    def change(size: int) -> None:
        with lock:  # nothing goes on before it has changed
            if not moved:
                moved.append(size)
                store.put_file("k", tmp_path / "in")

    with pytest.raises(StorageError, match="has changed"):
        store.download("k", tmp_path / "x", tmp_path, change)
    assert not (tmp_path / "x").exists()


PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/\\"), min_size=1, max_size=40).filter(
    lambda text: text not in (".", "..") and not text.isspace()
)


@given(st.lists(PARTS, min_size=1, max_size=4).map("/".join), st.binary(max_size=50))
@settings(max_examples=60, deadline=None)
def test_any_key_is_signed_right(minio: Minio, tmp_path_factory: pytest.TempPathFactory, key: str, data: bytes) -> None:
    store = minio.store("keys")
    try:
        store.put_bytes(key, data)
    except StorageError:  # MinIO's own limits: names of files
        return
    path = tmp_path_factory.mktemp("key") / "x"
    store.get_file(key, path)
    assert path.read_bytes() == data


def test_a_shared_url_gives_the_object_and_nothing_else(store: S3Store) -> None:
    url = store.share("whole", timedelta(minutes=5))
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == CONTENT
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.replace("/whole?", "/parts?"))
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url.partition("?")[0])


def test_refusals(minio: Minio, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no object"):
        S3Store(minio.config(bucket)).get_file("no/such", tmp_path / "x")
    with pytest.raises(NotFound, match="no bucket"):
        S3Store(minio.config("absent")).get_file("x", tmp_path / "x")
    wrong = replace(minio.config(bucket), credentials=Credentials(minio.access_key, "not-the-secret"))
    with pytest.raises(Denied) as denied:
        S3Store(wrong).get_file("whole", tmp_path / "x")
    assert "not-the-secret" not in "".join(denied.value.lines())
    with pytest.raises(Denied):
        S3Store(replace(minio.config(bucket), credentials=None)).get_file("whole", tmp_path / "x")


def test_a_public_object_needs_no_credentials(minio: Minio, tmp_path: Path) -> None:
    minio.store("public").put_bytes("k", b"for all")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"}
    client(minio).set_bucket_policy("public", json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    S3Store(replace(minio.config("public"), credentials=None)).get_file("k", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"for all"


def test_credentials_that_end_by_themselves(minio: Minio, bucket: str, tmp_path: Path) -> None:
    from minio.credentials.providers import AssumeRoleProvider

    provider = AssumeRoleProvider(
        sts_endpoint=f"http://{minio.endpoint}", access_key=minio.access_key, secret_key=minio.secret_key
    )
    lent = provider.retrieve()
    config = replace(
        minio.config(bucket), credentials=Credentials(lent.access_key, lent.secret_key, lent.session_token)
    )
    S3Store(config).get_file("parts", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
