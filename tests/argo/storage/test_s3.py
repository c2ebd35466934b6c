"""What only S3 can go wrong with, and its configuration."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from argo.storage import Denied, NotFound, S3Config, S3Store, StorageError, Unreachable
from argo.storage.credentials import Credentials, credentials
from tests.fixtures_minio import Minio


def test_wrong_secret_is_denied_and_not_told(minio: Minio) -> None:
    config = replace(minio.config("denied"), credentials=Credentials(minio.access_key, "wrong-secret-value"))
    with pytest.raises(Denied) as caught:
        S3Store(config).put_bytes("k", b"")
    assert "wrong-secret-value" not in str(caught.value.lines())
    assert "wrong-secret-value" not in repr(config)


def test_no_bucket(minio: Minio) -> None:
    with pytest.raises(NotFound, match="no bucket absent"):
        S3Store(minio.config("absent")).put_bytes("k", b"")


def test_nobody_answers(impatient: None) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        store = S3Store(S3Config(f"127.0.0.1:{port}", "bucket", secure=False, credentials=Credentials("a", "b")))
        with pytest.raises(Unreachable, match="does not answer"):
            store.stat("k")


def test_an_endpoint_with_a_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not an endpoint"):
        S3Store(S3Config("http://host/path", "bucket")).get_file("k", tmp_path / "x")


@pytest.mark.parametrize(
    ("environment", "key", "secret", "token"),
    [
        ({}, None, None, None),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "t"}, "a", "b", "t"),
        ({"MINIO_ACCESS_KEY": "m", "MINIO_SECRET_KEY": "n", "AWS_SESSION_TOKEN": "t"}, "m", "n", None),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "MINIO_ACCESS_KEY": "m", "MINIO_SECRET_KEY": "n"},
            "a",
            "b",
            None,
        ),
    ],
)
def test_credentials(environment: dict[str, str], key: str | None, secret: str | None, token: str | None) -> None:
    found = credentials(environment)
    assert found == (Credentials(key, secret, token) if key and secret else None)


def test_half_a_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Denied, match="AWS_SECRET_ACCESS_KEY"):
        credentials({"AWS_ACCESS_KEY_ID": "a"})
