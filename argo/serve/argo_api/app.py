"""The routes of the API, who may use them, and the server's process."""

from __future__ import annotations

import asyncio
import platform
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argo.errors import ArgosyError
from argo.local.backend import LocalBackend
from argo.serve.argo_api import artifacts, streams, templates, workflows
from argo.serve.argo_api.admission import creator
from argo.serve.argo_api.calls import LARGEST, Call, Handler, endpoint
from argo.serve.argo_api.errors import ApiError, answer_error
from argo.serve.argo_api.shapes import Answer
from argo.serve.guard import Guard, small_server
from argo.serve.process import serve as serve_
from argo.serve.refusal import Refusal
from argo.serve.sockets import names

TOKEN: Final = "api.token"  # noqa: S105  (a file's name, below ARGOSY_HOME)
_GRACE: Final = 5  # seconds in which answers under way may end
_LOOK = 1.0  # seconds between two looks at all runs
API = "/api/v1"
_RUNS = f"{API}/workflows/{{namespace}}"
_ARCHIVED = f"{API}/archived-workflows"


def application(backend: LocalBackend) -> Starlette:
    """The API over the runs of `backend`, for whoever reaches it."""
    hub = streams.Hub(backend)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(hub.run()), asyncio.create_task(_revive(backend))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    routes = [
        *(Route(path, endpoint(handler, backend), methods=[method]) for method, path, handler in _handlers()),
        Route(f"{API}/workflow-events/{{namespace}}", _streamed(partial(streams.events, hub))),
        Route(f"{_RUNS}/{{name}}/log", _streamed(partial(streams.logs, backend))),
        Route(f"{_RUNS}/{{name}}/{{podName}}/log", _streamed(partial(streams.logs, backend))),
        *(Route(path, partial(_artifact, backend, kind, place)) for path, kind, place in _FILES),
        Route("/{rest:path}", _nothing, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]
    handlers = dict.fromkeys((ApiError, ArgosyError, Refusal, Exception), answer_error)
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.state.hub = hub  # for whoever ends the streams
    return app


def serve(backend: LocalBackend, listener: socket.socket, token: str) -> None:
    """Serve until SIGTERM or SIGINT: streams end, the processes that drive runs go on."""
    app = application(backend)
    admit = small_server(token, names(listener.getsockname()[0]), pages=True)
    serve_(Guard(app, admit, answer_error, LARGEST), listener, ending=app.state.hub.end, grace=_GRACE)


async def _revive(backend: LocalBackend) -> None:
    """Keep a process at every run that nobody at a terminal drives, until cancelled."""
    while True:
        await run_in_threadpool(backend.revive)
        await asyncio.sleep(_LOOK)


def _handlers() -> list[tuple[str, str, Handler]]:
    """Method, path and handler of every call with a JSON answer."""
    verbs = {
        "retry": workflows.retry, "resubmit": workflows.resubmit, "suspend": workflows.suspend,
        "resume": workflows.resume, "set": workflows.set_, "stop": workflows.stop, "terminate": workflows.terminate,
    }  # fmt: skip
    found: list[tuple[str, str, Handler]] = [
        ("GET", f"{API}/info", _info),
        ("GET", f"{API}/version", _version),
        ("GET", f"{API}/userinfo", lambda _call: {"issuer": "argosy", "subject": creator(), "groups": []}),
        ("POST", f"{API}/tracking/event", lambda _call: {}),
        ("POST", _RUNS, workflows.create),
        ("POST", f"{_RUNS}/submit", workflows.submit),
        ("POST", f"{_RUNS}/lint", workflows.lint),
        ("GET", _RUNS, workflows.list_),
        ("GET", f"{_RUNS}/{{name}}", workflows.get),
        ("DELETE", f"{_RUNS}/{{name}}", workflows.delete),
        *(("PUT", f"{_RUNS}/{{name}}/{verb}", handler) for verb, handler in verbs.items()),
        ("GET", _ARCHIVED, workflows.archived),
        ("GET", f"{_ARCHIVED}-label-keys", workflows.archived_labels),
        ("GET", f"{_ARCHIVED}-label-values", workflows.archived_labels),
        ("GET", f"{_ARCHIVED}/{{uid}}", workflows.get),
        ("DELETE", f"{_ARCHIVED}/{{uid}}", workflows.delete),
        ("PUT", f"{_ARCHIVED}/{{uid}}/retry", workflows.retry),
        ("PUT", f"{_ARCHIVED}/{{uid}}/resubmit", workflows.resubmit),
        ("GET", f"{API}/workflow-event-bindings/{{namespace}}", lambda _call: {"metadata": {}, "items": None}),
    ]
    for path, kind in (
        ("workflow-templates/{namespace}", templates.TEMPLATES),
        ("cluster-workflow-templates", templates.CLUSTER_TEMPLATES),
        ("cron-workflows/{namespace}", templates.SCHEDULES),
    ):
        root = f"{API}/{path}"
        found += [
            ("POST", root, kind.create), ("GET", root, kind.list), ("POST", f"{root}/lint", kind.lint),
            ("GET", f"{root}/{{name}}", kind.get), ("PUT", f"{root}/{{name}}", kind.update),
            ("DELETE", f"{root}/{{name}}", kind.delete),
        ]  # fmt: skip
    for verb, wanted in (("suspend", True), ("resume", False)):
        path = f"{API}/cron-workflows/{{namespace}}/{{name}}/{verb}"
        found.append(("PUT", path, templates.SCHEDULES.suspended(wanted)))
    return found


_FILES = (
    ("/artifact-files/{namespace}/{place}/{id}/{nodeId}/{kind}/{artifact}", "", ""),
    ("/artifacts/{namespace}/{id}/{nodeId}/{artifact}", "outputs", "workflows"),
    ("/input-artifacts/{namespace}/{id}/{nodeId}/{artifact}", "inputs", "workflows"),
    ("/artifacts-by-uid/{id}/{nodeId}/{artifact}", "outputs", "by-uid"),
    ("/input-artifacts-by-uid/{id}/{nodeId}/{artifact}", "inputs", "by-uid"),
)


async def _artifact(backend: LocalBackend, kind: str, place: str, request: Request) -> Response:
    for name, value in (("kind", kind), ("place", place)):
        request.path_params.setdefault(name, value)
    return await artifacts.artifact(backend, request)


def _streamed(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler of a stream, whose errors are events, too."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (ApiError, ArgosyError) as error:
            return streams.failed(request, error)

    return answer


async def _nothing(_request: Request) -> Response:
    error = ApiError(12, "Not Implemented")
    return JSONResponse(error.body(), error.status)


def _info(_call: Call) -> Answer:
    return {"modals": {"feedback": False, "firstTimeUser": False, "newVersion": False}}


def _version(_call: Call) -> Answer:
    try:
        own = version("argosy")
    except PackageNotFoundError:
        own = "0"
    return {
        "version": f"v4.1.2+argosy.{own}",
        "buildDate": "1970-01-01T00:00:00Z",
        **dict.fromkeys(("gitCommit", "gitTag", "gitTreeState"), ""),
        "goVersion": f"python{platform.python_version()}",
        "compiler": "",
        "platform": platform.platform(),
    }
