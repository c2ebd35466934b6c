"""Commands to a run as edits of its Workflow object, as Argo's CLI makes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from argo.backend import FINISHED, Json
from argo.errors import ConflictError, did_you_mean
from argo.track.tree import relative, waiting

DECISION = "decision"  # the output parameter of a gate
APPROVE, REJECT = "approve", "reject"


def apply(workflow: Json, verb: str, arguments: Json, now: datetime) -> set[str]:
    """Carry out a command: edits `workflow` and returns the ids of the nodes that it changed.

    Raises ConflictError where the run's state does not allow it.
    """
    status = workflow.get("status") or {}
    if status.get("phase") in FINISHED:
        raise ConflictError(f"{workflow['metadata']['name']} has ended: {status['phase']}")
    return _VERBS[verb](workflow, arguments, now)


def supplied(node: Json) -> list[str]:
    """The output parameters of a suspend node that somebody has to supply, and has not."""
    parameters = (node.get("outputs") or {}).get("parameters") or ()
    return [p["name"] for p in parameters if "supplied" in (p.get("valueFrom") or {}) and "value" not in p]


def _stop(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    del arguments, now
    workflow["spec"]["shutdown"] = "Stop"
    return set()


def _terminate(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    del arguments, now
    workflow["spec"]["shutdown"] = "Terminate"
    return set()


def _suspend(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    del arguments, now
    workflow["spec"]["suspend"] = True
    return set()


def _resume(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    """Lift the suspension; bare suspend nodes go on, those that want a decision keep waiting."""
    del arguments
    workflow["spec"].pop("suspend", None)
    bare = [node for node in waiting(workflow) if not supplied(node)]
    for node in bare:
        _decide(node, "Succeeded", {}, "", now)
    return {node["id"] for node in bare}


def _set(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    node = _gate(workflow, arguments["task"])
    return _decide(node, arguments["phase"], arguments["outputs"], arguments["message"], now)


def _approve(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    node = _gate(workflow, arguments["task"])
    outputs = {DECISION: APPROVE} if DECISION in supplied(node) else {}
    return _decide(node, "Succeeded", outputs, arguments["message"], now)


def _reject(workflow: Json, arguments: Json, now: datetime) -> set[str]:
    """A gate ends with its decision, which its dependents read; a bare suspend node can only fail."""
    node = _gate(workflow, arguments["task"])
    if DECISION in supplied(node):
        return _decide(node, "Succeeded", {DECISION: REJECT}, arguments["message"], now)
    return _decide(node, "Failed", {}, arguments["message"] or "rejected", now)


_VERBS: dict[str, Callable[[Json, Json, datetime], set[str]]] = {
    "stop": _stop, "terminate": _terminate, "suspend": _suspend, "resume": _resume, "set": _set,
    "approve": _approve, "reject": _reject,
}


def _gate(workflow: Json, task: str) -> Json:
    run = workflow["metadata"]["name"]
    open_ = waiting(workflow)
    names = [relative(node["name"], run) for node in open_]
    for wanted in (lambda n: relative(n["name"], run), lambda n: n.get("displayName"), lambda n: n["id"]):
        found = [node for node in open_ if wanted(node) == task]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConflictError(f"{task} is not unique: {', '.join(relative(n['name'], run) for n in found)}")
    hint = did_you_mean(task, names) or (f"waiting are: {', '.join(names)}" if names else "no task waits")
    raise ConflictError(f"no task named {task} waits for a decision in {run} ({hint})")


def _decide(node: Json, phase: str, outputs: Json, message: str, now: datetime) -> set[str]:
    unknown = sorted(set(outputs) - set(supplied(node)))
    if unknown:
        raise ConflictError(f"{node['name']} takes no output named {unknown[0]}")
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        if "supplied" not in (parameter.get("valueFrom") or {}) or "value" in parameter:
            continue
        value = outputs.get(parameter["name"], parameter["valueFrom"].get("default"))
        if value is None and phase == "Succeeded":
            raise ConflictError(f"{node['name']} wants a value for {parameter['name']}")
        if value is not None:
            parameter["value"] = value
            del parameter["valueFrom"]
    node["phase"] = phase
    node["finishedAt"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if message:
        node["message"] = message
    return {node["id"]}
