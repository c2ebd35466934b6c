"""The graph of nodes: where a branch ends, and what phase a DAG has when its branches have ended.

Facts: Argo workflow/controller/operator.go (getOutboundNodes), dag.go (assessDAGPhase), phase_node.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from argo.local.controller.nodes import UNSUCCESSFUL, Nodes, completed, fulfilled, hooked
from compiler.manifest_types import NodeStatus


def outbound(nodes: Nodes, node: NodeStatus) -> list[str]:
    """Ids of the nodes with which a branch ends: what comes next becomes their child."""
    kind = node["type"]
    children = nodes.children(node)
    if kind == "Pod":
        if not any(child["type"] == "Container" for child in children):
            return [node["id"]]
        kind = "Container"
    if kind in ("Container", "TaskGroup"):
        return _container_outbound(nodes, node, children)
    if kind in ("Skipped", "Suspend", "HTTP", "Plugin"):
        return [node["id"]]
    if kind == "Retry" and children:
        return [str(node["children"][-1])]
    if kind in ("Steps", "DAG") and (node.get("memoizationStatus") or {}).get("hit"):
        return [node["id"]]
    found = (nodes.by_id(identity) for identity in node.get("outboundNodes") or ())
    return [end for inner in found if inner is not None for end in outbound(nodes, inner)]


def _container_outbound(nodes: Nodes, node: NodeStatus, children: list[NodeStatus]) -> list[str]:
    if not children:
        return [node["id"]]
    ends: list[str] = []
    for child in children:
        # A child of another boundary is what follows the container, not a part of the set.
        if node["type"] == "Container" and child.get("boundaryID") != node.get("boundaryID"):
            ends.append(node["id"])
        else:
            ends += outbound(nodes, child)
    return ends


def branch_phases(nodes: Nodes, boundary: NodeStatus, targets: Iterable[str]) -> dict[str, str] | None:
    """Per target (node id) the phase of the branch that leads to it, "" where none does; None while one runs.

    An omitted node has the phase of its parents, failed ones first.
    """
    phases = dict.fromkeys(targets, "")
    seen: set[tuple[str, str]] = set()
    queue: deque[tuple[str, str]] = deque()

    def add(children: Iterable[str], phase: str) -> None:
        for child in children:
            if (child, phase) not in seen:
                seen.add((child, phase))
                queue.append((child, phase))

    add(boundary.get("children") or (), "Succeeded")
    while queue:
        identity, phase = queue.popleft()
        node = nodes.by_id(identity)
        if node is None or not fulfilled(node):
            return None
        if completed(node):
            phase = node["phase"]
        if identity in phases and phases[identity] not in UNSUCCESSFUL:
            phases[identity] = phase
        add(_next(nodes, node), phase)
    return phases


def _next(nodes: Nodes, node: NodeStatus) -> list[str]:
    if node["type"] != "Retry":
        return list(node.get("children") or ())
    attempts = reversed(nodes.children(node))
    return [key for child in attempts for key in ([child["id"]] if hooked(child) else child.get("children") or ())]
