"""What a bucket says of itself, as S3 sends it: in pages, in chunks, with keys as in URLs."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from argo.storage import Denied, NotFound, StorageError
from argo.storage.credentials import Credentials
from argo.storage.http import Reader
from argo.storage.s3 import S3Config, S3Store
from argo.storage.signature import Signer
from tests.http_servers import EndingHTTPServer, running

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{contents}{more}</ListBucketResult>"""
OBJECT = "<Contents><Key>{key}</Key><ETag>&quot;e&quot;</ETag><Size>{size}</Size></Contents>"
ERROR = "<Error><Code>{code}</Code></Error>"

Answer = Callable[[str, dict[str, str]], tuple[int, str]]


class Server:
    """Answers in chunks, as `answer` says for a path and a query; `authorizations` are what came."""

    def __init__(self) -> None:
        self.answer: Answer = lambda *_: (500, "")
        self.authorizations: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.authorizations.append(self.headers.get("authorization", ""))
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                status, text = outer.answer(parts.path, query)
                self.send_response(status)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                data = text.encode()
                for piece in (data[:7], data[7:]):
                    if piece:
                        self.wfile.write(f"{len(piece):x};x=y\r\n".encode() + piece + b"\r\n")
                self.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")

            def log_message(self, *_: object) -> None:
                pass

        self.server = EndingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"127.0.0.1:{self.server.server_address[1]}"

    def store(self, region: str | None = "eu-west-1") -> S3Store:
        return S3Store(S3Config(self.endpoint, "b", secure=False, region=region, credentials=Credentials("k", "s")))


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    with running(found.server):
        yield found


def test_pages_in_chunks_with_keys_as_in_urls(server: Server) -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, str]:
        assert (path, query["list-type"], query["prefix"]) == ("/b/", "2", "a b/")
        if "continuation-token" not in query:
            contents = OBJECT.format(key="a+b/%C3%A4%2B%26", size=3) + OBJECT.format(key="a+b/folder/", size=0)
            more = "<IsTruncated>true</IsTruncated><NextContinuationToken>1/=+</NextContinuationToken>"
            return 200, PAGE.format(contents=contents, more=more)
        assert query["continuation-token"] == "1/=+"
        return 200, PAGE.format(contents=OBJECT.format(key="a+b/z", size=4), more="")

    server.answer = answer
    assert [(i.key, i.size, i.etag) for i in server.store().list("a b/")] == [("a b/ä+&", 3, "e"), ("a b/z", 4, "e")]
    assert all("/eu-west-1/s3/" in value for value in server.authorizations)


@pytest.mark.parametrize(
    ("status", "text", "signed"),
    [
        (200, '<LocationConstraint xmlns="http://s3">eu-north-1</LocationConstraint>', "eu-north-1"),
        (200, "<LocationConstraint/>", "us-east-1"),
        (403, ERROR.format(code="AccessDenied"), "us-east-1"),
    ],
)
def test_the_region_is_asked_for(server: Server, status: int, text: str, signed: str) -> None:
    server.answer = lambda _, query: (status, text) if "location" in query else (200, PAGE.format(contents="", more=""))
    assert list(server.store(region=None).list("")) == []
    assert "/us-east-1/s3/" in server.authorizations[0]
    assert f"/{signed}/s3/" in server.authorizations[1]


@pytest.mark.parametrize(
    ("status", "text", "kind", "said"),
    [
        (404, ERROR.format(code="NoSuchKey"), NotFound, "no object b/x"),
        (404, ERROR.format(code="NoSuchBucket"), NotFound, "no bucket b"),
        (403, ERROR.format(code="SignatureDoesNotMatch"), Denied, "SignatureDoesNotMatch"),
    ],
)
def test_refusals_in_chunks(
    server: Server, tmp_path: Path, status: int, text: str, kind: type[StorageError], said: str
) -> None:
    server.answer = lambda *_: (status, text)
    with pytest.raises(kind, match=said):
        server.store().get_file("x", tmp_path / "x")


def test_no_more_of_a_refusal_is_read_than_tells_what_it_is() -> None:
    """A server that gives the whole object for a range of it: 1 TiB, of which it sends a little and then waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40) + bytes(1 << 15))
                with suppress(ConnectionResetError):  # what it had not read yet makes the end a reset
                    connection.recv(1)  # until the other side ends it

        thread = threading.Thread(target=answer)
        thread.start()
        signer = Signer(False, f"127.0.0.1:{listening.getsockname()[1]}", "/b/", "us-east-1")
        reader = Reader("b", signer, ssl.create_default_context())
        with pytest.raises(StorageError, match="does not give ranges"), reader.get("x", 5):
            pass
        thread.join()


def test_what_is_no_list_is_said_to_be_none(server: Server) -> None:
    server.answer = lambda *_: (200, "<html><br></html>")
    with pytest.raises(StorageError, match="does not answer as S3 does"):
        list(server.store().list(""))


@pytest.mark.parametrize("size", ["", "-1", "1.5", "x", "\u0663", "9" * 40])
def test_a_size_that_is_none_is_the_servers_fault(server: Server, size: str) -> None:
    server.answer = lambda *_: (200, PAGE.format(contents=OBJECT.format(key="a", size=size), more=""))
    with pytest.raises(StorageError, match="does not answer as S3 does: an object's Size is"):
        list(server.store().list(""))


@pytest.mark.parametrize("tokens", ["a", "ab", "abc"])
def test_pages_that_come_again_end(server: Server, tokens: str) -> None:
    asked = 0

    def answer(_path: str, _query: dict[str, str]) -> tuple[int, str]:
        nonlocal asked
        asked += 1
        token = tokens[asked % len(tokens)]
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        return 200, PAGE.format(contents="", more=more)

    server.answer = answer
    with pytest.raises(StorageError, match="the same page again"):
        list(server.store().list(""))
