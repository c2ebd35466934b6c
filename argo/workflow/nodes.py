"""Suspend, resume, stop, and answers to suspended nodes, as edits of a Workflow object.

Facts: Argo workflow/util/util.go (ResumeWorkflow, updateSuspendedNode, StopWorkflow).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from argo.errors import ConflictError
from argo.workflow.values import Named, format_time, text
from compiler.manifest_types import NodeStatus, Parameter, Workflow, WorkflowStatus

STOP = "Stop"
TERMINATE = "Terminate"


def suspended_nodes(workflow: Workflow) -> list[NodeStatus]:
    """Suspend nodes that wait, in the order of their names."""
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    waiting = (node for node in nodes.values() if node["type"] == "Suspend" and node["phase"] == "Running")
    return sorted(waiting, key=lambda node: str(node["name"]))


def suspend(workflow: Workflow) -> None:
    """Start nothing new until `resume`."""
    workflow["spec"]["suspend"] = True


def resume(workflow: Workflow, now: datetime, message: str = "") -> set[str]:
    """Go on after `suspend`, and succeed every waiting Suspend node; ids of the nodes changed.

    Raises ConflictError, having changed nothing, when a node waits for a value without a default.
    """
    waiting = suspended_nodes(workflow)
    for node in waiting:
        _require_defaults(node)
    workflow["spec"].pop("suspend", None)
    return {resume_node(workflow, node, now, message) for node in waiting}


def resume_node(workflow: Workflow, node: NodeStatus, now: datetime, message: str = "") -> str:
    """Succeed one waiting Suspend node, outputs that nobody supplied taking their defaults; its id.

    Raises ConflictError.
    """
    _require_waiting(node)
    _require_defaults(node)
    give_defaults(node)
    _export(workflow, node)
    _end(node, "Succeeded", now, "; ".join(part for part in (node.get("message", ""), message) if part))
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


def stop(workflow: Workflow, strategy: str = STOP) -> None:
    """End the workflow: `Stop` lets exit handlers run, `Terminate` does not."""
    if strategy not in (STOP, TERMINATE):
        raise ConflictError(f"shutdown strategy must be {STOP} or {TERMINATE}, not {strategy}")
    workflow["spec"]["shutdown"] = strategy


def give_defaults(node: NodeStatus) -> None:
    """Outputs that nobody supplied take their defaults. Raises ConflictError where there is none."""
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom")
        if source is None or "supplied" not in source:
            continue
        if source.get("default") is None:
            raise ConflictError(
                f"raw output parameter '{parameter['name']}' has not been set and does not have a default value"
            )
        parameter["value"] = text(source["default"])
        del parameter["valueFrom"]


def export_parameter(status: WorkflowStatus, parameter: Parameter) -> None:
    """Give the workflow an output parameter that carries a globalName (Argo: AddParamToGlobalScope)."""
    if parameter.get("globalName"):
        entry: Parameter = {"name": parameter["globalName"], "value": text(parameter["value"])}
        put_output(status.setdefault("outputs", {}).setdefault("parameters", []), entry)


def put_output(entries: list[Named], entry: Named) -> None:
    """Add an output of the workflow to its others, in place of the one of the same name."""
    for position, present in enumerate(entries):
        if present["name"] == entry["name"]:
            entries[position] = entry
            return
    entries.append(entry)


def _require_waiting(node: NodeStatus) -> None:
    if node["type"] != "Suspend" or node["phase"] != "Running":
        raise ConflictError(f"node {node['name']} is not a suspended node")


def _require_defaults(node: NodeStatus) -> None:
    for parameter in (node.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom")
        if source is not None and "supplied" in source and source.get("default") is None:
            raise ConflictError(
                f"raw output parameter '{parameter['name']}' has not been set and does not have a default value"
            )


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
