"""Advances the nodes of templates with steps of their own, for DAG and steps templates alike."""

from __future__ import annotations

from abc import ABC, abstractmethod

from argo.local.controller.leaves import new_node
from argo.local.controller.nodes import NewNode, fulfilled
from argo.local.controller.state import Execution, Options, State
from argo.local.controller.worklist import Worklist
from compiler.manifest_types import NodeFlag, NodeStatus, WorkflowStep


class Composite(ABC):
    """A DAG or steps node, and what is known of its branches in this process."""

    def __init__(self, state: State, execution: Execution, node: NodeStatus, options: Options) -> None:
        self.state = state
        self.node = node
        self.node_id: str = node["id"]
        self.template = execution.template
        self.context = execution.inner
        self.options = Options(boundary=node["id"], on_exit=options.on_exit)  # of the branches
        self.work = Worklist(state, node["id"])

    @abstractmethod
    def advance(self) -> None:
        """Take the branches as far as they go now."""

    def touch(self, key: str) -> None:
        self.work.touch(key)

    def close(self) -> None:
        self.work.close()

    def create(self, name: str, holder: WorkflowStep, kind: str, phase: str, message: str = "") -> NodeStatus:
        """Create a node inside of this one that stands for a step or task, or for several."""
        new = NewNode(name, kind, phase, holder, self.node_id, self.context.scope, message, NodeFlag())
        return self.state.create(new)


def execute(
    state: State, execution: Execution, name: str, options: Options, *, kind: str, begin: type[Composite]
) -> NodeStatus:
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
