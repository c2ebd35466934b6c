"""The server mode of Atom Workflows: POST / `{"tr-url", "workflow-path"}` runs a DAG, and is answered at its end.

What may be run, and at which Task Runners, is said by whoever starts the server: a request cannot send its token
elsewhere, nor run what is not offered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from argo.errors import UsageError
from argo.listening import http_server, is_bearer

_LIMIT: Final = 64 << 10  # bytes of a request
_STATUS: Final = {0: 200, 1: 500, 2: 400, 3: 503}  # by the exit code of `argosy run`


class Ended(NamedTuple):
    """How `argosy run` ended: its exit code, and what it says of a failure."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Flows:
    """What may be run. `runners` are URLs of Task Runners, the first the default; `places` folders and beginnings of
    URLs; every request has to bring the `token`, where there is one; `run(path, runner)` runs a DAG to its end."""

    runners: Sequence[str]
    places: Sequence[str]
    run: Callable[[str, str], Ended]
    token: str = ""

    def asked(self, body: bytes) -> tuple[str, str]:
        """The path and the Task Runner that a request asks for. Raises UsageError."""
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UsageError('the body is JSON: {"tr-url": …, "workflow-path": …}')
        path, runner = value.get("workflow-path"), value.get("tr-url") or self.runners[0]
        if not isinstance(path, str) or not path or path.startswith("-"):
            raise UsageError("workflow-path is missing")
        known = next((url for url in self.runners if url.rstrip("/") == str(runner).rstrip("/")), None)
        if known is None:
            raise UsageError("tr-url is none of the Task Runners of this server")
        if not any(_is_in(path, place) for place in self.places):
            raise UsageError("workflow-path is in no place of this server")
        return path, known

    def allows(self, authorization: str) -> bool:
        """Whether a request may pass."""
        return not self.token or is_bearer(authorization, self.token)


def _is_in(path: str, place: str) -> bool:
    if "://" in place:
        inside = path.startswith(place.rstrip("/") + "/")
        return inside and ".." not in unquote(urlsplit(path).path).split("/")
    return "://" not in path and Path(path).resolve().is_relative_to(Path(place).resolve())


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    flows: Flows
    timeout = 60

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > _LIMIT:
            return self._answer(413, "The request is too large.")
        body = self.rfile.read(int(length))
        if not self.flows.allows(self.headers.get("Authorization", "")):
            return self._answer(401, "The token is missing, or not valid.")
        try:
            path, runner = self.flows.asked(body)
        except UsageError as error:
            return self._answer(400, f"Error: {error.message}.")
        begun = time.monotonic()
        ended = self.flows.run(path, runner)
        took = f"{time.monotonic() - begun:.1f}s"
        if ended.code == 0:
            return self._answer(200, f"Flow {path} ran with success in {took}.")
        return self._answer(_STATUS.get(ended.code, 500), f"Flow {path} failed in {took}. {ended.message}.")

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/health" else 405, "POST / runs a flow.")

    def _answer(self, status: int, text: str) -> None:
        data = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def server(flows: Flows, host: str, port: int) -> ThreadingHTTPServer:
    """A server that listens; `argo.listening.serve` serves. Raises EnvironmentFailure."""
    return http_server(type("Bound", (Handler,), {"flows": flows}), host, port)
