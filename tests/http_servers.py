"""Small HTTP servers in threads, for tests."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer, ThreadingMixIn
from typing import Any


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """A whole answer; an underscore in a header's name stands for a dash."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class Ending(ThreadingMixIn):
    """A thread for each connection; closing the server ends the open `connections`, also those that a handler added,
    and waits for the threads, whether or not the clients are done."""

    daemon_threads = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.connections: set[socket.socket] = set()
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)  # type: ignore[misc]

    def server_close(self) -> None:
        for request in [*self.connections]:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        super().server_close()


class EndingHTTPServer(Ending, ThreadingHTTPServer):
    """Of HTTP."""


@contextmanager
def running(server: TCPServer) -> Iterator[None]:
    """Serve in a thread of its own for a block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The root of the URL, without a slash at its end, at which a handler answers."""
    quiet = type(handler.__name__, (handler,), {"log_message": lambda *_: None})
    server = EndingHTTPServer(("127.0.0.1", 0), quiet)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
