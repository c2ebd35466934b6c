"""The server's process: its socket, its token, its end."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Any

import uvicorn

from argo.api.app import Guard, application
from argo.errors import EnvironmentFailure, UsageError
from argo.local.backend import LocalBackend
from argo.local.home import Home

TOKEN = "api.token"  # noqa: S105  (a file's name, below ARGOSY_HOME)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_GRACE = 5  # seconds in which answers under way may end


def token_of(home: Home, file: Path | None) -> tuple[str, Path]:
    """The token in `file`; without one, that of this home, which is made. Raises EnvironmentFailure, UsageError."""
    path = file or home.root / TOKEN
    try:
        if file is None and not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as new:
                new.write(secrets.token_urlsafe(32))
        if path.stat().st_mode & 0o077:
            raise EnvironmentFailure(f"the token in {path} may be read by others", hint=f"chmod 600 {path}")
        token = path.read_text(encoding="utf-8").strip().removeprefix("Bearer ")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentFailure(f"the token cannot be read from {path}: {reason}") from error
    if len(token) < 16:
        raise UsageError(f"the token in {path} is too short", hint="give it 16 letters or more")
    return token, path


def serve(backend: LocalBackend, listener: socket.socket, token: str) -> None:
    """Serve until SIGTERM or SIGINT: streams end, the processes that drive runs go on."""
    host = listener.getsockname()[0]
    hosts = _LOOPBACK | {host} if host not in ("0.0.0.0", "::") else _LOOPBACK | {socket.gethostname()}  # noqa: S104
    app = application(backend, token, frozenset(hosts))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=64 << 10, ws="none", server_header=False,
    )  # fmt: skip
    _Server(config, app).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams first when it is told to end: they would be waited for."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert isinstance(self._app, Guard)
        self._app.app.state.hub.end()
        await super().shutdown(sockets)
