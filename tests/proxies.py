"""A proxy of HTTP for tests: whatever host it is asked for, it leads to one server on this machine, and notes it."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.http_servers import answer, answering

HOST = "server.invalid"
"""A name that no resolver knows: what is asked for it comes by way of a proxy, or not at all."""
VARIABLES = ("http_proxy", "https_proxy", "no_proxy")


@dataclass
class Proxy:
    """`upstream` is where it leads (a URL), `asked` what it was asked for, `opened` the `user:password` it wants."""

    upstream: str
    opened: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxying(upstream: str, monkeypatch: pytest.MonkeyPatch, opened: str = "") -> Iterator[Proxy]:
    """A running proxy, which the environment names for everything."""
    proxy = Proxy(upstream, opened)

    class Handler(_Handler):
        given = proxy

    with answering(Handler) as proxy.url:
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        url = proxy.url.replace("//", f"//{opened}@") if opened else proxy.url
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("HTTPS_PROXY", url)
        yield proxy


class _Handler(BaseHTTPRequestHandler):
    given: Proxy

    def do_GET(self) -> None:
        self.given.asked.append(f"{self.command} {self.path}")
        self.close_connection = True
        wanted = f"Basic {b64encode(self.given.opened.encode()).decode()}" if self.given.opened else None
        if self.headers.get("Proxy-Authorization") != wanted:
            answer(self, 407)
            return
        place = urlsplit(self.given.upstream)
        with socket.create_connection((place.hostname, place.port)) as upstream, suppress(OSError):
            if self.command == "CONNECT":
                self.connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = self.path.partition("://")[2].partition("/")[2]
                dropped = ("connection", "proxy-authorization")
                kept = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in dropped]
                head = [f"{self.command} /{path} HTTP/1.1", *kept, "Connection: close", "", ""]
                upstream.sendall("\r\n".join(head).encode())
                upstream.sendall(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            back = threading.Thread(target=_pass_on, args=(upstream, self.connection))
            back.start()
            if self.command == "CONNECT":
                _pass_on(self.connection, upstream)
            back.join()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_CONNECT = do_GET  # noqa: N815


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: ca.crt, the certificate of a server (HOST, or 127.0.0.1), and a client's."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    (folder / "names").write_text(f"subjectAltName=IP:127.0.0.1,DNS:{HOST}\n")
    sign = ("x509", "-req", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    for name in ("server", "client"):
        openssl(*new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(*sign, "-in", f"{name}.csr", "-out", f"{name}.crt")
    return folder


def of_server(folder: Path, *, mutual: bool = False) -> ssl.SSLContext:
    """TLS as that server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.crt") if mutual else None)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
