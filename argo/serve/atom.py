"""The server mode of Atom Workflows: POST / `{"tr-url", "workflow-path"}` runs a DAG, and is answered at its end.

What may be run, and at which Task Runners, is said by whoever starts the server: a request cannot send its token
elsewhere, nor run what is not offered.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from argo.errors import UsageError
from argo.serve.guard import Admit, Guard

_LIMIT: Final = 64 << 10  # bytes of a request
_FLOWS: Final = 64  # at once; others wait
_FORMS: Final = (".yaml", ".yml", ".json")  # a definition in Python would be run by whoever reads it
_STATUS: Final = {0: 200, 1: 500, 2: 400, 3: 503}  # by the exit code of `argosy run`


class RunExit(NamedTuple):
    """The end of an `argosy run`: its exit code, and what it says of a failure."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Flows:
    """The DAGs that may be run. `runners` are URLs of Task Runners, the first the default; `places` folders and
    beginnings of URLs; `run(path, runner)` runs a DAG to its end."""

    runners: Sequence[str]
    places: Sequence[str]
    run: Callable[[str, str], RunExit]

    def asked(self, body: bytes) -> tuple[str, str]:
        """The path and the Task Runner that a request asks for. Raises UsageError."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise UsageError('the body is JSON: {"tr-url": …, "workflow-path": …}')
        path, runner = value.get("workflow-path"), value.get("tr-url") or self.runners[0]
        if not isinstance(path, str) or not path or path.startswith("-"):
            raise UsageError("workflow-path is missing")
        if not path.endswith(_FORMS):
            raise UsageError(f"workflow-path names no DAG in a file that ends in {', '.join(_FORMS)}")
        known = next((url for url in self.runners if url.rstrip("/") == str(runner).rstrip("/")), None)
        if known is None:
            raise UsageError("tr-url is none of the Task Runners of this server")
        if not any(_is_in(path, place) for place in self.places):
            raise UsageError("workflow-path is in no place of this server")
        return path, known


def _is_in(path: str, place: str) -> bool:
    if "://" in place:
        inside = path.startswith(place.rstrip("/") + "/")
        return inside and ".." not in unquote(urlsplit(path).path).split("/")
    if "://" in path:
        return False
    file = Path(path).resolve()
    return file.name.endswith(_FORMS) and file.is_relative_to(Path(place).resolve())


def application(flows: Flows, admit: Admit) -> ASGIApp:
    """POST / runs a flow, and is answered at its end."""
    turns = CapacityLimiter(_FLOWS)

    async def post(request: Request) -> Response:
        path, runner = flows.asked(await request.body())
        begun = time.monotonic()
        ended = await to_thread.run_sync(flows.run, path, runner, limiter=turns)
        took = f"{time.monotonic() - begun:.1f}s"
        if ended.code == 0:
            return _text(200, f"Flow {path} ran with success in {took}.")
        return _text(_STATUS.get(ended.code, 500), f"Flow {path} failed in {took}. {ended.message}.")

    async def about(_request: Request) -> Response:
        return _text(200, "POST / runs a flow.")

    routes = [Route("/", post, methods=["POST"]), Route("/health", about)]
    handlers = {UsageError: _answer, HTTPException: _answer}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), admit, _answer, _LIMIT)


async def _answer(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _text(error.status_code, f"Error: {error.detail}.")
    return _text(400, f"Error: {getattr(error, 'message', error)}.")


def _text(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status)
