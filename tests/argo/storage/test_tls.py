"""MinIO over TLS with a private authority: verified, or refused with what to do."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from argo.storage import S3Store, StorageError, Unreachable
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio_tls as minio_tls

CONTENT = random.Random(2).randbytes((20 << 20) + 7)


def test_objects_go_and_come(minio_tls: Minio, tmp_path: Path) -> None:
    store = minio_tls.store("objects")
    (tmp_path / "in").write_bytes(CONTENT)
    stored = store.put_file("large", tmp_path / "in")
    assert store.get_file("large", tmp_path / "out") == stored
    assert (tmp_path / "out").read_bytes() == CONTENT
    store.put_bytes("small", b"s")
    store.get_file("small", tmp_path / "s")
    assert [info.key for info in store.list("")] == ["large", "small"]


def test_an_authority_nobody_named_is_not_trusted(minio_tls: Minio, tmp_path: Path) -> None:
    minio_tls.store("tls").put_bytes("k", b"x")
    stranger = S3Store(replace(minio_tls.config("tls"), ca_file=None))
    with pytest.raises(StorageError, match="not trusted") as refused:
        stranger.stat("k")
    assert "caFile" in refused.value.hint
    assert not isinstance(refused.value, Unreachable)
    with pytest.raises(StorageError, match="not trusted"):
        S3Store(replace(minio_tls.config("tls"), ca_file=None, region="us-east-1")).get_file("k", tmp_path / "x")


def test_plain_http_to_a_server_of_tls(minio_tls: Minio, impatient: None) -> None:
    plain = S3Store(replace(minio_tls.config("tls"), secure=False, ca_file=None))
    with pytest.raises(StorageError):
        plain.stat("k")


def test_tls_to_a_server_of_plain_http(minio: Minio, impatient: None) -> None:
    with pytest.raises(StorageError, match="does not answer"):
        S3Store(replace(minio.config("bucket"), secure=True)).stat("k")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_of_authorities_that_is_none(minio_tls: Minio, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StorageError) as refused:
        S3Store(replace(minio_tls.config("tls"), ca_file=file)).stat("k")
    assert "caFile" in refused.value.hint
