"""Shows whether the service is well: probes, Prometheus metrics, one line of JSON in the log for every request."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anyio import fail_after
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from argo.serve.workflow_api.identity import asked

if TYPE_CHECKING:
    from argo.serve.workflow_api.core import Service

_OWN: Final = logging.makeLogRecord({}).__dict__.keys() | {"message", "taskName"}  # of every record
_GONE: Final = 499  # as proxies count clients that left before there was an answer
_PATIENCE: Final = 5.0  # seconds that the store has to answer a probe
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_TOLD: Final = frozenset({"run", "asset", "name", "sid", "wid", "resource", "verb", "upload"})  # no token among them
_SECRET: Final = re.compile(
    r"\bargosy_[\w-]+|\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|((?:/edc/|/data/|\b[Bb]earer ))(?!-/)[^\s/\"{}?]+"
    r"|((?<=[?&])(?:token|access_token|key|password)=)[^\s&\"]+"
)
log = logging.getLogger("argosy.access")


def template(scope: Scope, routes: Sequence[BaseRoute] = ()) -> str:
    """The path of a request as its route has it, without what was given for its parameters; empty where none fits."""
    found = scope.get("route")
    if found is None:
        found = next((route for route in routes if route.matches(scope)[0] == Match.FULL), None)
    return str(getattr(found, "path", ""))


def shown_path(scope: Scope, routes: Sequence[BaseRoute] = ()) -> str:
    """The path of a request as it may be told: ids stand in it, tokens do not."""
    given = scope.get("path_params") or {}
    return _PARAMETER.sub(lambda part: str(given.get(part[1], part[0])) if part[1] in _TOLD else part[0],
                          template(scope, routes))  # fmt: skip


def masked(text: str) -> str:
    """A line without what looks like a token in it."""
    return _SECRET.sub(lambda found: f"{found[1] or ''}…", text)


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")}
        about |= {"level": record.levelname.lower(), "message": record.getMessage()}
        about |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info:
            about["error"] = self.formatException(record.exc_info)
        return masked(json.dumps(about, default=str))


class Meters:
    """The metrics of one copy."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ["method", "route", "status"]
        self.requests = Counter("argosy_requests", "Requests", names, registry=self.registry)
        self.seconds = Histogram("argosy_request_seconds", "Seconds to the answer", ["route"], registry=self.registry)


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["Health"])

    @routes.get("/health/live", summary="The process is there")
    async def live() -> Any:
        return {"status": "ok"}

    @routes.get("/health", summary="The process is there", include_in_schema=False)
    async def alive() -> Any:
        return {"status": "ok", "health": "alive"}  # the second as imla-k8s-api says it

    @routes.get("/health/ready", summary="Requests can be answered")
    async def ready() -> Response:
        try:
            with fail_after(_PATIENCE):
                about = await asked(lambda: _about(service), "probes", abandon=True)
        except (SQLAlchemyError, TimeoutError):
            return JSONResponse({"status": "the store does not answer"}, 503)
        if not service.worker.alive:
            return JSONResponse({"status": "the jobs are not looked after"}, 503)
        return JSONResponse({"status": "ok", **about, "unkept": service.unkept})

    @routes.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        meters: Meters = request.app.state.meters
        data = generate_latest(meters.registry) + await asked(lambda: _states(service), "probes")
        return Response(data, media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def _about(service: Service) -> dict[str, int]:
    with service.database.reading() as connection:
        connection.execute(text("SELECT 1"))
    return {"assets": len(service.catalog.all()), "mistakes": len(service.catalog.mistakes)}


def _states(service: Service) -> bytes:
    """The numbers that the store tells."""
    registry = CollectorRegistry()
    runs = Gauge("argosy_runs", "Runs by state", ["state"], registry=registry)
    jobs = Gauge("argosy_jobs", "Jobs by kind and state", ["kind", "state"], registry=registry)
    for state, count in service.runs.counts():
        runs.labels(state).set(count)
    for kind, state, count in service.outbox.counts():
        jobs.labels(kind, state).set(count)
    return generate_latest(registry)


class Observed:
    """Counts and logs the requests of an application (ASGI)."""

    def __init__(self, guarded: ASGIApp, app: FastAPI) -> None:
        self._guarded = guarded
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._guarded(scope, receive, send)
            return
        begun, noted = time.perf_counter(), False

        async def sending(message: Message) -> None:
            nonlocal noted
            if message["type"] == "http.response.start":
                self._note(scope, message["status"], time.perf_counter() - begun)
                noted = True
            await send(message)

        try:
            await self._guarded(scope, receive, sending)
        finally:
            if not noted:
                self._note(scope, _GONE, time.perf_counter() - begun)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        meters: Meters = self._app.state.meters
        method, route = scope["method"], template(scope, self._app.routes) or "none"
        meters.requests.labels(method if method in _METHODS else "other", route, status).inc()
        meters.seconds.labels(route).observe(seconds)
        caller = scope["state"].get("caller")
        about = {"method": method[:20], "path": shown_path(scope, self._app.routes), "status": status}
        consumer = caller.consumer.name if caller is not None else ""
        log.info("request", extra={**about, "seconds": round(seconds, 4), "consumer": consumer})
