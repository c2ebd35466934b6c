"""Streams: what happens to runs, and what their tasks write.

One task of the server looks at the state for all watchers; each of them has a queue of what concerns it, as bytes that
they share. Facts: an old resource version is answered with 400 and "too old resource version".
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

import argo.local.state.kept as kept
from argo.backend import FINISHED, RunRef
from argo.backends.logs import pod_name
from argo.errors import ArgosyError, NotFoundError
from argo.local.backend import LocalBackend
from argo.local.logs import Tails
from argo.serve.argo_api import shapes
from argo.serve.argo_api.calls import named, selectors
from argo.serve.argo_api.errors import ApiError, translated
from argo.workflow.tasks import pods
from argo.workflow.values import whole
from compiler.manifest_types import ObjectMeta, Workflow

_LOOK = 0.1  # seconds between two looks at the state
_NAME = re.compile(r"metadata\.name=(?!=)([^,]*)")
_BEHIND = 1000  # events that a watcher may be behind before it is let go: it comes again with its version


class Event(NamedTuple):
    """A change of a Workflow, ready to be sent."""

    version: int
    metadata: ObjectMeta
    data: bytes

    def concerns(self, namespace: str, labels: str, fields: str) -> bool:
        """True where a watcher of the namespace with these selectors is told."""
        return self.metadata.get("namespace") == namespace and shapes.matches(self.metadata, labels, fields)


@dataclass(slots=True)
class Hub:
    """Tells watchers what changes."""

    backend: LocalBackend
    _queues: set[asyncio.Queue[Event | None]] = field(default_factory=set)
    _version: int = 0

    async def run(self) -> None:
        """Look at the state until cancelled."""
        self._version = await run_in_threadpool(kept.version, self.backend.state)
        while True:
            await asyncio.sleep(_LOOK)
            if not self._queues:
                self._version = await run_in_threadpool(kept.version, self.backend.state)
                continue
            with suppress(ArgosyError):
                for event in await run_in_threadpool(self.since, self._version):
                    self._version = max(self._version, event.version)
                    for queue in [*self._queues]:
                        self._tell(queue, event)

    def since(self, version: int) -> list[Event]:
        """Return the changes after a version as events."""
        found: list[Event] = []
        for change in kept.changes(self.backend.state, version):
            if change.removed is not None:
                found.append(_event("DELETED", {**change.removed, "status": {}}, change.version, 0))
                continue
            found += self._now(change.uid)
        return found

    def all(self, namespace: str) -> list[Event]:
        """All runs of a namespace, as they are."""
        uids = [value["metadata"]["uid"] for value, _ in reversed(kept.heads(self.backend.state, namespace))]
        return [event for uid in uids for event in self._now(uid, "ADDED")]

    def _now(self, uid: str, kind: str = "") -> list[Event]:
        """A run as it is; nothing where it went meanwhile."""
        # The version first: a picture that passed for newer than it is would hide the one after it.
        point = kept.point(self.backend.state, uid)
        with suppress(NotFoundError):
            kind = kind or ("ADDED" if point.generation == 1 else "MODIFIED")
            return [_event(kind, self.backend.state.workflow(uid)[0], *point)]
        return []

    def join(self) -> asyncio.Queue[Event | None]:
        """A queue of what changes from now on; None ends it."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_BEHIND)
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Event | None]) -> None:
        """Let go of a queue."""
        self._queues.discard(queue)

    def end(self) -> None:
        """End all streams."""
        for queue in [*self._queues]:
            self._stop(queue)

    def _tell(self, queue: asyncio.Queue[Event | None], event: Event) -> None:
        try:
            queue.put_nowait(event)
        except asyncio.QueueFull:
            self._stop(queue)

    def _stop(self, queue: asyncio.Queue[Event | None]) -> None:
        self._queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


async def events(hub: Hub, request: Request) -> Response:
    """GET /api/v1/workflow-events/{namespace}."""
    query, namespace = request.query_params, request.path_params["namespace"]
    labels, fields = selectors(query)
    shapes.matches({}, labels, fields)  # what is no selector is said before anything is sent
    if one := _NAME.search(fields):  # a run that is not there is never waited for
        ref = await run_in_threadpool(named, hub.backend, namespace, one[1].strip())
        fields = _NAME.sub(f"metadata.name={ref.name}", fields)
    queue = hub.join()
    try:
        first = await run_in_threadpool(_first, hub, namespace, query.get("listOptions.resourceVersion", ""))
    except BaseException:
        hub.leave(queue)
        raise

    async def body() -> AsyncIterator[bytes]:
        seen: dict[str, int] = {}
        try:
            for event in first:
                if event.concerns(namespace, labels, fields):
                    seen[event.metadata["uid"]] = event.version
                    yield _framed(request, event.data)
            while (next_ := await queue.get()) is not None:
                uid = next_.metadata["uid"]
                if seen.get(uid, 0) < next_.version and next_.concerns(namespace, labels, fields):
                    seen[uid] = next_.version
                    yield _framed(request, next_.data)
        finally:
            hub.leave(queue)

    return StreamingResponse(body(), media_type=_media(request))


def _first(hub: Hub, namespace: str, version: str) -> list[Event]:
    state = hub.backend.state
    if version in ("", "0"):
        return hub.all(namespace)
    try:
        wanted = whole(version)
    except ValueError:
        raise ApiError(
            3, f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        ) from None
    oldest = kept.oldest(state)
    if wanted < oldest:
        raise ApiError(3, f"too old resource version: {version} ({oldest})")
    return hub.since(wanted)


async def logs(backend: LocalBackend, request: Request) -> Response:
    """GET …/workflows/{namespace}/{name}/log, of all pods or of one."""
    query, path = request.query_params, request.path_params
    ref = await run_in_threadpool(named, backend, path["namespace"], path["name"])
    follow = query.get("logOptions.follow") in ("true", "1")
    try:
        last = whole(query.get("logOptions.tailLines") or "0")
    except ValueError as error:
        raise ApiError(3, "tailLines is a number") from error
    tails = Tails(ref, await run_in_threadpool(lambda: backend.pods_folder(ref, backend.get(ref))))
    pod, container = path.get("podName") or query.get("podName", ""), query.get("logOptions.container") or "main"
    wanted = partial(_new_lines, backend, ref, tails, pod, container, query.get("grep", ""), follow)

    async def body() -> AsyncIterator[bytes]:
        lines, over = await run_in_threadpool(wanted)
        lines = lines[-last:] if last else lines
        with suppress(NotFoundError):
            while True:
                for line in lines:
                    yield _framed(request, line)
                if over or not follow:
                    return
                await asyncio.sleep(_LOOK * 2)
                lines, over = await run_in_threadpool(wanted)

    return StreamingResponse(body(), media_type=_media(request))


def _new_lines(
    backend: LocalBackend, ref: RunRef, tails: Tails, pod: str, container: str, grep: str, follow: bool
) -> tuple[list[bytes], bool]:
    """The lines that a container of a pod (empty: of all) has written since the last look; whether the run is over."""
    workflow = backend.get(ref)
    over = (workflow.get("status") or {}).get("phase") in FINISHED and not backend.active(ref)
    nodes = [node for node in pods(workflow, None) if not pod or pod in (pod_name(workflow, node), node["id"])]
    lines = [
        json.dumps({"result": {"content": line.text, "podName": pod_name(workflow, node)}}).encode()
        for node, line in tails.read(nodes, whole=over or not follow)
        if line.container == container and grep in line.text
    ]
    return lines, over


def failed(request: Request, error: Exception) -> Response:
    """An error as the only event of a stream."""
    if isinstance(error, ArgosyError):
        error = translated(error)
    if not isinstance(error, ApiError):
        error = ApiError(2, "internal error")
    value = {"grpc_code": error.code, "http_code": error.status, "message": error.message}
    value["http_status"] = HTTPStatus(error.status).phrase
    data = _framed(request, json.dumps({"error": value}).encode())
    return Response(data, error.status, media_type=_media(request))


def _event(kind: str, workflow: Workflow, version: int, generation: int) -> Event:
    shown = shapes.workflow(workflow, version, generation)
    return Event(version, workflow["metadata"], json.dumps({"result": {"type": kind, "object": shown}}).encode())


def _media(request: Request) -> str:
    return "text/event-stream" if _wants_events(request) else "application/json"


def _framed(request: Request, data: bytes) -> bytes:
    return b"data: " + data + b"\n\n" if _wants_events(request) else data + b"\n"


def _wants_events(request: Request) -> bool:
    return "text/event-stream" in request.headers.get("accept", "")
