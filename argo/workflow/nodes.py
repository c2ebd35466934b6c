"""Suspend, resume, stop, and answers to suspended nodes, as edits of a Workflow object.

Facts: Argo workflow/util/util.go (ResumeWorkflow, updateSuspendedNode, StopWorkflow).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from argo.errors import ConflictError
from argo.workflow.values import format_time, put_named, text
from compiler.manifest_types import NodeStatus, Parameter, Workflow, WorkflowStatus

STOP, TERMINATE = "Stop", "Terminate"  # values of spec.shutdown: exit handlers run, or do not


def supplied(node: NodeStatus) -> list[Parameter]:
    """The output parameters of a suspend node that somebody has to supply, and has not."""
    parameters = (node.get("outputs") or {}).get("parameters") or ()
    return [p for p in parameters if "supplied" in (p.get("valueFrom") or {}) and "value" not in p]


def resume_node(workflow: Workflow, node: NodeStatus, now: datetime, message: str = "") -> str:
    """Succeed one waiting Suspend node, outputs that nobody supplied taking their defaults; its id.

    Raises ConflictError.
    """
    give_defaults(node)
    _export(workflow, node)
    _end(node, "Succeeded", now, "; ".join(filter(None, (node.get("message"), message))))
    return str(node["id"])


def set_node(
    workflow: Workflow,
    node: NodeStatus,
    now: datetime,
    *,
    phase: str = "",
    message: str = "",
    parameters: Mapping[str, str] | None = None,
) -> str:
    """Give a waiting Suspend node outputs, and a phase (Succeeded, Failed, …); its id. Raises ConflictError."""
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


def require_defaults(node: NodeStatus) -> None:
    """Raises ConflictError where an output that nobody supplied has no default."""
    for parameter in supplied(node):
        if parameter["valueFrom"].get("default") is None:
            raise ConflictError(
                f"raw output parameter '{parameter['name']}' has not been set and does not have a default value"
            )


def give_defaults(node: NodeStatus) -> None:
    """Outputs that nobody supplied take their defaults. Raises ConflictError where there is none."""
    require_defaults(node)
    for parameter in supplied(node):
        parameter["value"] = text(parameter["valueFrom"]["default"])
        del parameter["valueFrom"]


def export_parameter(status: WorkflowStatus, parameter: Parameter) -> None:
    """Give the workflow an output parameter that carries a globalName (Argo: AddParamToGlobalScope)."""
    if parameter.get("globalName"):
        entry: Parameter = {"name": parameter["globalName"], "value": text(parameter["value"])}
        put_named(status.setdefault("outputs", {}).setdefault("parameters", []), entry)


def _require_settable(name: str, value: str, declared: Parameter | None) -> None:
    if declared is None:
        raise ConflictError(f"node is not expecting output parameter '{name}'")
    if "supplied" not in (declared.get("valueFrom") or {}):
        raise ConflictError(
            f"cannot set output parameter '{name}' because it does not use valueFrom.raw or it was already set"
        )
    allowed = [text(entry) for entry in declared.get("enum") or ()]
    if allowed and value not in allowed:
        raise ConflictError(f"output parameter '{name}' must be one of {', '.join(allowed)}, not {value}")


def _export(workflow: Workflow, node: NodeStatus) -> None:
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        if "value" in parameter:
            export_parameter(workflow["status"], parameter)


def _end(node: NodeStatus, phase: str, now: datetime, message: str) -> None:
    node["phase"] = phase
    node["finishedAt"] = format_time(now)
    if message:
        node["message"] = message
