"""A socket to serve at."""

from __future__ import annotations

import socket

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
