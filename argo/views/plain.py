"""A run followed as plain lines: one line whenever a task's phase changes, for pipes and logs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from argo.views.text import duration
from argo.workflow.faults import explained
from argo.workflow.gates import gate_of
from argo.workflow.status import moment, relative
from compiler.manifest_types import NodeStatus, Workflow, WorkflowStatus

_QUIET = frozenset({"StepGroup", "TaskGroup", "Retry", "DAG", "Steps"})  # bookkeeping: shown when they fail


class PlainView:
    """Writes a line a change of phase. `write` gets whole lines without their end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._phases: dict[str, tuple[str, str]] = {}
        self._run_phase = ""

    def update(self, workflow: Workflow, changed: Collection[str] | None = None) -> None:
        """Take in the run as it is now; `changed` are the ids of the nodes to look at, None: all."""
        status = workflow.get("status") or {}
        nodes = status.get("nodes") or {}
        run = workflow["metadata"]["name"]
        lines: list[tuple[str, str]] = []
        for key in nodes if changed is None else changed:
            node = nodes.get(key)
            if node is not None and node["name"] != run:
                lines += self._node(workflow, key, node)
        for _, line in sorted(lines):
            self._write(line)
        phase = status.get("phase") or "Pending"
        if phase != self._run_phase and status.get("startedAt"):
            self._run_phase = phase
            self._write(_line(status, run, phase, status.get("message") or ""))

    def close(self) -> None:
        """Nothing is left open."""

    def _node(self, workflow: Workflow, key: str, node: NodeStatus) -> list[tuple[str, str]]:
        phase, message = node.get("phase") or "Pending", node.get("message") or ""
        if (fault := explained(node, workflow)) and fault.why:
            message = f"{message} ({fault.why})"
        shown = (phase, message if phase in ("Pending", "Running", "Failed", "Error") else "")
        before = self._phases.get(key)
        self._phases[key] = shown
        quiet = node["type"] in _QUIET and phase not in ("Failed", "Error")
        if shown == before or quiet or (phase == "Pending" and not message):
            return []
        gate = gate_of(workflow, node)
        word, note = (gate.word or phase, gate.note or message) if gate is not None else (phase, message)
        line = _line(node, relative(node["name"], workflow["metadata"]["name"]), word, note)
        return [(node.get("finishedAt") or node.get("startedAt") or "", line)]


def _line(node: NodeStatus | WorkflowStatus, name: str, phase: str, message: str) -> str:
    started, finished = moment(node.get("startedAt")), moment(node.get("finishedAt"))
    at = finished or started or datetime.now(UTC)
    took = duration((finished - started).total_seconds()) if started and finished and phase != "Running" else ""
    text = " ".join(message.split())
    return (
        f"{at.astimezone():%H:%M:%S}  {phase:<9}  {name}"
        + (f"  {took}" if took else "")
        + (f"  {text}" if text else "")
    )
