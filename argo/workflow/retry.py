"""Make an ended run unfinished again, keeping what succeeded, as `argo retry` does.

Facts: Argo workflow/util/util.go (FormulateRetryWorkflow).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from argo.workflow.demands import require_ended
from argo.workflow.status import members, nodes_of
from argo.workflow.tasks import meant
from compiler.manifest_types import NodeStatus, Workflow, WorkflowStatus

_GROUPS = frozenset({"DAG", "Steps", "StepGroup", "TaskGroup", "Retry"})
_KEPT = frozenset({"Succeeded", "Skipped"})


def reset(workflow: Workflow, tasks: Sequence[str] = (), now: datetime | None = None) -> set[str]:
    """Edit an ended Workflow so that a controller goes on with it; the ids of nodes changed or removed.

    Failed groups run again from where they are, failed leaves and whatever came of failures (omitted nodes, exit
    handlers) are removed and made anew; so are `tasks` (names in the run, display names or ids) and all that came
    after them, although they succeeded. Raises ConflictError for a run that has not failed (with `tasks`: not ended),
    NotFoundError for a task that it has not.
    """
    require_ended(workflow, tasks)
    at = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    nodes = nodes_of(workflow)
    removed, opened = _decide(workflow, tasks)
    for key in removed:
        del nodes[key]
    for key in opened:
        nodes[key].update({"phase": "Running", "startedAt": at, "finishedAt": None})
        nodes[key].pop("message", None)
        nodes[key].pop("outboundNodes", None)
    parents = {key for key, node in nodes.items() if removed.intersection(node.get("children") or ())}
    for key in parents:
        nodes[key]["children"] = [child for child in nodes[key]["children"] if child not in removed]
    _reopen(workflow, workflow["status"], at)
    return removed | opened | parents


def _decide(workflow: Workflow, tasks: Sequence[str]) -> tuple[set[str], set[str]]:
    """The nodes that are made anew, and the groups that go on."""
    run, nodes = workflow["metadata"]["name"], nodes_of(workflow)
    inside: dict[str, list[str]] = {}
    for key, node in nodes.items():
        inside.setdefault(node.get("boundaryID") or "", []).append(key)
    below = {key: [*inside.get(key, ()), *(node.get("children") or ())] for key, node in nodes.items()}
    inner = [node for node in nodes.values() if node["name"] != run]
    again = _reached((node["id"] for task in tasks for node in meant(workflow, task, inner)), below) & nodes.keys()
    exits = _reached((key for key, node in nodes.items() if node["name"] == f"{run}.onExit"), inside)
    retried = (node for node in nodes.values() if node["type"] == "Retry" and node["phase"] in _KEPT)
    settled = {child for node in retried for child in node.get("children") or ()}  # attempts before the good one
    failed = {key for key, node in nodes.items() if node["phase"] not in _KEPT and key not in settled}
    removed = {key for key in failed if nodes[key]["type"] not in _GROUPS} | again | exits
    return removed, (failed | _reached(again, _groups(nodes))) - removed


def _reopen(workflow: Workflow, status: WorkflowStatus, at: str) -> None:
    """The run is as one that goes on; its deadline counts from now."""
    status.update({"phase": "Running", "startedAt": at, "finishedAt": None})
    status.pop("message", None)
    others = [one for one in status.get("conditions") or () if one.get("type") != "Completed"]
    status["conditions"] = [*others, {"type": "Completed", "status": "False"}]
    for spec in (workflow["spec"], status.get("storedWorkflowTemplateSpec") or {}):
        spec.pop("shutdown", None)
    if workflow["spec"].get("activeDeadlineSeconds") == 0:  # that is how it was ended
        del workflow["spec"]["activeDeadlineSeconds"]
    labels = workflow["metadata"].setdefault("labels", {})
    labels.pop("workflows.argoproj.io/workflow-archiving-status", None)
    labels.update({"workflows.argoproj.io/phase": "Running", "workflows.argoproj.io/completed": "false"})


def _reached(keys: Iterable[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    """Those nodes, and all that follow them."""
    found: set[str] = set()
    open_ = [*keys]
    while open_:
        key = open_.pop()
        if key not in found:
            found.add(key)
            open_ += following.get(key, ())
    return found


def _groups(nodes: dict[str, NodeStatus]) -> dict[str, set[str]]:
    """The groups that each node is a member of."""
    pairs = [(node["boundaryID"], key) for key, node in nodes.items() if node.get("boundaryID") in nodes]
    pairs += members(nodes, "TaskGroup", "Retry")
    pairs += [
        (key, c) for key, node in nodes.items() if node["type"] == "StepGroup" for c in node.get("children") or ()
    ]
    groups: dict[str, set[str]] = {}
    for group, member in pairs:
        groups.setdefault(member, set()).add(group)
    return groups
