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
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from argo.errors import ArgosyError
from argo.serve.guard import Guard
from argo.serve.refusal import Refusal, translated, unavailable
from argo.serve.workflow_api import gx4ki, health, imla, v1
from argo.serve.workflow_api.admission import Admission
from argo.serve.workflow_api.core import Service
from argo.serve.workflow_api.edc import routes as edc
from argo.serve.workflow_api.pages import described

log = logging.getLogger("argosy.service")
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def application(service: Service, *, work: bool = True) -> ASGIApp:
    """The application behind its guard. Without `work` this copy answers only, and others do the jobs."""

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

    about: dict[str, Any] = {"title": "Argosy", "version": "1", "description": _DESCRIPTION}
    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, **about)  # theirs load scripts from elsewhere
    known = (
        Refusal, ArgosyError, SQLAlchemyError, RequestValidationError, HTTPException, ClientDisconnect, RecursionError,
        UnicodeError,
    )  # fmt: skip
    for kind in (*known, Exception):
        app.add_exception_handler(kind, _answer)
    routers = [v1.router(service), gx4ki.router(service), edc.router(service), health.router(service)]
    if service.settings.job_configs:
        routers.append(imla.router(service))
    for router in routers:
        app.include_router(router)

    @app.get("/data/{token}", tags=["Outputs"], summary="What an address gives")
    def data(token: str, request: Request) -> Response:
        from argo.serve.workflow_api.results import granted

        row, output = granted(service.database, token)
        return v1.send(service.results.download(row, output), request)

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return described(_openapi(app))

    app.state.meters = health.Meters()
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return health.Observed(Guard(app, Admission(service.identity).admit, _answer), app)


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
    refused = gx4ki.adapted(request, _refusal(request, error))
    headers = dict(_SAFE)
    if refused.retry:
        headers["Retry-After"] = str(refused.retry)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = {"detail": refused.message} if refused.code == "gx4ki" else refused.body()
    return JSONResponse(body, refused.status, headers)


def _refusal(request: Request, error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0] if error.errors() else {"loc": (), "msg": "it is not valid"}
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        return Refusal(422, "invalid", f"{place}: {first['msg']}" if place else str(first["msg"]))
    if isinstance(error, HTTPException):
        return Refusal(error.status_code, "http", str(error.detail))
    if isinstance(error, ArgosyError):
        log.warning("refused", extra={"path": health.shown_path(request.scope), "reason": error.message})
        return translated(error)
    return _broken(request, error)


def _broken(request: Request, error: Exception) -> Refusal:
    if isinstance(error, ClientDisconnect):
        return Refusal(400, "gone", "the request broke off")  # which nobody reads
    if isinstance(error, RecursionError):
        return Refusal(400, "invalid", "the request is nested too deeply")
    if isinstance(error, (UnicodeError, DataError)):
        return Refusal(422, "invalid", "the request holds text that cannot be kept")
    if isinstance(error, SQLAlchemyError):
        log.error("the store does not answer", extra={"reason": type(error).__name__})
        return unavailable()
    log.error("internal error", exc_info=error, extra={"path": health.shown_path(request.scope)})
    return Refusal(500, "internal", "internal error")
