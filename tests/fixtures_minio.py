"""A MinIO server of the test's own: `from tests.fixtures_minio import minio` in a conftest makes the fixture known."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from argo.storage import S3Config, S3Store
from argo.storage.credentials import Credentials
from tests.left_behind import shared_environment
from tests.waiting import HANG, until

HOW = "MinIO is not here: `go install github.com/minio/minio@latest`, or set ARGOSY_MINIO to its program"


@dataclass(frozen=True)
class Minio:
    """A running server: host:port and its root credentials."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    authority: Path | None = None  # of its certificate; None: plain HTTP

    def config(self, bucket: str) -> S3Config:
        return S3Config(
            self.endpoint,
            bucket,
            secure=self.authority is not None,
            ca_file=self.authority,
            credentials=Credentials(self.access_key, self.secret_key),
        )

    def store(self, bucket: str) -> S3Store:
        """A store at a bucket, which is made."""
        store = S3Store(self.config(bucket))
        store.make_bucket()
        return store


def find_minio() -> str | None:
    """The server's program: ARGOSY_MINIO, PATH, or where `go install` puts it."""
    given = os.environ.get("ARGOSY_MINIO")
    if given:
        return given
    return shutil.which("minio") or shutil.which(Path.home() / "go" / "bin" / "minio")


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    with _serving(tmp_path_factory.mktemp("minio"), None) as server:
        yield server


@pytest.fixture(scope="session")
def minio_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    """A server over TLS, with a certificate of a private authority."""
    folder = tmp_path_factory.mktemp("tls")
    with _serving(tmp_path_factory.mktemp("minio"), _certificates(folder)) as server:
        yield server


@contextmanager
def _serving(data: Path, authority: Path | None) -> Iterator[Minio]:
    program = find_minio()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    server = Minio(f"127.0.0.1:{_free_port()}", secrets.token_hex(8), secrets.token_hex(16), authority)
    certificates = [] if authority is None else ["--certs-dir", str(authority.parent)]
    process = subprocess.Popen(
        [
            program,
            "server",
            "--quiet",
            "--address",
            server.endpoint,
            "--console-address",
            "127.0.0.1:0",
            *certificates,
            str(data),
        ],
        env={**shared_environment(), "MINIO_ROOT_USER": server.access_key, "MINIO_ROOT_PASSWORD": server.secret_key},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(HANG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _certificates(folder: Path) -> Path:
    """The authority, in a folder as MinIO wants it: public.crt, private.key."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority")
    openssl("req", *new[:3], "-keyout", "private.key", "-out", "server.csr", "-subj", "/CN=minio")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    sign = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *sign, "-out", "public.crt")
    return folder / "ca.crt"


def _wait(server: Minio, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=server.authority) if server.authority else None
    url = f"{'https' if context else 'http'}://{server.endpoint}/minio/health/ready"

    def ready() -> bool:
        assert process.poll() is None, f"MinIO ended with {process.returncode}"
        with suppress(OSError), urllib.request.urlopen(url, timeout=HANG, context=context):
            return True
        return False

    until(ready, "MinIO answers")
