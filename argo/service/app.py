"""The application: the service's routes, its answers to what goes wrong, its OpenAPI document."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from argo.errors import ArgosyError
from argo.service import gx4ki, health, imla, v1
from argo.service.core import Service
from argo.service.edc import routes as edc
from argo.service.errors import Refused, translated

log = logging.getLogger("argosy.service")
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def application(service: Service, *, work: bool = True) -> FastAPI:
    """The application. Without `work` this copy answers only, and others do the jobs."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(service.hub.run())
        if work:
            service.worker.start()
        try:
            yield
        finally:
            service.hub.end()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            if work:
                await asyncio.to_thread(service.worker.stop)
            service.close()

    app = FastAPI(title="Argosy", version="1", lifespan=lifespan, description=_DESCRIPTION, redoc_url=None)
    known = (Refused, ArgosyError, SQLAlchemyError, RequestValidationError, HTTPException, ClientDisconnect)
    for kind in (*known, Exception):
        app.add_exception_handler(kind, _answer)
    routers = [v1.router(service), gx4ki.router(service), edc.router(service), health.router(service)]
    if service.settings.job_configs:
        routers.append(imla.router(service))
    for router in routers:
        app.include_router(router)

    @app.get("/data/{token}", tags=["Outputs"], summary="What an address gives")
    def data(token: str, request: Request) -> Response:
        from argo.service.results import granted

        row, output = granted(service.database, token)
        return v1.send(service.results.download(row, output), request)

    app.middleware("http")(health.observed(service))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


_DESCRIPTION: Final = "Compute assets as a service: upload inputs, start runs, follow them, get their results."


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The document, in which every call needs a token unless it says otherwise."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemes = made.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["token"] = {"type": "http", "scheme": "bearer"}
        schemes["access-token"] = {"type": "apiKey", "in": "header", "name": "access-token"}
        for path, operations in made["paths"].items():
            if not path.startswith(("/health", "/metrics", "/data", "/edc")):
                for operation in operations.values():
                    operation["security"] = [{"token": []}, {"access-token": []}]
        app.openapi_schema = made
    return app.openapi_schema


async def _answer(request: Request, error: Exception) -> Response:
    """The answer to whatever was raised; never a traceback."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0] if error.errors() else {"loc": (), "msg": "it is not valid"}
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        error = Refused(422, "invalid", f"{place}: {first['msg']}" if place else str(first["msg"]))
    elif isinstance(error, HTTPException):
        error = Refused(error.status_code, "http", str(error.detail))
    elif isinstance(error, ArgosyError):
        log.warning("refused", extra={"path": health.shown_path(request), "reason": error.message})
        error = translated(error)
    elif isinstance(error, ClientDisconnect):
        error = Refused(400, "gone", "the request broke off")  # which nobody reads
    elif isinstance(error, SQLAlchemyError):
        log.error("the store does not answer", extra={"reason": type(error).__name__})
        error = Refused(503, "unavailable", "the service's store does not answer; try again", retry=5)
    elif not isinstance(error, Refused):
        log.error("internal error", exc_info=error, extra={"path": health.shown_path(request)})
        error = Refused(500, "internal", "internal error")
    headers = dict(_SAFE)
    if error.retry:
        headers["Retry-After"] = str(error.retry)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"detail": error.message} if error.code == "gx4ki" else error.body()
    return JSONResponse(body, error.status, headers)
