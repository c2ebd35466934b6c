"""A proxy that does to HTTP what networks and servers under load do, by a seed."""

from __future__ import annotations

import http.client
import json
import random
import select
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import Any
from urllib.parse import urlsplit

from tests.http_servers import Ending, answering, running
from tests.waiting import HANG

FAULTS = ("reset-before", "reset-after", "stall", "truncated", "twice", "refused-429", "refused-503", "lost-500")
STREAM_FAULTS = ("cut", "half-event", "stall", "again", "gone", "ended")
_DROPPED = frozenset({"host", "connection", "content-length", "transfer-encoding", "accept-encoding"})


class Faults:
    """What happens to the calls: `share` of them meet a fault, at most `most` in all. `stall` is in seconds."""

    def __init__(self, upstream: str, authority: Path | None, stall: float) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        self.host, self.port = parts.hostname, parts.port
        self.context = ssl.create_default_context(cafile=str(authority)) if authority else None
        self.stall = stall
        self.met: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._random = random.Random(0)
        self._share, self._left = 0.0, 0

    def begin(self, seed: int, share: float, most: int) -> None:
        """The faults of a trial."""
        with self._lock:
            self._random, self._share, self._left = random.Random(seed), share, most

    def choose(self, kinds: tuple[str, ...]) -> str:
        """What happens next; empty: nothing."""
        with self._lock:
            if self._left <= 0 or self._random.random() >= self._share:
                return ""
            self._left -= 1
            chosen = self._random.choice(kinds)
            self.met[chosen] += 1
            return chosen


@contextmanager
def proxy(upstream: str, authority: Path | None, stall: float) -> Iterator[tuple[str, Faults]]:
    """A running proxy: its URL, and its faults. `authority` is that of the upstream's certificate, None: plain HTTP."""
    faults = Faults(upstream, authority, stall)

    class Handler(_Handler):
        given = faults

    with answering(Handler) as url:
        yield url, faults


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Ending  # type: ignore[assignment]
    given: Faults

    def do_GET(self) -> None:
        self._pass()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _pass(self) -> None:
        with suppress(OSError):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "watch=true" in self.path or "workflow-events" in self.path:
                self._stream()
                return
            self._call(self.given.choose(FAULTS), body)

    def _call(self, fault: str, body: bytes) -> None:
        if fault == "reset-before":
            self._reset()
            return
        if fault.startswith("refused"):
            self._answer(int(fault[-3:]), _status(int(fault[-3:])))
            return
        with self._forward(body) as (status, answer):
            found = status, answer.read()
        if fault == "twice":
            with self._forward(body) as (status, answer):
                found = status, answer.read()
        if fault == "stall":
            time.sleep(self.given.stall)
        if fault in ("stall", "reset-after"):
            self._reset()
        elif fault == "lost-500":
            self._answer(500, _status(500))
        elif fault == "truncated":
            self._answer(*found, cut=len(found[1]) // 2)
            self._reset()
        else:
            self._answer(*found)

    def _stream(self) -> None:
        """Events as they come; a fault after the first ones."""
        with self._forward(b"") as (status, answer):
            if status != 200:
                self._answer(status, answer.read())
                return
            self.send_response(200)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while line := answer.readline():
                fault = self.given.choose(STREAM_FAULTS)
                if fault in ("cut", "half-event", "stall"):
                    if fault == "half-event":
                        self._chunk(line[: len(line) // 2])
                    if fault == "stall":
                        time.sleep(self.given.stall)
                    self._reset()
                    return
                if fault == "gone":
                    self._chunk(_GONE_OF_SERVER if "workflow-events" in self.path else _GONE)
                    break
                if fault == "ended":
                    break
                self._chunk(line * (2 if fault == "again" else 1))
            self.wfile.write(b"0\r\n\r\n")

    @contextmanager
    def _forward(self, body: bytes) -> Iterator[tuple[int, http.client.HTTPResponse]]:
        given = self.given
        assert given.port is not None
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        more: Any = {}
        if given.context is not None:
            kind, more = http.client.HTTPSConnection, {"context": given.context}
        upstream = kind(given.host, given.port, timeout=HANG, **more)
        try:
            upstream.connect()
            self.server.connections.add(upstream.sock)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _DROPPED}
            upstream.request(self.command, self.path, body or None, headers)
            answer = upstream.getresponse()
            yield answer.status, answer
        finally:
            self.server.connections.discard(upstream.sock)
            upstream.close()

    def _answer(self, status: int, body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _reset(self) -> None:
        """Have the peer see a reset: what is sent already may arrive or not."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _status(code: int) -> bytes:
    return json.dumps({"kind": "Status", "status": "Failure", "message": f"made up: {code}", "code": code}).encode()


_GONE = json.dumps({"type": "ERROR", "object": json.loads(_status(410))}).encode() + b"\n"
_OLD = {"grpc_code": 3, "http_code": 400, "message": "too old resource version: 1 (2)", "http_status": "Bad Request"}
_GONE_OF_SERVER = b"data: " + json.dumps({"error": _OLD}).encode() + b"\n\n"


class Door(TCPServer):
    """Passes connections on to a server, until it is shut: then what is open breaks and nothing is answered."""

    allow_reuse_address = True

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.shut = False
        self.passed = 0
        super().__init__(("127.0.0.1", 0), _Passage)


class _Server(Ending, Door):
    """A thread for each connection."""


class _Passage(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        with socket.create_connection(self.server.upstream) as upstream, suppress(OSError):
            ways = {self.request: upstream, upstream: self.request}
            while not self.server.shut:
                for ready in select.select([*ways], [], [], 0.02)[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    self.server.passed += len(data)
                    ways[ready].sendall(data)


@contextmanager
def door(endpoint: str) -> Iterator[Door]:
    """A door before the server at `host:port`; its own place is its `server_address`."""
    host, _, port = endpoint.partition(":")
    server = _Server((host, int(port)))
    with running(server):
        yield server
