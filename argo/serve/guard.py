"""The guard before every server: it decides by a request's head alone, then bounds the body in size and pace."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from anyio import fail_after, move_on_after
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from argo.serve.refusal import Refusal
from argo.serve.tokens import is_bearer

LARGEST: Final = 1 << 20  # bytes of a body, where a route does not take more
PATIENCE: Final = 30.0  # seconds that a body may keep its reader waiting, besides those of its size
SLOWEST: Final = 16 << 10  # bytes a second
_DISCARDED: Final = 64 << 20  # bytes of a body that nobody wants, let in so that its sender reads the answer
_DISCARDING: Final = 5.0  # seconds

Check = Callable[[Request], None]
"""Looks at a request's head. Raises Refusal."""
Admit = Callable[[Request], AbstractAsyncContextManager[object]]
"""Lets a request in for as long as the block lasts. Raises Refusal as it is entered."""
Answer = Callable[[Request, Exception], Awaitable[Response]]


class Guard:
    """An application behind its guard (ASGI). Nothing of a body is read before `admit` has let its request in."""

    def __init__(self, app: ASGIApp, admit: Admit, answer: Answer, largest: int = LARGEST) -> None:
        self.app = app
        self._admit = admit
        self._answer = answer
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        body = request.state.body = Body(receive, request.headers, self._largest)
        send = body.taken_in(send)
        async with AsyncExitStack() as held:
            try:
                _check_text(scope)
                await held.enter_async_context(self._admit(request))
            except Refusal as error:
                response = await self._answer(request, error)
                await response(scope, receive, send)
                return
            await self.app(scope, body, send)


class Body:
    """The body of a request as it comes (ASGI `receive`). Raises Refusal for one that is too large, or too slow.

    A route that takes more than is usual says so before it reads: `limit`.
    """

    def __init__(self, receive: Receive, headers: Headers, limit: int) -> None:
        length = headers.get("content-length", "0")
        self.limit = limit
        self._receive = receive
        self._declared = int(length) if length.isdecimal() else 0
        self._taken = 0
        self._waited = 0.0
        self._whole = not self._declared and "transfer-encoding" not in headers

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        self._check(self._declared)
        begun = time.monotonic()
        try:
            with fail_after(PATIENCE + self._taken / SLOWEST - self._waited):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(408, "stalled", "the request's body comes too slowly") from None
        self._waited += time.monotonic() - begun
        self._taken += len(message.get("body") or b"")
        self._check(self._taken)
        self._whole = not message.get("more_body", False)
        return message

    def taken_in(self, send: Send) -> Send:
        """Have what is left of the body let in and thrown away before an answer's end: a client that is still sending
        would otherwise find its connection reset, and not read the answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body") and not self._whole:
                await send({**message, "more_body": True})
                await self._discard()
                message = {"type": "http.response.body"}
            await send(message)

        return sending

    async def _discard(self) -> None:
        left = _DISCARDED
        with move_on_after(_DISCARDING):
            while left > 0 and not self._whole:
                message = await self._receive()
                left -= len(message.get("body") or b"")
                self._whole = not message.get("more_body", False)

    def _check(self, size: int) -> None:
        if size > self.limit:
            raise too_large(self.limit)


def too_large(limit: int) -> Refusal:
    """The answer to a body that is larger than that."""
    return Refusal(413, "too-large", f"at most {limit} bytes are taken")


def checked(*checks: Check) -> Admit:
    """Let in what passes all checks."""

    def admit(request: Request) -> AbstractAsyncContextManager[object]:
        for check in checks:
            check(request)
        return nullcontext()

    return admit


def called(names: frozenset[str]) -> Check:
    """Refuse a request for another host: a page's own name may be made to lead here (DNS rebinding). Addresses pass,
    since no page has one for its name."""

    def check(request: Request) -> None:
        if not _is_one_of(request.headers.get("host", ""), names):
            raise Refusal(403, "host", "this server does not answer to that host name")

    return check


def from_pages_of(names: frozenset[str] = frozenset()) -> Check:
    """Refuse what a browser sends for a page, but for pages of these hosts."""

    def check(request: Request) -> None:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if origin is not None and not _is_one_of(origin.partition("://")[2], names, addresses=False):
            raise Refusal(403, "origin", "this server answers no page")
        if site not in ("none", "same-origin") and not (names and site == "same-site"):
            raise Refusal(403, "origin", "this server answers no page")

    return check


def of_type(*types: str) -> Check:
    """Refuse bodies of other media types: a page elsewhere may send plain text and forms without being asked."""

    def check(request: Request) -> None:
        said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if said and said not in types:
            raise Refusal(415, "media-type", f"a body is {types[0]}, not {said[:60]}")

    return check


def with_token(token: str, free: Sequence[str] = ()) -> Check:
    """Refuse what does not bring the token, but for the paths that are free; without a token everybody is let in."""

    def check(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token and request.url.path not in free and not is_bearer(given, token):
            raise Refusal(401, "unauthorized", "the token is missing, or not valid", hint="Authorization: Bearer …")

    return check


def small_server(token: str, names: frozenset[str], *, pages: bool = False, types: Sequence[str] = ()) -> Admit:
    """Make the check of every small server: its own name, no page of others, JSON, the token (not for `/health`)."""
    origins = from_pages_of(names if pages else frozenset())
    return checked(called(names), origins, with_token(token, ("/health",)), of_type("application/json", *types))


def _is_one_of(netloc: str, names: frozenset[str], *, addresses: bool = True) -> bool:
    try:
        name = (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name in names or not addresses:
        return name in names
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_text(scope: Scope) -> None:
    """Raises Refusal for a path or query that is no text: nothing that is kept has such a name."""
    for part in (scope.get("raw_path") or b"", scope.get("query_string") or b""):
        try:
            text = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise Refusal(400, "invalid", "the address is not UTF-8") from None
        if "\0" in text:
            raise Refusal(400, "invalid", "the address holds a NUL character")
