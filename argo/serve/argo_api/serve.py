"""The server's process: who is let in, and its end."""

from __future__ import annotations

import socket
from typing import Final

from argo.local.backend import LocalBackend
from argo.serve.argo_api.app import application
from argo.serve.argo_api.calls import LARGEST
from argo.serve.argo_api.errors import answer_error
from argo.serve.guard import Guard, small_server
from argo.serve.process import serve as serve_
from argo.serve.sockets import names

TOKEN: Final = "api.token"  # noqa: S105  (a file's name, below ARGOSY_HOME)
_GRACE: Final = 5  # seconds in which answers under way may end


def serve(backend: LocalBackend, listener: socket.socket, token: str) -> None:
    """Serve until SIGTERM or SIGINT: streams end, the processes that drive runs go on."""
    app = application(backend)
    admit = small_server(token, names(listener.getsockname()[0]), pages=True)
    serve_(Guard(app, admit, answer_error, LARGEST), listener, ending=app.state.hub.end, grace=_GRACE)
