"""Extracts what the service keeps of a Workflow: its run's state, its tasks, its pod as gx4ki's clients see one, its
results. Pure functions of a Workflow object."""

from __future__ import annotations

from typing import Any, Final

from argo.backend import FINISHED, FULFILLED, Json
from argo.local.turns import WAITING
from argo.serve.workflow_api.delivery import TASK
from argo.workflow.faults import explained
from argo.workflow.gates import gates
from argo.workflow.outputs import Result, results
from argo.workflow.status import moment
from argo.workflow.tasks import pods
from compiler.manifest_types import NodeStatus, Workflow

_STATES: Final = {"Succeeded": "succeeded", "Failed": "failed", "Error": "failed"}


def phase(workflow: Workflow) -> str:
    """The Workflow's phase, Pending before it has one."""
    return (workflow.get("status") or {}).get("phase") or "Pending"


def seen(workflow: Workflow, *, stopped: bool) -> dict[str, Any]:
    """The columns of a run as far as its Workflow tells them. `stopped`: whether its consumer wanted it to end."""
    status = workflow.get("status") or {}
    current = phase(workflow)
    ended = current in FINISHED
    waits = (status.get("message") or "").startswith(WAITING)
    state = "canceled" if stopped and current != "Succeeded" else _STATES.get(current, "")
    state = state if ended else "pending" if waits else "running"
    started, finished = moment(status.get("startedAt")), moment(status.get("finishedAt"))
    return {
        "state": state,
        "message": message(workflow) if ended else status.get("message") or "",
        "started_at": started.timestamp() if started else None,
        "finished_at": finished.timestamp() if finished else None,
    }


def message(workflow: Workflow) -> str:
    """Why a run did not succeed: what its failed pod says, else the Workflow."""
    if phase(workflow) == "Succeeded":
        return ""
    failed = [node for node in pods(workflow, None) if node.get("phase") in ("Failed", "Error")]
    node = next((node for node in failed if node.get("message")), NodeStatus())
    said = node.get("message") or ""
    fault = explained(node, workflow)
    said += f" ({fault.why})" if fault and fault.why else ""
    return said or (workflow.get("status") or {}).get("message") or phase(workflow)


def worker(workflow: Workflow) -> Json:
    """`tasks` by name with their phases; `pod`: the state of the first pod, as gx4ki's clients read it."""
    nodes = pods(workflow, None)
    own = [node for node in nodes if not is_delivery(node)]
    tasks = {
        node["displayName"]: {"phase": node.get("phase") or "Pending", "message": node.get("message") or ""}
        | ({"fault": fault.as_json()} if (fault := explained(node, workflow)) else {})
        for node in nodes
    }
    for node, gate in gates(workflow):
        tasks[node["displayName"]] = {"phase": node["phase"], "message": gate.note, "gate": gate.as_json()}
    return {"tasks": tasks, "pod": _pod(own[-1]) if own else None}


def is_delivery(node: NodeStatus) -> bool:
    """True where a node only brings results to the consumer's storage."""
    return str(node.get("displayName", "")).partition("(")[0] == TASK


def _pod(node: NodeStatus) -> Json:
    current = node.get("phase") or "Pending"
    code = (node.get("outputs") or {}).get("exitCode")
    details = f"startedAt: {node.get('startedAt')}"
    if current in FULFILLED:
        state = "terminated"
        reason = "Completed" if current == "Succeeded" else "FAILED"
        details = f"{reason}: exit code {code or ('0' if current == 'Succeeded' else 'unknown')}"
        details += f", {node['message']}" if node.get("message") and current != "Succeeded" else ""
    else:
        state = "running" if current == "Running" else "waiting"
        details = details if state == "running" else node.get("message") or "ContainerCreating"
    return {"phase": current, "state": state, "details": details, "exitCode": code}


def kept(workflow: Workflow) -> list[Json]:
    """A run's results, as they are kept when the Workflow is gone."""
    shown = ("name", "kind", "task", "output", "key", "bucket", "value", "packed", "path", "media_type", "ready")
    return [{name: getattr(result, name) for name in shown} for result in results(workflow)]


def result_of(entry: Json) -> Result:
    """Make a result of an entry that `kept` made."""
    return Result(**entry)
