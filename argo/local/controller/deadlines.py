"""Stopping what runs: shutdown, and the workflow's deadline.

Facts: Argo workflow/controller/exec_control.go, operator.go (failNodesWithoutCreatedPodsAfterDeadlineOrShutdown).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from argo.local.controller.nodes import fulfilled, part_of_exit_handler, retried
from argo.local.controller.state import State
from argo.workflow.values import parse_time, text, whole
from compiler.manifest_types import NodeStatus

STEP_DEADLINE = "Step exceeded its deadline"


def workflow_deadline(state: State) -> datetime | None:
    """When activeDeadlineSeconds of the workflow ends it."""
    seconds = state.spec.get("activeDeadlineSeconds")
    started = state.status.get("startedAt")
    if seconds is None or not started:
        return None
    return parse_time(started) + timedelta(seconds=whole(text(seconds)))


def apply(state: State) -> None:
    """Fail and kill what may not go on."""
    late = state.deadline is not None and state.now > state.deadline
    if not state.shutdown and not late:
        return
    for node in list(state.nodes.open()):
        if fulfilled(node):
            continue
        exiting = part_of_exit_handler(node, state.nodes)
        if not state.may_run(exiting):
            _shut_down(state, node)
        elif late and not exiting and node["type"] == "Pod":
            _end_pod(state, node, STEP_DEADLINE)
        elif late and not exiting and node["type"] == "Suspend":
            state.mark(node, "Failed", STEP_DEADLINE)


def _shut_down(state: State, node: NodeStatus) -> None:
    if node["type"] == "Pod":
        _end_pod(state, node, f"workflow shutdown with strategy:  {state.shutdown}")
    elif node["type"] == "Suspend":
        state.mark(node, "Failed", f"Stopped with strategy '{state.shutdown}'")
    elif node["type"] == "Retry":
        attempts = [child for child in state.nodes.children(node) if retried(child)]
        if all(fulfilled(child) for child in attempts):
            state.mark(node, "Failed", f"Stopped with strategy '{state.shutdown}'")
        else:
            state.touch(node["id"])


def _end_pod(state: State, node: NodeStatus, message: str) -> None:
    state.decisions.kill.append(node["id"])
    state.mark(node, "Failed", message)
    pending = list(state.nodes.children(node))
    while pending:
        child = pending.pop()
        if child["type"] == "Container" and not fulfilled(child):
            state.mark(child, "Failed", message)
            pending += state.nodes.children(child)
