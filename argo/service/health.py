"""Whether the service is well: probes, Prometheus metrics, one line of JSON in the log for every request."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from argo.service.core import Service

_OWN: Final = frozenset({"args", "created", "exc_info", "exc_text", "filename", "funcName", "levelname", "levelno",
    "lineno", "message", "module", "msecs", "msg", "name", "pathname", "process", "processName", "relativeCreated",
    "stack_info", "thread", "threadName", "taskName"})  # fmt: skip
log = logging.getLogger("argosy.access")


def shown_path(request: Request) -> str:
    """The path of a request without the tokens that stand in it."""
    path = request.url.path
    for prefix in ("/edc/", "/data/"):
        if path.startswith(prefix):
            _, slash, rest = path.removeprefix(prefix).partition("/")
            return f"{prefix}…{slash}{rest}"
    return path


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = {"time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")}
        about |= {"level": record.levelname.lower(), "message": record.getMessage()}
        about |= {name: value for name, value in record.__dict__.items() if name not in _OWN}
        if record.exc_info:
            about["error"] = self.formatException(record.exc_info)
        return json.dumps(about, default=str)


class _States:
    """Numbers that the store tells when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """Runs by state, jobs by kind and state."""
        runs = GaugeMetricFamily("argosy_runs", "Runs by state", labels=["state"])
        jobs = GaugeMetricFamily("argosy_jobs", "Jobs by kind and state", labels=["kind", "state"])
        for state, count in self._service.runs.counts():
            runs.add_metric([state], count)
        for kind, state, count in self._service.outbox.counts():
            jobs.add_metric([kind, state], count)
        yield runs
        yield jobs


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
    def live() -> Any:
        return {"status": "ok"}

    @routes.get("/health", summary="The process is there", include_in_schema=False)
    def alive() -> Any:
        return {"status": "ok", "health": "alive"}  # the second as imla-k8s-api says it

    @routes.get("/health/ready", summary="Requests can be answered")
    def ready() -> Response:
        try:
            with service.database.reading() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return JSONResponse({"status": "the store does not answer"}, 503)
        if not service.worker.alive:
            return JSONResponse({"status": "the jobs are not looked after"}, 503)
        about: dict[str, Any] = {"status": "ok", "assets": len(service.catalog.all())}
        return JSONResponse({**about, "mistakes": len(service.catalog.mistakes), "unkept": service.unkept})

    @routes.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    def metrics(request: Request) -> Response:
        meters: Meters = request.app.state.meters
        data = generate_latest(meters.registry)
        with_states = CollectorRegistry()
        with_states.register(_States(service))
        return Response(data + generate_latest(with_states), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def observed(service: Service) -> Callable[[Request, Any], Awaitable[Response]]:  # noqa: ARG001
    """Counts and logs requests."""

    async def observe(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        meters = getattr(request.app.state, "meters", None)
        if meters is None:
            meters = request.app.state.meters = Meters()
        begun = time.perf_counter()
        response = await call(request)
        seconds = time.perf_counter() - begun
        route = getattr(request.scope.get("route"), "path", "none")
        meters.requests.labels(request.method, route, response.status_code).inc()
        meters.seconds.labels(route).observe(seconds)
        about = {"method": request.method, "path": shown_path(request), "status": response.status_code}
        consumer = getattr(request.state, "consumer", "")
        log.info("request", extra={**about, "seconds": round(seconds, 4), "consumer": consumer})
        return response

    return observe
