"""Artifacts of a run's tasks as files.

Facts: server/artifacts/artifact_server.go of Argo; what is not there is answered with status 500 or 404 as plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from argo.backend import RunRef
from argo.errors import ArgosyError
from argo.local.backend import LocalBackend
from argo.serve.argo_api.calls import named, of_uid
from argo.serve.argo_api.errors import ApiError
from compiler.manifest_types import NodeStatus

_BLOCK = 1 << 18
_SAFE = {
    "Content-Security-Policy": "sandbox; base-uri 'none'; default-src 'none'; img-src 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
}


async def artifact(backend: LocalBackend, request: Request) -> Response:
    """The bytes that are stored of an output or input of a node."""
    try:
        name, size, source = await run_in_threadpool(_find, backend, request.path_params)
    except (ApiError, ArgosyError):
        return PlainTextResponse("Internal Server Error\n", 500)
    headers = {**_SAFE, "Content-Disposition": f"filename*=UTF-8''{quote(name)}"}
    if name.isascii() and '"' not in name:
        headers["Content-Disposition"] = f'filename="{name}"'
    if size >= 0:
        headers["Content-Length"] = str(size)
    return StreamingResponse(_blocks(source), headers=headers)


def _find(backend: LocalBackend, path: dict[str, Any]) -> tuple[str, int, BinaryIO]:
    ref = _run(backend, path)
    node = (backend.get(ref).get("status") or {}).get("nodes", {}).get(path["nodeId"]) or NodeStatus()
    given = node.get("inputs") if path["kind"] == "inputs" else node.get("outputs")
    artifacts = (given or {}).get("artifacts") or ()
    found = next((entry for entry in artifacts if entry["name"] == path["artifact"]), None)
    key = ((found or {}).get("s3") or {}).get("key")
    if not key:
        raise ApiError(5, "not found")
    store = backend.store(ref)
    bucket = (found or {})["s3"].get("bucket")
    store = store.with_bucket(bucket) if bucket else store
    info = store.stat(key)
    if info is None:
        raise ApiError(5, "not found")
    return key.rpartition("/")[2], info.size, store.open(key)


def _run(backend: LocalBackend, path: dict[str, Any]) -> RunRef:
    """The run by name in its namespace, or by uid: of an archived one, which has ended."""
    if path["place"] not in ("archived-workflows", "by-uid"):
        return named(backend, path["namespace"], path["id"])
    ref = of_uid(backend, path["id"], ended=path["place"] != "by-uid")
    if path.get("namespace", ref.namespace) != ref.namespace:
        raise ApiError(5, "not found")
    return ref


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    with source, suppress(BrokenPipeError):
        while block := source.read(_BLOCK):
            yield block
