"""Commands on a workflow, as edits of the object: suspend, resume, stop, and answers to suspended nodes.

Facts: Argo workflow/util/util.go (ResumeWorkflow, updateSuspendedNode, StopWorkflow).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from argo.local.controller.clock import format_time
from argo.local.controller.leaves import give_defaults
from argo.local.controller.outputs import export_parameter
from argo.local.controller.values import ReconcileError
from argo.local.pods import Json

STOP = "Stop"
TERMINATE = "Terminate"


def suspended_nodes(workflow: Json) -> list[Json]:
    """Suspend nodes that wait, in the order of their names."""
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    waiting = (node for node in nodes.values() if node["type"] == "Suspend" and node["phase"] == "Running")
    return sorted(waiting, key=lambda node: str(node["name"]))


def suspend(workflow: Json) -> None:
    """Start nothing new until `resume`."""
    workflow["spec"]["suspend"] = True


def resume(workflow: Json, now: datetime, message: str = "") -> set[str]:
    """Go on after `suspend`, and succeed every waiting Suspend node; ids of the nodes changed.

    Raises ReconcileError, having changed nothing, when a node waits for a value without a default.
    """
    waiting = suspended_nodes(workflow)
    for node in waiting:
        _require_defaults(node)
    workflow["spec"].pop("suspend", None)
    return {resume_node(workflow, node, now, message) for node in waiting}


def resume_node(workflow: Json, node: Json, now: datetime, message: str = "") -> str:
    """Succeed one waiting Suspend node, outputs that nobody supplied taking their defaults; its id.

    Raises ReconcileError.
    """
    _require_waiting(node)
    _require_defaults(node)
    give_defaults(node)
    _export(workflow, node)
    _end(node, "Succeeded", now, "; ".join(part for part in (node.get("message", ""), message) if part))
    return str(node["id"])


def set_node(
    workflow: Json,
    node: Json,
    now: datetime,
    *,
    phase: str = "",
    message: str = "",
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Give a waiting Suspend node outputs, and a phase (Succeeded, Failed, …); its id. Raises ReconcileError."""
    _require_waiting(node)
    outputs = {entry["name"]: entry for entry in (node.get("outputs") or {}).get("parameters") or ()}
    for name, value in (parameters or {}).items():
        _require_settable(name, value, outputs.get(name))
    for name, value in (parameters or {}).items():
        outputs[name]["value"] = value
        del outputs[name]["valueFrom"]
    _export(workflow, node)
    if phase:
        _end(node, phase, now, message or str(node.get("message", "")))
    elif message:
        node["message"] = message
    return str(node["id"])


def stop(workflow: Json, strategy: str = STOP) -> None:
    """End the workflow: `Stop` lets exit handlers run, `Terminate` does not."""
    if strategy not in (STOP, TERMINATE):
        raise ReconcileError(f"shutdown strategy must be {STOP} or {TERMINATE}, not {strategy}")
    workflow["spec"]["shutdown"] = strategy


def _require_waiting(node: Json) -> None:
    if node["type"] != "Suspend" or node["phase"] != "Running":
        raise ReconcileError(f"node {node['name']} is not a suspended node")


def _require_defaults(node: Json) -> None:
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom")
        if source is not None and "supplied" in source and source.get("default") is None:
            raise ReconcileError(
                f"raw output parameter '{parameter['name']}' has not been set and does not have a default value"
            )


def _require_settable(name: str, value: str, declared: Json | None) -> None:
    if declared is None:
        raise ReconcileError(f"node is not expecting output parameter '{name}'")
    if "supplied" not in (declared.get("valueFrom") or {}):
        raise ReconcileError(
            f"cannot set output parameter '{name}' because it does not use valueFrom.raw or it was already set"
        )
    allowed: Iterable[str] = declared.get("enum") or ()
    if allowed and value not in allowed:
        raise ReconcileError(f"output parameter '{name}' must be one of {', '.join(allowed)}, not {value}")


def _export(workflow: Json, node: Json) -> None:
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        if "value" in parameter:
            export_parameter(workflow["status"], parameter)


def _end(node: Json, phase: str, now: datetime, message: str) -> None:
    node["phase"] = phase
    node["finishedAt"] = format_time(now)
    if message:
        node["message"] = message
