"""Workflows: create, submit, list, get, lint, and what may be done to a run. Archived are those that have ended."""

from __future__ import annotations

import json
import time
from typing import Any

import argo.local.state.kept as kept
from argo.backend import FINISHED, CommandArguments, Json, RunRef, Submission
from argo.errors import ConflictError, UsageError
from argo.local.backend import LocalBackend
from argo.local.identity import identify
from argo.serve.argo_api import shapes
from argo.serve.argo_api.admission import CREATOR, admit, creator, of_template, request_of, sent
from argo.serve.argo_api.calls import Call
from argo.serve.argo_api.errors import ApiError, exists
from argo.submission.request import Request, again, draft
from argo.submission.send import send
from argo.workflow.gates import resumed
from argo.workflow.selectors import select
from argo.workflow.values import text, whole

_ENDS = 60.0  # seconds in which the tasks of a run that is removed must end


def create(call: Call) -> Json:
    """POST /api/v1/workflows/{namespace}."""
    value = sent(call.body, "workflow", "Workflow", call.namespace)
    admit(call.backend, value, 3)
    options = call.body.get("createOptions") or {}
    request = request_of(call.backend, value)
    return _made(call.backend, request, dry=bool(call.body.get("serverDryRun") or options.get("dryRun")))


def submit(call: Call) -> Json:
    """POST /api/v1/workflows/{namespace}/submit."""
    body = call.body
    options = body.get("submitOptions") or {}
    kind, name = str(body.get("resourceKind") or ""), str(body.get("resourceName") or "")
    request = of_template(call.backend, call.namespace, kind, name, options)
    return _made(call.backend, request, dry=bool(options.get("dryRun") or options.get("serverDryRun")), known=False)


def lint(call: Call) -> Json:
    """POST /api/v1/workflows/{namespace}/lint."""
    value = sent(call.body, "workflow", "Workflow", call.namespace)
    admit(call.backend, value, 2)
    return {"metadata": value["metadata"], "spec": shapes.spec(value["spec"]), "status": _empty()}


def list_(call: Call) -> Json:
    """GET /api/v1/workflows/{namespace}."""
    return _page(call, [(value, version) for value, version in kept.heads(call.backend.state, call.namespace)])


def archived(call: Call) -> Json:
    """GET /api/v1/archived-workflows: the runs that have ended."""
    heads = kept.heads(call.backend.state, call.query.get("namespace", ""))
    page = _page(call, [(value, version) for value, version in heads if value["status"].get("phase") in FINISHED])
    page["metadata"].pop("resourceVersion")
    return page


def get(call: Call) -> Json:
    """GET /api/v1/workflows/{namespace}/{name}."""
    return call.shown(call.run())


def get_archived(call: Call) -> Json:
    """GET /api/v1/archived-workflows/{uid}."""
    return call.shown(_ended(call))


def archived_labels(call: Call) -> Json:
    """GET /api/v1/archived-workflows-label-keys, and -values with a selector of one key."""
    found: dict[str, None] = {}
    wanted = call.query.get("listOptions.labelSelector", "")
    for value, _ in kept.heads(call.backend.state, ""):
        for key, label in (value["metadata"].get("labels") or {}).items():
            if not wanted or key == wanted:
                found[label if wanted else key] = None
    return {"items": sorted(found)}


def suspend(call: Call) -> Json:
    """PUT …/suspend."""
    return _ordered(call, "suspend", {})


def resume(call: Call) -> Json:
    """PUT …/resume, of all or of the nodes selected."""
    selector = call.body.get("nodeFieldSelector") or ""
    message = call.body.get("message") or resumed(creator())
    return _ordered(call, "resume-nodes", {"selector": selector, "message": message})


def set_(call: Call) -> Json:
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
    }
    values = {key: text(value) for key, value in outputs.items()}
    return _ordered(call, "set-nodes", {**given, "outputs": values})


def stop(call: Call) -> Json:
    """PUT …/stop, of all or of the nodes selected."""
    if call.body.get("nodeFieldSelector"):
        given: CommandArguments = {
            "selector": call.body["nodeFieldSelector"],
            "message": call.body.get("message") or "",
        }
        return _ordered(call, "set-nodes", {**given, "phase": "Failed"})
    return _ordered(call, "stop", {"message": call.body.get("message") or ""})


def terminate(call: Call) -> Json:
    """PUT …/terminate."""
    return _ordered(call, "terminate", {})


def retry(call: Call) -> Json:
    """PUT …/retry."""
    return _retried(call, call.run())


def retry_archived(call: Call) -> Json:
    """PUT /api/v1/archived-workflows/{uid}/retry."""
    return _retried(call, _ended(call))


def resubmit(call: Call) -> Json:
    """PUT …/resubmit."""
    return _again(call, call.run())


def resubmit_archived(call: Call) -> Json:
    """PUT /api/v1/archived-workflows/{uid}/resubmit."""
    return _again(call, _ended(call))


def delete(call: Call) -> Json:
    """DELETE …: a run that goes on is ended first."""
    return _removed(call.backend, call.run())


def delete_archived(call: Call) -> Json:
    """DELETE /api/v1/archived-workflows/{uid}."""
    return _removed(call.backend, _ended(call))


def _made(backend: LocalBackend, request: Request, *, dry: bool, known: bool = True) -> Json:
    """Record a run and start its process; the run as it was made. What is not `known` to be sound is looked at, too.

    Raises ApiError.
    """
    value = request.subject.workflow
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


def _ordered(call: Call, verb: str, arguments: CommandArguments) -> Json:
    """Have a command carried out; the run after it."""
    ref = call.run()
    call.backend.order(ref, verb, {**arguments, "actor": creator()})
    if verb in ("stop", "terminate"):
        call.backend.start(ref)
    else:
        call.backend.turns.advance()
    return call.shown(ref)


def _retried(call: Call, ref: RunRef) -> Json:
    tasks: list[str] = []
    if call.body.get("restartSuccessful") and call.body.get("nodeFieldSelector"):
        nodes = (call.backend.get(ref).get("status") or {}).get("nodes") or {}
        tasks = [node["id"] for node in select(nodes.values(), call.body["nodeFieldSelector"])]
    call.backend.reset(ref, tasks)
    made = call.shown(ref)
    call.backend.queue(ref)
    return made


def _again(call: Call, ref: RunRef) -> Json:
    request = again(call.backend, ref)
    labels = request.subject.workflow["metadata"]["labels"]
    labels |= {CREATOR: creator(), "workflows.argoproj.io/actor": creator()}
    return _made(call.backend, request, dry=False)


def _removed(backend: LocalBackend, ref: RunRef) -> Json:
    phase = (backend.get(ref).get("status") or {}).get("phase")
    if phase not in FINISHED:
        backend.order(ref, "terminate", {})
        backend.start(ref)
    deadline = time.monotonic() + _ENDS
    while backend.active(ref) and time.monotonic() < deadline:
        time.sleep(0.05)
    backend.delete(ref)
    return {}


def _ended(call: Call) -> RunRef:
    """The run that has ended of the uid in the path."""
    uid = call.path["uid"]
    row = next((row for row in call.backend.state.rows() if row.ref.uid == uid), None)
    if row is None or row.phase not in FINISHED:
        raise ApiError(5, "not found")
    return row.ref


def _page(call: Call, found: list[tuple[Json, int]]) -> Json:
    """The part of a list that is asked for, by `limit` and `continue`."""
    query = call.query
    labels, fields = (query.get(f"listOptions.{name}Selector", "") for name in ("label", "field"))
    name, how = "", query.get("nameFilter", "")
    if how in ("Contains", "Prefix"):
        name = next((p.partition("=")[2] for p in fields.split(",") if p.startswith("metadata.name=")), "")
        fields = ",".join(part for part in fields.split(",") if not part.startswith("metadata.name="))
    chosen = [
        value
        for value, _ in found
        if shapes.matches(value, labels, fields) and _fits(value["metadata"]["name"], name, how)
    ]
    try:
        start, limit = (whole(query.get(f"listOptions.{key}") or "0") for key in ("continue", "limit"))
    except ValueError as error:
        raise ApiError(3, "limit and continue are numbers") from error
    end = start + limit if limit else len(chosen)
    metadata = {"resourceVersion": str(kept.version(call.backend.state))}
    if end < len(chosen):
        metadata["continue"] = str(end)
    return {"metadata": metadata, "items": [shapes.line(value) for value in chosen[start:end]]}


def _fits(name: str, wanted: str, how: str) -> bool:
    return wanted in name if how == "Contains" else name.startswith(wanted)


def _empty() -> Json:
    return {"startedAt": None, "finishedAt": None}
