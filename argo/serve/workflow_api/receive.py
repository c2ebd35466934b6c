"""Receives the bodies of requests into files, up to a limit, never in memory as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, from_thread, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from argo.serve.guard import too_large
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.consumers import Consumer
from argo.serve.workflow_api.inputs import ReceivedFile, spool

_PIECE: Final = 1 << 20
_STREAMS: Final = 32  # uploads that are stored at once
_EACH: Final = 4  # of them of one consumer
T = TypeVar("T")
_FRAME: Final = 64 << 10  # bytes that a form takes besides its file


def bounded(request: Request, limit: int) -> None:
    """Raise the limit of a request's body to `limit` bytes; a longer one is refused."""
    request.state.body.limit = limit


@asynccontextmanager
async def received(request: Request, limit: int, filename: str) -> AsyncIterator[ReceivedFile]:
    """Receive a request's whole body into a temporary file. Raises Refusal for one that is too large."""
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
        yield ReceivedFile(path, size, sha256.hexdigest(), filename)


class BodyReader:
    """A request's body that another thread reads while it comes; errors of the connection are raised there."""

    def __init__(self, request: Request, limit: int) -> None:
        bounded(request, limit)
        self._pieces = request.stream()
        self._waiting = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Wait for `size` bytes, fewer at the end, and return them. Raises Refusal for a body that is too large."""
        while not self._ended and len(self._waiting) < size:
            piece = from_thread.run(self._next)
            self._ended = piece is None
            self._waiting += piece or b""
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    async def _next(self) -> bytes | None:
        return await anext(self._pieces, None)


async def streamed(consumer: Consumer, work: Callable[[], T]) -> T:
    """Run `work` on an upload in a thread, while its body is coming or afterwards. Such threads are few, since each
    holds a part in memory, and few of them are one consumer's; they are others than those that answer requests."""
    mine = _turns().setdefault(consumer.id, CapacityLimiter(_EACH))
    async with mine:
        return await to_thread.run_sync(work, limiter=_limiter())


@cache
def _limiter() -> CapacityLimiter:
    return CapacityLimiter(_STREAMS)


@cache
def _turns() -> WeakValueDictionary[str, CapacityLimiter]:
    return WeakValueDictionary()


def described(field: str) -> dict[str, Any]:
    """Describe a form with one file, for the OpenAPI document."""
    schema = {"type": "object", "required": [field], "properties": {field: {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@asynccontextmanager
async def form_file(request: Request, field: str, limit: int) -> AsyncIterator[UploadFile]:
    """Receive a form (multipart/form-data) and yield the file in one of its fields. Raises Refusal."""
    bounded(request, limit + _FRAME)
    async with request.form(max_files=1, max_fields=8) as form:
        given = form.get(field)
        if not isinstance(given, UploadFile):
            raise Refusal(422, "invalid", f"the form has no file {field}")
        if (given.size or 0) > limit:
            raise too_large(limit)
        given.filename = Path((given.filename or "").replace("\0", "")).name
        yield given


@asynccontextmanager
async def received_form(request: Request, field: str, limit: int) -> AsyncIterator[ReceivedFile]:
    """Receive a form as `form_file` does, and yield the file as one with a path. Raises Refusal."""
    async with form_file(request, field, limit) as given:
        with spool() as path:
            size, digest = await run_in_threadpool(_copy, given.file, path)
            yield ReceivedFile(path, size, digest, given.filename or "")


def _write(file: BinaryIO, data: bytes, digest: hashlib._Hash) -> int:
    file.write(data)
    digest.update(data)
    return len(data)


def _copy(source: BinaryIO, path: Path) -> tuple[int, str]:
    from argo.storage.store import copy_digest

    with path.open("wb") as target:
        return copy_digest(source, target)
