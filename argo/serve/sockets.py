"""Sockets that listen."""

from __future__ import annotations

import socket

from argo.errors import EnvironmentFailure

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def listen(host: str, port: int) -> socket.socket:
    """Listen for TCP connections. Raises EnvironmentFailure.

    The protocol is named: asyncio sends small answers at once (TCP_NODELAY) on sockets that say TCP, on no others.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        hint = "choose another --port"
        raise EnvironmentFailure(f"cannot serve at {host}:{port}: {error.strerror}", hint=hint) from error
    return listener


def address(listener: socket.socket, host: str) -> str:
    """The URL of what listens at a host, without a slash at its end."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def names(host: str, more: tuple[str, ...] = ()) -> frozenset[str]:
    """The names by which a server that listens at a host is called, those of the loopback always."""
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104
    return LOOPBACK | {name.lower() for name in (socket.gethostname() if everywhere else host, *more)}
