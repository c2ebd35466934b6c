"""Bodies of requests received into files, bounded, never in memory as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from anyio import CapacityLimiter, fail_after, from_thread, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from argo.service.errors import Refused
from argo.service.inputs import Spooled, spool

_PIECE: Final = 1 << 20
_STREAMS: Final = 16  # bodies that are passed on as they come, at once
_STALL: Final = 60  # seconds in which something more of such a body has to come
T = TypeVar("T")
_FRAME: Final = 64 << 10  # bytes that a form takes besides its file


def too_large(limit: int) -> Refused:
    """The answer to a body that is larger than that."""
    return Refused(413, "too-large", f"at most {limit} bytes are taken")


def bounded(request: Request, limit: int) -> None:
    """Have the request's body refused when it grows beyond `limit`. Raises Refused where it says so itself."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    receive, taken = request._receive, 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body") or b"")
        if taken > limit:
            raise too_large(limit)
        return message

    request._receive = counted


@asynccontextmanager
async def received(request: Request, limit: int, filename: str) -> AsyncIterator[Spooled]:
    """The whole body as a file. Raises Refused for one that is too large."""
    bounded(request, limit)
    with spool() as path:
        sha256, size = hashlib.sha256(), 0
        with path.open("wb") as file:
            waiting = bytearray()
            async for piece in request.stream():
                waiting += piece
                if len(waiting) >= _PIECE:
                    size += await run_in_threadpool(_write, file, bytes(waiting), sha256)
                    waiting.clear()
            size += await run_in_threadpool(_write, file, bytes(waiting), sha256)
        yield Spooled(path, size, sha256.hexdigest(), filename)


class Body:
    """A request's body, to be read by another thread as it comes. Whatever goes wrong on the way is raised there."""

    def __init__(self, request: Request, limit: int) -> None:
        bounded(request, limit)
        self._pieces = request.stream()
        self._waiting = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """At most so many bytes; none at the end. Raises Refused for a body that is too large."""
        while not self._ended and len(self._waiting) < size:
            piece = from_thread.run(self._next)
            self._ended = piece is None
            self._waiting += piece or b""
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    async def _next(self) -> bytes | None:
        try:
            with fail_after(_STALL):
                return await anext(self._pieces, None)
        except TimeoutError:
            raise Refused(408, "stalled", f"nothing has come for {_STALL} s") from None


async def streamed(work: Callable[[], T]) -> T:
    """What a thread makes of a body that is still coming. Such threads are few, since each holds a part in memory;
    they are others than those that answer requests."""
    return await to_thread.run_sync(work, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(_STREAMS)


def described(field: str) -> dict[str, Any]:
    """Such a form, for the OpenAPI document."""
    schema = {"type": "object", "required": [field], "properties": {field: {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@asynccontextmanager
async def form_file(request: Request, field: str, limit: int) -> AsyncIterator[UploadFile]:
    """The file in a field of a form (multipart/form-data). Raises Refused."""
    bounded(request, limit + _FRAME)
    async with request.form(max_files=1, max_fields=8) as form:
        given = form.get(field)
        if not isinstance(given, UploadFile):
            raise Refused(422, "invalid", f"the form has no file {field}")
        if (given.size or 0) > limit:
            raise too_large(limit)
        given.filename = Path(given.filename or "").name
        yield given


@asynccontextmanager
async def received_form(request: Request, field: str, limit: int) -> AsyncIterator[Spooled]:
    """As `form_file`, as a file with a path. Raises Refused."""
    async with form_file(request, field, limit) as given:
        with spool() as path:
            size, digest = await run_in_threadpool(_copy, given.file, path)
            yield Spooled(path, size, digest, given.filename or "")


def _write(file: BinaryIO, data: bytes, digest: hashlib._Hash) -> int:
    file.write(data)
    digest.update(data)
    return len(data)


def _copy(source: BinaryIO, path: Path) -> tuple[int, str]:
    from argo.storage.store import copy_digest

    with path.open("wb") as target:
        return copy_digest(source, target)
