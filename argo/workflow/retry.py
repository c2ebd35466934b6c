"""Make an ended run unfinished again, keeping what succeeded, as `argo retry` does.

Facts: Argo workflow/util/util.go (FormulateRetryWorkflow).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from argo.backend import FINISHED
from argo.errors import ConflictError
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
    status = workflow.get("status") or {}
    phase = status.get("phase") or "Pending"
    if phase not in (FINISHED if tasks else ("Failed", "Error")):
        only = "ended" if tasks else "failed"
        raise ConflictError(f"only what has {only} can be tried again; this run is {phase}")
    at = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = workflow["metadata"]["name"]
    nodes: dict[str, NodeStatus] = status.get("nodes") or {}
    inner = [node for node in nodes.values() if node["name"] != run]
    again = _after(nodes, {node["id"] for task in tasks for node in meant(workflow, task, inner)})
    retried = (node for node in nodes.values() if node["type"] == "Retry" and node["phase"] in _KEPT)
    settled = {child for node in retried for child in node.get("children") or ()}  # attempts before the good one
    failed = {key for key, node in nodes.items() if node["phase"] not in _KEPT and key not in settled}
    removed = {key for key in failed if nodes[key]["type"] not in _GROUPS} | again | _exit_nodes(run, nodes)
    opened = failed | _around(nodes, again)
    for key in removed:
        del nodes[key]
    changed = set(removed)
    for key, node in nodes.items():
        if key in opened:
            node.update({"phase": "Running", "startedAt": at, "finishedAt": None})
            node.pop("message", None)
            node.pop("outboundNodes", None)
            changed.add(key)
        children = node.get("children")
        if children and removed.intersection(children):
            node["children"] = [child for child in children if child not in removed]
            changed.add(key)
    _reopen(workflow, status, at)
    return changed


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


def _after(nodes: dict[str, NodeStatus], keys: set[str]) -> set[str]:
    """Those nodes, what is inside them, and what came after them."""
    inside: dict[str, list[str]] = {}
    for key, node in nodes.items():
        inside.setdefault(node.get("boundaryID") or "", []).append(key)
    found: set[str] = set()
    open_ = [key for key in keys if key in nodes]
    while open_:
        key = open_.pop()
        if key not in found:
            found.add(key)
            open_ += [child for child in nodes[key].get("children") or () if child in nodes]
            open_ += inside.get(key, ())
    return found


def _around(nodes: dict[str, NodeStatus], keys: set[str]) -> set[str]:
    """The groups that those nodes are members of, at any distance."""
    parents: dict[str, set[str]] = {}
    for key, node in nodes.items():
        if node.get("boundaryID") in nodes:
            parents.setdefault(key, set()).add(node["boundaryID"])
        for child in node.get("children") or ():
            member = node["type"] == "StepGroup" or (
                node["type"] in ("TaskGroup", "Retry") and nodes.get(child, node)["name"].startswith(node["name"] + "(")
            )
            if member:
                parents.setdefault(child, set()).add(key)
    found: set[str] = set()
    open_ = [*keys]
    while open_:
        new = parents.get(open_.pop(), set()) - found
        found |= new
        open_ += new
    return found - keys


def _exit_nodes(run: str, nodes: dict[str, NodeStatus]) -> set[str]:
    """The exit handler of the run and everything inside it."""
    found = {key for key, node in nodes.items() if node["name"] == f"{run}.onExit"}
    while True:
        inner = {key for key, node in nodes.items() if node.get("boundaryID") in found and key not in found}
        if not inner:
            return found
        found |= inner
