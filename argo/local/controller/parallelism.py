"""Limits on how much runs at once, of the workflow and of templates; failFast of templates.

Facts: Argo workflow/controller/operator.go (checkParallelism).
"""

from __future__ import annotations

from argo.local.controller.nodes import fulfilled
from argo.local.controller.state import BlockedError, State
from argo.local.controller.templates import node_template
from compiler.manifest_types import NodeStatus, Template

_FAIL_FAST = "template has failed or errored children and failFast enabled"


def check(state: State, template: Template, node: NodeStatus | None, boundary: str) -> None:
    """Raise BlockedError when the template may not be executed now."""
    if _full(state.nodes.active_pods, state.spec.get("parallelism")) or _full(
        state.nodes.active_pods, state.parallelism
    ):
        raise BlockedError
    if node is not None and (template.get("dag") or template.get("steps")):
        _check_inside(state, template, node)
    if boundary and (node is None or node["phase"] not in ("Pending", "Running")):
        _check_around(state, boundary)


def _full(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def _check_inside(state: State, template: Template, node: NodeStatus) -> None:
    counts = state.nodes.counts[node["id"]]
    if template.get("failFast") and counts.unsuccessful:
        _fail(state, node, template)
        raise BlockedError
    if template.get("parallelism") and counts.active_pods >= template["parallelism"]:
        raise BlockedError


def _check_around(state: State, boundary: str) -> None:
    node = state.nodes.by_id(boundary)
    template = node_template(state, node) if node else None
    if node is None or template is None:
        return
    counts = state.nodes.counts[boundary]
    if template.get("failFast") and counts.unsuccessful:
        _fail(state, node, template)
        raise BlockedError
    if template.get("parallelism") and counts.active_children >= template["parallelism"]:
        raise BlockedError


def _fail(state: State, node: NodeStatus, template: Template) -> None:
    if state.nodes.counts[node["id"]].active_pods or fulfilled(node):
        return
    if template.get("steps"):
        group = None
        for position in range(len(template["steps"])):
            group = state.nodes.get(f"{node['name']}[{position}]") or group
        if group is not None:
            state.mark(group, "Failed", _FAIL_FAST)
    state.mark(node, "Failed", _FAIL_FAST)
