"""One call of the API: what handlers get, and how what they give becomes an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import argo.local.state.kept as kept
from argo.backend import FINISHED, RunRef
from argo.errors import NotFoundError
from argo.local.backend import LocalBackend
from argo.serve.argo_api import shapes
from argo.serve.argo_api.errors import HEADERS, ApiError, not_found

LATEST = "@latest"
LARGEST = 16 << 20  # bytes of a request's body: an object may hold about 1 MiB in a cluster, several templates more


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the parts of its path, its query and its JSON body."""

    backend: LocalBackend
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        return self.path.get("namespace", "")

    def run(self) -> RunRef:
        """The run that the path names, in its namespace or, an archived one, by its uid. Raises ApiError."""
        if "uid" in self.path:
            return of_uid(self.backend, self.path["uid"])
        return named(self.backend, self.namespace, self.path["name"])

    def shown(self, ref: RunRef) -> shapes.Answer:
        """A run as it is now."""
        point = kept.point(self.backend.state, ref.uid)
        return shapes.workflow(self.backend.get(ref), *point)


Handler = Callable[[Call], shapes.Answer]


def selectors(query: Mapping[str, str]) -> tuple[str, str]:
    """The label selector and the field selector of a query."""
    return query.get("listOptions.labelSelector", ""), query.get("listOptions.fieldSelector", "")


def of_uid(backend: LocalBackend, uid: str, *, ended: bool = True) -> RunRef:
    """The run of that uid. Raises ApiError, also for one that has not ended where it must have."""
    with suppress(NotFoundError):
        row = backend.state.row(uid)
        if row.phase in FINISHED or not ended:
            return row.ref
    raise ApiError(5, "not found")


def named(backend: LocalBackend, namespace: str, name: str) -> RunRef:
    """The run of that name in a namespace, or the newest one by its alias. Raises ApiError."""
    if name == LATEST:
        newest = next(iter(kept.heads(backend.state, namespace)), None)
        if newest is None:
            raise ApiError(5, "no workflows found")
        metadata = newest[0]["metadata"]
        return RunRef(metadata["name"], metadata["namespace"], metadata["uid"])
    ref = backend.named(RunRef(name, namespace, ""))
    if ref is None:
        raise not_found("workflows", name)
    return ref


def endpoint(handler: Handler, backend: LocalBackend) -> Callable[[Request], Awaitable[Response]]:
    """A handler as Starlette wants it: it runs in a thread, since the state waits for its turn."""

    async def answer(request: Request) -> Response:
        call = Call(backend, request.path_params, dict(request.query_params), await _body(request))
        value = await run_in_threadpool(handler, call)
        return JSONResponse(shapes.selected(value, call.query.get("fields", "")), headers=HEADERS)

    return answer


def _message(request: Request) -> str:
    """The name that Argo's code gives what a route takes, which it puts into errors."""
    path = request.url.path
    if "/cron-workflows/" in path:
        return "cronworkflow." + ("LintCronWorkflowRequest" if path.endswith("/lint") else "CreateCronWorkflowRequest")
    if "-templates" in path:
        kind = "ClusterWorkflowTemplate" if "/cluster-" in path else "WorkflowTemplate"
        return f"{kind.lower()}.{kind}{'Lint' if path.endswith('/lint') else 'Create'}Request"
    verb = path.rpartition("/")[2] if path.count("/") > 4 else "create"
    return f"workflow.Workflow{verb.capitalize()}Request"


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body, empty without one. Raises ApiError for anything else."""
    data = await request.body()
    if not data.strip():
        return {}
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ApiError(3, "the request is not JSON") from error
    if not isinstance(value, dict):
        kind = "array" if isinstance(value, list) else type(value).__name__
        raise ApiError(3, f"json: cannot unmarshal {kind} into Go value of type {_message(request)}")
    return value
