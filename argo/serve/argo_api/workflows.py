"""Workflows: create, submit, list, get, lint, and what may be done to a run. Archived are those that have ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import argo.local.state.kept as kept
from argo.backend import FINISHED, CommandArguments, Submission
from argo.errors import ConflictError, UsageError
from argo.local.backend import LocalBackend, identify
from argo.serve.argo_api import shapes
from argo.serve.argo_api.admission import CREATOR, admit, creator, of_template, request_of, sent
from argo.serve.argo_api.calls import Call, selectors
from argo.serve.argo_api.errors import ApiError, exists
from argo.serve.argo_api.shapes import Answer
from argo.submission.request import Request, again, draft
from argo.submission.send import send
from argo.workflow.gates import resumed
from argo.workflow.selectors import select
from argo.workflow.values import text, whole
from compiler.manifest_types import Workflow

_NAME_FILTERS: Mapping[str, Callable[[str, str], bool]] = {"Contains": str.__contains__, "Prefix": str.startswith}
_ENDS = 60.0  # seconds in which the tasks of a run that is removed must end


def create(call: Call) -> Answer:
    """POST /api/v1/workflows/{namespace}."""
    value = sent(call.body, "workflow", "Workflow", call.namespace)
    admit(call.backend, value, 3)
    options = call.body.get("createOptions") or {}
    request = request_of(call.backend, value)
    return _made(call.backend, request, dry=bool(call.body.get("serverDryRun") or options.get("dryRun")))


def submit(call: Call) -> Answer:
    """POST /api/v1/workflows/{namespace}/submit."""
    body = call.body
    options = body.get("submitOptions") or {}
    kind, name = str(body.get("resourceKind") or ""), str(body.get("resourceName") or "")
    request = of_template(call.backend, call.namespace, kind, name, options)
    return _made(call.backend, request, dry=bool(options.get("dryRun") or options.get("serverDryRun")), known=False)


def lint(call: Call) -> Answer:
    """POST /api/v1/workflows/{namespace}/lint."""
    value = sent(call.body, "workflow", "Workflow", call.namespace)
    admit(call.backend, value, 2)
    return {"metadata": value["metadata"], "spec": shapes.spec(value["spec"]), "status": _empty()}


def list_(call: Call) -> Answer:
    """GET /api/v1/workflows/{namespace}."""
    return _page(call, [value for value, _ in kept.heads(call.backend.state, call.namespace)])


def archived(call: Call) -> Answer:
    """GET /api/v1/archived-workflows: the runs that have ended."""
    heads = kept.heads(call.backend.state, call.query.get("namespace", ""))
    page = _page(call, [value for value, _ in heads if value["status"].get("phase") in FINISHED])
    page["metadata"].pop("resourceVersion")
    return page


def get(call: Call) -> Answer:
    """GET /api/v1/workflows/{namespace}/{name}, and of an archived one by its uid, as in what follows."""
    return call.shown(call.run())


def archived_labels(call: Call) -> Answer:
    """GET /api/v1/archived-workflows-label-keys, and -values with a selector of one key."""
    found: dict[str, None] = {}
    wanted = call.query.get("listOptions.labelSelector", "")
    for value, _ in kept.heads(call.backend.state, ""):
        for key, label in (value["metadata"].get("labels") or {}).items():
            if not wanted or key == wanted:
                found[label if wanted else key] = None
    return {"items": sorted(found)}


def suspend(call: Call) -> Answer:
    """PUT …/suspend."""
    return _ordered(call, "suspend", {})


def resume(call: Call) -> Answer:
    """PUT …/resume, of all or of the nodes selected."""
    selector = call.body.get("nodeFieldSelector") or ""
    message = call.body.get("message") or resumed(creator())
    return _ordered(call, "resume-nodes", {"selector": selector, "message": message})


def set_(call: Call) -> Answer:
    """PUT …/set: phase, message and outputs of the nodes selected."""
    try:
        outputs: Any = json.loads(call.body.get("outputParameters") or "{}")
    except ValueError as error:
        raise ApiError(3, "outputParameters is not JSON") from error
    if not isinstance(outputs, dict):
        raise ApiError(3, "outputParameters is no object")
    given: CommandArguments = {
        "selector": call.body.get("nodeFieldSelector") or "",
        "phase": call.body.get("phase") or "",
        "message": call.body.get("message") or "",
        "outputs": {key: text(value) for key, value in outputs.items()},
    }
    return _ordered(call, "set-nodes", given)


def stop(call: Call) -> Answer:
    """PUT …/stop, of all or of the nodes selected."""
    message = call.body.get("message") or ""
    if selector := call.body.get("nodeFieldSelector"):
        return _ordered(call, "set-nodes", {"selector": selector, "message": message, "phase": "Failed"})
    return _ordered(call, "stop", {"message": message})


def terminate(call: Call) -> Answer:
    """PUT …/terminate."""
    return _ordered(call, "terminate", {})


def retry(call: Call) -> Answer:
    """PUT …/retry."""
    ref, tasks = call.run(), list[str]()
    if call.body.get("restartSuccessful") and call.body.get("nodeFieldSelector"):
        nodes = (call.backend.get(ref).get("status") or {}).get("nodes") or {}
        tasks = [node["id"] for node in select(nodes.values(), call.body["nodeFieldSelector"])]
    call.backend.reset(ref, tasks)
    made = call.shown(ref)
    call.backend.queue(ref)
    return made


def resubmit(call: Call) -> Answer:
    """PUT …/resubmit."""
    request = again(call.backend, call.run())
    labels = request.subject.workflow["metadata"]["labels"]
    labels |= {CREATOR: creator(), "workflows.argoproj.io/actor": creator()}
    return _made(call.backend, request, dry=False)


def delete(call: Call) -> Answer:
    """DELETE …: a run that goes on is ended first."""
    backend, ref = call.backend, call.run()
    if (backend.get(ref).get("status") or {}).get("phase") not in FINISHED:
        backend.order(ref, "terminate", {})
        backend.start(ref)
    deadline = time.monotonic() + _ENDS
    while backend.active(ref) and time.monotonic() < deadline:
        time.sleep(0.05)
    backend.delete(ref)
    return {}


def _made(backend: LocalBackend, request: Request, *, dry: bool, known: bool = True) -> Answer:
    """Record a run and start its process; the run as it was made. What is not `known` to be sound is looked at, too.

    Raises ApiError.
    """
    value: Workflow = request.subject.workflow
    metadata = value["metadata"]
    if not metadata.get("name") and not metadata.get("generateName"):
        raise ApiError(3, "name or generateName is required")
    prefix = metadata.get("generateName")

    def identified(submission: Submission) -> Submission:
        identify(submission.workflow)
        if prefix:
            metadata["generateName"] = prefix
        return submission

    try:
        drafted = draft(request, backend)
        if not known:
            admit(backend, value, 3)
        if dry:
            identified(drafted.submission(lambda _key, _path: None))
            return {"metadata": metadata, "spec": shapes.spec(value["spec"]), "status": _empty()}
        made = send(backend, drafted, take=lambda submission: backend.record(identified(submission)))
    except ConflictError as error:
        raise exists("workflows", metadata["name"]) from error
    except UsageError as error:
        raise ApiError(3, error.message) from error
    shown = shapes.workflow({**value, "status": {}}, *kept.point(backend.state, made.ref.uid))
    backend.queue(made.ref)
    return shown


def _ordered(call: Call, verb: str, arguments: CommandArguments) -> Answer:
    """Have a command carried out; the run after it."""
    ref = call.run()
    call.backend.order(ref, verb, {**arguments, "actor": creator()})
    if verb in ("stop", "terminate"):
        call.backend.start(ref)
    else:
        call.backend.turns.advance()
    return call.shown(ref)


def _page(call: Call, found: list[Workflow]) -> Answer:
    """The part of a list that is asked for, by `limit` and `continue`."""
    chosen = _chosen(call.query, found)
    try:
        start, limit = (whole(call.query.get(f"listOptions.{key}") or "0") for key in ("continue", "limit"))
    except ValueError as error:
        raise ApiError(3, "limit and continue are numbers") from error
    end = start + limit if limit else len(chosen)
    metadata = {"resourceVersion": str(kept.version(call.backend.state))}
    if end < len(chosen):
        metadata["continue"] = str(end)
    return {"metadata": metadata, "items": [shapes.line(value) for value in chosen[start:end]]}


def _chosen(query: Mapping[str, str], found: list[Workflow]) -> list[Workflow]:
    """The runs that the selectors of a query want; its `nameFilter` says how the name in them is meant."""
    labels, fields = selectors(query)
    fits, name = _NAME_FILTERS.get(query.get("nameFilter", "")), ""
    if fits is not None:
        names = [part for part in fields.split(",") if part.startswith("metadata.name=")]
        name = names[0].partition("=")[2] if names else ""
        fields = ",".join(part for part in fields.split(",") if part not in names)
    matching = (value for value in found if shapes.matches(value["metadata"], labels, fields))
    return [value for value in matching if fits is None or fits(value["metadata"]["name"], name)]


def _empty() -> Answer:
    return {"startedAt": None, "finishedAt": None}
