"""Make an ended run unfinished again, keeping what succeeded, as `argo retry` does.

Facts: Argo workflow/util/util.go (FormulateRetryWorkflow).
"""

from __future__ import annotations

from argo.backend import Json
from argo.errors import ConflictError

_GROUPS = frozenset({"DAG", "Steps", "StepGroup", "TaskGroup", "Retry"})
_KEPT = frozenset({"Succeeded", "Skipped"})


def reset(workflow: Json) -> set[str]:
    """Edit an ended Workflow so that a controller goes on with it; the ids of nodes changed or removed.

    Failed groups run again from where they are, failed leaves and whatever came of failures (omitted nodes, exit
    handlers) are removed and made anew. Raises ConflictError for a run that has not failed.
    """
    status = workflow.get("status") or {}
    if status.get("phase") not in ("Failed", "Error"):
        raise ConflictError(f"only what has failed can be tried again; this run is {status.get('phase') or 'Pending'}")
    nodes: dict[str, Json] = status.get("nodes") or {}
    exits = _exit_nodes(workflow["metadata"]["name"], nodes)
    removed = {
        key
        for key, node in nodes.items()
        if key in exits or (node["phase"] not in _KEPT and node["type"] not in _GROUPS)
    }
    changed = set(removed)
    for key in removed:
        del nodes[key]
    for key, node in nodes.items():
        if node["phase"] not in _KEPT:
            node["phase"] = "Running"
            node["finishedAt"] = None
            node.pop("message", None)
            node.pop("outboundNodes", None)
            changed.add(key)
        children = node.get("children")
        if children and removed.intersection(children):
            node["children"] = [child for child in children if child not in removed]
            changed.add(key)
    status.update(phase="Running", finishedAt=None)
    for field in ("message", "conditions"):
        status.pop(field, None)
    workflow["spec"].pop("shutdown", None)
    labels = workflow["metadata"].setdefault("labels", {})
    labels.update({"workflows.argoproj.io/phase": "Running", "workflows.argoproj.io/completed": "false"})
    return changed


def _exit_nodes(run: str, nodes: dict[str, Json]) -> set[str]:
    """The exit handler of the run and everything inside it."""
    found = {key for key, node in nodes.items() if node["name"] == f"{run}.onExit"}
    while True:
        inner = {key for key, node in nodes.items() if node.get("boundaryID") in found and key not in found}
        if not inner:
            return found
        found |= inner
