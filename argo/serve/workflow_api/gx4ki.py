"""The routes of the gx4ki Workflow API, as its clients call them: the header `access-token`, its bodies, its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette._utils import get_route_path  # the router's own, so that both read the same path
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from argo.errors import ConflictError, NotFoundError, UsageError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.catalog import OfferedAsset
from argo.serve.workflow_api.consumers import Consumer
from argo.serve.workflow_api.database import Row, ref_of
from argo.serve.workflow_api.receive import described, form_file, received_form, streamed
from argo.serve.workflow_api.results import attachment
from argo.serve.workflow_api.runs import ACTIVE, ENDED

if TYPE_CHECKING:
    from argo.serve.workflow_api.core import Service

_ROOT: Final = "/services"
_TAIL: Final = 100  # lines of the log at verbose_level 1
_PODS: Final = {"Error": "Failed", "Skipped": "Pending", "Omitted": "Pending"}


def refused(status: int, detail: str) -> Refusal:
    """An error as gx4ki's clients know it."""
    return Refusal(status, "gx4ki", detail)


def adapted(request: Request, error: Refusal) -> Refusal:
    """A refusal as gx4ki's clients know it, where one of them calls."""
    if error.status in (401, 403) and get_route_path(request.scope).startswith(_ROOT):
        return refused(403, "Could not validate API KEY")
    return error


def router(service: Service) -> APIRouter:
    """The routes."""
    routes, calls = APIRouter(prefix=_ROOT, tags=["gx4ki Workflow API"]), _Calls(service)
    for method, path, call, summary in (
        ("GET", "/", calls.services, "The services"),
        ("GET", "/{sid}/info", calls.info, "A service's asset"),
        ("PUT", "/{sid}/input/{resource}", calls.put, "Upload an input"),
        ("POST", "/{sid}/workflow/execute", calls.execute, "Start a workflow"),
        ("GET", "/{sid}/workflow/", calls.workflows, "The workflows"),
        ("GET", "/{sid}/workflow/status/{wid}", calls.status, "A workflow's state, or its log"),
        ("POST", "/{sid}/workflow/stop/{wid}", calls.stop, "Stop a workflow"),
        ("GET", "/{sid}/output", calls.output, "A result of the last workflow"),
    ):
        extra = described("input_file") if method == "PUT" else None
        routes.add_api_route(path, call, methods=[method], summary=summary, openapi_extra=extra)
    return routes


class _Calls:
    def __init__(self, service: Service) -> None:
        self._service = service

    def _consumer(self, request: Request, scope: str) -> Consumer:
        return self._service.allowed(request, scope).consumer

    def _offered(self, sid: str) -> OfferedAsset:
        try:
            return self._service.catalog.service(sid)
        except NotFoundError:
            raise refused(400, "no valid service_id") from None

    def _run(self, sid: str, wid: str, request: Request) -> Row:
        mine = self._consumer(request, "runs")
        self._offered(sid)
        try:
            return self._service.runs.get(mine, wid)
        except Refusal:
            raise refused(400, "invalid workflow_id") from None

    def services(self, request: Request) -> Any:
        self._consumer(request, "assets")
        return [
            {"id": asset.service_id, "start_date": _day(asset, "from_"), "end_date:": _day(asset, "until")}
            for asset in self._service.catalog.all()
        ]

    def info(self, sid: str, request: Request) -> Any:
        self._consumer(request, "assets")
        return JSONResponse(self._offered(sid).as_gx4ki())

    async def put(self, sid: str, resource: str, request: Request) -> Any:
        service = self._service
        mine = self._consumer(request, "inputs")
        asset = await run_in_threadpool(self._offered, sid)
        name = asset.resources("inputs").get(resource)
        if name is None:
            raise refused(400, "no valid resource provided")
        kind = asset.model.inputs[name].kind
        limit = service.inputs.largest(kind)
        if kind == "file":
            return await self._put_file(mine, asset, name, resource, request, limit)
        async with received_form(request, "input_file", limit) as given:
            try:
                await streamed(mine, lambda: service.inputs.keep(mine, asset, name, given))
            except UsageError as error:
                raise refused(400, error.message) from None
            return {"upload_file": given.filename or resource}

    async def _put_file(
        self, mine: Consumer, asset: OfferedAsset, name: str, resource: str, request: Request, limit: int
    ) -> Any:
        service = self._service
        async with form_file(request, "input_file", limit) as given:
            called = given.filename or ""
            await run_in_threadpool(service.inputs.room, mine, str(given.size))
            await streamed(mine, lambda: service.inputs.stream(mine, asset, name, called, given.file))
            return {"upload_file": called or resource}

    def execute(self, sid: str, request: Request) -> Any:
        mine, asset = self._consumer(request, "runs"), self._offered(sid)
        try:
            self._service.catalog.usable(asset)
            run = self._service.runs.start(mine, asset, origin="gx4ki")
        except ConflictError:
            raise refused(400, "no valid service_id") from None
        except Refusal as error:
            if error.code == "inputs-missing":
                raise refused(400, "service input not fulfilled") from None
            raise
        return {"workflow_id": run["id"]}

    def workflows(self, sid: str, request: Request) -> Any:
        mine, asset = self._consumer(request, "runs"), self._offered(sid)
        return [run["id"] for run in reversed(self._service.runs.list(mine, asset=asset.name, limit=1000))]

    def status(self, sid: str, wid: str, request: Request, verbose_level: str = "0") -> Any:
        run = self._run(sid, wid, request)
        if verbose_level not in ("1", "2"):
            return JSONResponse(state(sid, run))
        lines = _log(self._service, run)
        return PlainTextResponse("".join(f"{line}\n" for line in lines[-_TAIL if verbose_level == "1" else 0 :]))

    def stop(self, sid: str, wid: str, request: Request) -> Any:
        self._service.runs.stop(self._run(sid, wid, request)["id"])
        return {}

    def output(self, sid: str, resource: str, request: Request, workflow_id: str | None = None) -> Response:
        mine, asset = self._consumer(request, "outputs"), self._offered(sid)
        name = asset.resources("outputs").get(resource)
        if name is None:
            raise refused(400, "no valid resource provided")
        runs = self._service.runs
        if workflow_id is not None:
            try:
                found = [runs.get(mine, workflow_id)]
            except Refusal:
                raise refused(400, "invalid workflow_id") from None
        else:
            found = [run for run in runs.list(mine, asset=asset.name, limit=1000) if run["state"] not in ACTIVE]
        for run in found:
            with suppress(Refusal):
                sent = self._service.results.download(run, name)
                headers = {"Content-Disposition": attachment(resource), "Content-Length": str(sent.info.size)}
                return StreamingResponse(sent.pieces(sent.part(None)), media_type=sent.media_type, headers=headers)
        raise refused(404, "requested resource not exists")


def state(sid: str, run: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a status. There is no phase FAILED: a failed run is FINISHED, and its worker's `details` say so."""
    pod = shown = json.loads(run["worker"]).get("pod")
    if run["state"] == "failed":
        shown = pod or {"phase": "Failed", "state": "terminated", "details": ""}
        if not shown["details"].startswith("FAILED"):
            shown = {**shown, "details": f"FAILED: {run['message']}"}
    worker = shown and {
        "event_type": "MODIFIED",
        "pod_phase": _PODS.get(shown["phase"], shown["phase"]),
        "pod_state_condition": [],
        "container_statuses": {"worker": {"state": shown["state"], "details": shown["details"]}},
    }
    status = {"phase": _phase(run, pod), "worker_state": worker}
    return {"service_id": sid, "workflow_id": run["id"], "workflow_status": status}


def _phase(run: Mapping[str, Any], pod: Mapping[str, Any] | None) -> str:
    if run["state"] in ENDED:
        return "CANCELED" if run["state"] == "canceled" else "FINISHED"
    if pod is None or pod["state"] == "waiting":
        return "PREPARING"
    return "RUNNING" if pod["state"] == "running" else "STORING"


def _log(service: Service, run: Mapping[str, Any]) -> list[str]:
    if not run["uid"]:
        return []
    try:
        return [line.text for line in service.place.backend.logs(ref_of(run)) if line.container == "main"]
    except NotFoundError:
        return []


def _day(asset: OfferedAsset, which: str) -> str | None:
    day = getattr(asset.model.valid, which) if asset.model.valid else None
    return day.isoformat() if day else None
