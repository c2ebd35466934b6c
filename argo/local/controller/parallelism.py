"""Limits on how much runs at once, of the workflow and of templates; failFast of templates.

Facts: Argo workflow/controller/operator.go (checkParallelism).
"""

from __future__ import annotations

from argo.local.controller.nodes import fulfilled
from argo.local.controller.state import State
from argo.local.controller.templates import node_template
from compiler.manifest_types import NodeStatus, Template

_FAIL_FAST = "template has failed or errored children and failFast enabled"


def held_back(state: State, template: Template, node: NodeStatus | None, boundary: str) -> bool:
    """True where the template may not be executed now. failFast ends the node, or the one around it."""
    limits = (state.spec.get("parallelism"), state.parallelism)
    if any(limit is not None and state.nodes.active_pods >= limit for limit in limits):
        return True
    inside = node if template.get("dag") or template.get("steps") else None
    if inside is not None and _full(state, template, inside, state.nodes.counts[inside["id"]].active_pods):
        return True
    around = state.nodes.by_id(boundary)
    if around is None or (node is not None and node["phase"] in ("Pending", "Running")):
        return False
    outer = node_template(state, around)
    return outer is not None and _full(state, outer, around, state.nodes.counts[boundary].active_children)


def _full(state: State, template: Template, node: NodeStatus, active: int) -> bool:
    if template.get("failFast") and state.nodes.counts[node["id"]].unsuccessful:
        _fail(state, node, template)
        return True
    return bool(template.get("parallelism")) and active >= template["parallelism"]


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
