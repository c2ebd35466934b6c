"""Lets consumers in: who calls is known before anything of a request's body is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from starlette._utils import get_route_path  # the router's own, so that both read the same path
from starlette.requests import Request

from argo.serve.process import most_connections
from argo.serve.refusal import Refusal, unavailable
from argo.serve.workflow_api.consumers import Caller
from argo.serve.workflow_api.identity import Identity

_FREE: Final = ("/health", "/metrics", "/docs", "/openapi.json", "/data/")  # `/data/TOKEN` opens one result by itself
_HEADERS: Final = ("access-token", "x-api-key")


class Admission:
    """Who is in."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._inside: Counter[str] = Counter()

    @asynccontextmanager
    async def admit(self, request: Request) -> AsyncIterator[None]:
        """Let a request in while the block lasts: `request.state.caller`. Raises Refusal: 401, 429, 503."""
        path = get_route_path(request.scope)
        if request.method in ("GET", "HEAD") and path.startswith(_FREE):
            yield
            return
        caller = await self._caller(_token(request, path))
        request.state.caller, name = caller, caller.consumer.id
        most = most_connections() // 2  # with those that follow a run: there are others
        if self._inside[name] >= most:
            raise Refusal(429, "busy", f"you have {most} requests that are not answered yet", retry=1)
        self._inside[name] += 1
        try:
            yield
        finally:
            self._inside[name] -= 1
            self._inside += Counter()  # forget who has none

    async def _caller(self, token: str) -> Caller:
        try:
            caller = await self._identity.caller(token)
        except SQLAlchemyError:
            raise unavailable() from None
        if caller is None:
            raise Refusal(401, "unauthorized", "the token is missing, or not valid", hint="Authorization: Bearer …")
        return caller


def _token(request: Request, path: str) -> str:
    """The token: in the path of connectors whose requests bring no header, else in a header."""
    if path.startswith("/edc/"):
        key = path.split("/")[2]
        if key != "-":
            return key
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return next((request.headers[name] for name in _HEADERS if name in request.headers), "")
