"""The service's own API: assets, inputs, runs and their results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from argo.errors import NotFoundError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api import results, sessions
from argo.serve.workflow_api.database import ref_of
from argo.serve.workflow_api.messages import Message
from argo.serve.workflow_api.receive import BodyReader, received, streamed
from argo.serve.workflow_api.runs import shown

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import OfferedAsset
    from argo.serve.workflow_api.core import Service
    from argo.serve.workflow_api.results import Download

_BYTES: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip
_LONGEST_SHARE: Final = 7 * 86400
Name = Annotated[str, Field(min_length=1, max_length=63)]
Word = Annotated[str, Field(max_length=32768)]


class RunExtension(Message):
    """A consumer's own image, command and resources for an extended asset. Code comes as an input of kind archive."""

    model_config = ConfigDict(extra="forbid")
    image: Annotated[str, Field(max_length=512)] = ""
    command: Annotated[tuple[Word, ...], Field(max_length=256)] = ()
    args: Annotated[tuple[Word, ...], Field(max_length=256)] = ()
    cpu: Annotated[str, Field(max_length=32)] = ""
    memory: Annotated[str, Field(max_length=32)] = ""
    gpu: Annotated[int, Field(ge=0, le=1024)] | None = None
    timeout: Annotated[str, Field(max_length=32)] = ""
    results: Annotated[str, Field(max_length=512)] = ""

    def extension(self) -> Any:
        """As the compiler takes it."""
        from compiler.extend import Extension

        return Extension(**self.model_dump())


class NewRun(Message):
    """A request for a run of an asset. `inputs` are ids of uploads; inputs not named are the ones uploaded last."""

    model_config = ConfigDict(extra="forbid")
    asset: Name
    version: Annotated[str, Field(max_length=63)] | None = None
    parameters: dict[Name, Any] = Field(default_factory=dict)
    inputs: dict[Name, Name] = Field(default_factory=dict)
    extension: RunExtension | None = None


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1")
    _about(routes, service)
    _inputs(routes, service)
    _runs(routes, service)
    _inside(routes, service)
    _results(routes, service)
    return routes


def _about(routes: APIRouter, service: Service) -> None:
    @routes.get("/me", tags=["Consumer"], summary="Who you are, and what you have left")
    def me(request: Request) -> Any:
        caller = service.allowed(request)
        consumer, limits = caller.consumer, service.settings.limits
        return {
            "name": consumer.name, "scopes": sorted(caller.scopes),
            "runs": limits.runs if consumer.max_runs is None else consumer.max_runs,
            "gpuHours": limits.gpu_hours if consumer.gpu_hours is None else consumer.gpu_hours,
            "gpuHoursUsed": round(service.runs.gpu_hours(consumer), 3),
            "storage": service.inputs.limit(consumer), "storageUsed": service.inputs.used(consumer),
        }  # fmt: skip

    @routes.get("/assets", tags=["Assets"], summary="The assets, each in its highest version")
    def assets(request: Request) -> Any:
        service.allowed(request, "assets")
        return {"assets": [asset.as_json() for asset in service.catalog.all()]}

    @routes.get("/assets/{name}", tags=["Assets"], summary="An asset")
    def asset(name: str, request: Request, version: str | None = None) -> Any:
        service.allowed(request, "assets")
        found = service.catalog.get(name, version)
        return {**found.as_json(), "versions": [other.version for other in service.catalog.versions(name)]}


def _input(service: Service, asset: str, name: str) -> OfferedAsset:
    offered = service.catalog.get(asset)
    if name not in offered.model.inputs:
        raise Refusal(404, "not-found", f"{asset} has no input {name}", hint=", ".join(offered.model.inputs))
    return offered


def _inputs(routes: APIRouter, service: Service) -> None:
    @routes.get("/assets/{asset}/inputs", tags=["Inputs"], summary="The inputs that your next run takes")
    def listed(asset: str, request: Request) -> Any:
        from argo.serve.workflow_api.inputs import shown as shown_input

        consumer = service.allowed(request, "inputs").consumer
        service.catalog.get(asset)
        return {"inputs": [shown_input(row) for row in service.inputs.current(consumer, asset).values()]}

    @routes.put(
        "/assets/{asset}/inputs/{name}", tags=["Inputs"], summary="Upload an input", status_code=201,
        openapi_extra=_BYTES,
    )  # fmt: skip
    async def put(asset: str, name: str, request: Request, filename: str | None = None) -> Any:
        consumer = service.allowed(request, "inputs").consumer
        offered = await run_in_threadpool(_input, service, asset, name)
        kind, called = offered.model.inputs[name].kind, (filename or name)[:255]
        limit = service.inputs.largest(kind)
        if kind == "file":
            length = request.headers.get("content-length", "")
            room = await run_in_threadpool(service.inputs.room, consumer, length)
            body = BodyReader(request, min(limit, room))
            return await streamed(consumer, lambda: service.inputs.stream(consumer, offered, name, called, body))
        async with received(request, limit, called) as given:
            return await streamed(consumer, lambda: service.inputs.keep(consumer, offered, name, given))

    @routes.delete("/assets/{asset}/inputs/{name}", tags=["Inputs"], summary="Forget an input", status_code=204)
    def forget(asset: str, name: str, request: Request) -> None:
        consumer = service.allowed(request, "inputs").consumer
        _input(service, asset, name)
        service.inputs.forget(consumer, asset, name)


def _runs(routes: APIRouter, service: Service) -> None:
    @routes.post("/runs", tags=["Runs"], summary="Start a run", status_code=202)
    def start(
        body: NewRun, request: Request, key: Annotated[str, Header(alias="Idempotency-Key", max_length=200)] = ""
    ) -> Any:
        consumer = service.allowed(request, "runs").consumer
        offered = service.catalog.usable(service.catalog.get(body.asset, body.version), interactive=True)
        service.require_possible(offered)
        brought = body.extension.extension() if body.extension is not None else None
        return shown(
            service.runs.start(
                consumer, offered, parameters=body.parameters, uploads=body.inputs, extension=brought,
                key=key and f"v1:{key}", body=body.model_dump(),
            )
        )  # fmt: skip

    @routes.get("/runs", tags=["Runs"], summary="Your runs, the newest first")
    def listed(
        request: Request,
        asset: str | None = None,
        state: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[float | None, Query(ge=0, le=1e12, allow_inf_nan=False)] = None,
    ) -> Any:
        consumer = service.allowed(request, "runs").consumer
        found = service.runs.list(consumer, asset=asset, state=state, limit=limit, before=before)
        return {"runs": [shown(row) for row in found]}

    @routes.get("/runs/{run}", tags=["Runs"], summary="A run")
    def get(run: str, request: Request) -> Any:
        return shown(service.run(request, run, "runs"))

    @routes.post("/runs/{run}/stop", tags=["Runs"], summary="Stop a run", status_code=202)
    def stop(run: str, request: Request) -> Any:
        row = service.run(request, run, "runs")
        service.runs.stop(row["id"])
        return shown(service.run(request, run, "runs"))

    @routes.delete("/runs/{run}", tags=["Runs"], summary="Remove a run and its results", status_code=204)
    def remove(run: str, request: Request) -> None:
        service.runs.remove(service.allowed(request, "runs").consumer, run)


def _inside(routes: APIRouter, service: Service) -> None:
    @routes.get("/runs/{run}/logs", tags=["Runs"], summary="What a run's tasks wrote", response_class=PlainTextResponse)
    def logs(
        run: str, request: Request, task: str | None = None, tail: Annotated[int | None, Query(ge=1, le=10**6)] = None
    ) -> Response:
        return PlainTextResponse(_logs(service, service.run(request, run, "runs"), task, tail))

    @routes.get("/runs/{run}/sessions", tags=["Runs"], summary="How the interactive tasks of a run are reached")
    def reached(run: str, request: Request) -> Any:
        return {"sessions": sessions.shown(service.place, service.run(request, run, "runs"))}

    @routes.get("/runs/{run}/events", tags=["Runs"], summary="A run's states, as they change (SSE)")
    async def events(run: str, request: Request) -> Response:
        row = await run_in_threadpool(service.run, request, run, "runs")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        follow: AsyncIterator[bytes] = service.hub.follow(row["id"])
        return StreamingResponse(follow, media_type="text/event-stream", headers=headers)


def _logs(service: Service, row: Any, task: str | None, tail: int | None) -> str:
    if not row["uid"]:
        return ""
    try:
        lines = [f"{line.task}: {line.text}" for line in service.place.backend.logs(ref_of(row), task)]
    except NotFoundError as error:
        if task is not None:
            raise Refusal(404, "not-found", error.message) from None
        return ""
    return "".join(f"{line}\n" for line in (lines[-tail:] if tail else lines))


def _results(routes: APIRouter, service: Service) -> None:
    @routes.get("/runs/{run}/outputs", tags=["Outputs"], summary="A run's results")
    def listed(run: str, request: Request) -> Any:
        return {"outputs": service.results.shown(service.run(request, run, "outputs"))}

    @routes.get("/runs/{run}/outputs/{name:path}", tags=["Outputs"], summary="A result, whole or in ranges")
    def get(run: str, name: str, request: Request, item: str = "") -> Response:
        return send(service.results.download(service.run(request, run, "outputs"), name, item), request)

    @routes.post("/runs/{run}/shares", tags=["Outputs"], summary="An address that gives one result for a time")
    def share(
        run: str, request: Request, output: Name,
        lasts: Annotated[int, Query(ge=1, le=_LONGEST_SHARE, description="seconds")] = 3600,
    ) -> Any:  # fmt: skip
        row = service.run(request, run, "outputs")
        service.results.download(row, output)
        with service.database.writing() as connection:
            token = results.grant(connection, row["id"], output, lasts)
        return {"output": output, "url": f"{service.public_url(request)}/data/{token}", "lasts": lasts}


def send(download: Download, request: Request) -> Response:
    """A result as an answer. Headers: ETag, Accept-Ranges, and the SHA-256 where the store knows it."""
    info = download.info
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": results.attachment(download.filename)}
    if info.etag:
        headers["ETag"] = f'"{info.etag}"'
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
    if info.sha256:
        import base64

        headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(info.sha256)).decode()}:"
    fresh = request.headers.get("if-range") in (None, headers.get("ETag"))
    part = download.part(request.headers.get("range") if fresh else None)
    headers["Content-Length"] = str(part.length)
    if not part.whole:
        headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{part.size}"
    status = 200 if part.whole else 206
    return StreamingResponse(download.pieces(part), status, headers, download.media_type)
