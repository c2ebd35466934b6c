"""Sockets and small servers."""

from __future__ import annotations

import hmac
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from argo.errors import EnvironmentFailure


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises EnvironmentFailure."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        hint = "choose another --port"
        raise EnvironmentFailure(f"cannot serve at {host}:{port}: {error.strerror}", hint=hint) from error
    return listener


def http_server(handler: type[BaseHTTPRequestHandler], host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens; `serve` serves. Raises EnvironmentFailure."""
    listener = listen(host, port)
    made = ThreadingHTTPServer((host, port), handler, bind_and_activate=False)
    made.socket.close()
    made.socket = listener
    made.server_address = listener.getsockname()
    made.daemon_threads = True
    return made


def is_bearer(authorization: str, token: str) -> bool:
    """Whether an Authorization header brings the token."""
    return hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())


def serve(serving: ThreadingHTTPServer) -> None:
    """Serve until Ctrl-C."""
    try:
        serving.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass
    finally:
        serving.server_close()
