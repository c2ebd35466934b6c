"""Advances the nodes of templates with steps of their own, for DAG and steps templates alike."""

from __future__ import annotations

from collections.abc import Callable

from argo.local.controller.leaves import new_node
from argo.local.controller.nodes import fulfilled
from argo.local.controller.state import Execution, Options, Run, State
from compiler.manifest_types import NodeStatus

Begin = Callable[[State, Execution, NodeStatus, Options], Run]


def execute(state: State, execution: Execution, name: str, options: Options, kind: str, begin: Begin) -> NodeStatus:
    """Create the node of type `kind`, or take its branches further; `begin` makes the run of a node not met yet."""
    node = state.nodes.get(name)
    if node is None:
        node = state.create(new_node(execution, name, kind, "Running", options))
    run = state.runs.get(node["id"])
    if run is None:
        run = state.runs[node["id"]] = begin(state, execution, node, options)
    run.advance()
    if fulfilled(node):
        run.close()
        state.forget(node)
    return node
