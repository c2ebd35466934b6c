"""The nodes of a workflow: ids, records, phases, and the counts that every reconcile asks for.

All reads are by id or by name in constant time; counts by boundary are kept as phases change, so that a reconcile
costs what changed, not what exists. Names, ids and fields are Argo's (pkg/apis/workflow/v1alpha1, NodeStatus).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from argo.local.controller.fields import filled
from argo.workflow.values import format_time, parse_time
from compiler.manifest_types import Inputs, NodeFlag, NodeStatus, WorkflowStep

COMPLETED = frozenset({"Succeeded", "Failed", "Error"})
FULFILLED = COMPLETED | {"Skipped", "Omitted"}
UNSUCCESSFUL = frozenset({"Failed", "Error"})
EXECUTABLE = frozenset({"Pod", "Container", "Suspend"})
_ACTIVE = frozenset({"Pending", "Running"})
_CHILD_TYPES = frozenset({"Pod", "Steps", "DAG"})
_ITEMS = re.compile(r"(?:\([^(]*\)|\[[^\[]*\])+$")  # of loops, and the numbers of attempts
_SEPARATOR = re.compile(r"^(\[\d+\])?\.")


def fnv32a(value: str) -> int:
    """FNV-1a, 32 bits, of the UTF-8 text (Go: hash/fnv New32a)."""
    digest = 0x811C9DC5
    for byte in value.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return digest


def node_id(workflow_name: str, name: str) -> str:
    """The id of the node of that name (Argo: Workflow.NodeID)."""
    return workflow_name if name == workflow_name else f"{workflow_name}-{fnv32a(name)}"


def pod_name(workflow_name: str, name: str, template_name: str) -> str:
    """The name of a node's pod (Argo: GeneratePodName, v2)."""
    if workflow_name == name:
        return workflow_name
    prefix = f"{workflow_name}-{template_name}" if template_name else workflow_name
    return f"{prefix[:242]}-{fnv32a(name)}"


def template_name(node: NodeStatus) -> str:
    """The name of the template that a node runs, whether by name or by reference."""
    reference = node.get("templateRef")
    return str(reference["template"]) if reference else str(node.get("templateName", ""))


def fulfilled(node: NodeStatus) -> bool:
    return node["phase"] in FULFILLED


def completed(node: NodeStatus) -> bool:
    return node["phase"] in COMPLETED


def unsuccessful(node: NodeStatus) -> bool:
    return node["phase"] in UNSUCCESSFUL


def hooked(node: NodeStatus) -> bool:
    return bool((node.get("nodeFlag") or {}).get("hooked"))


def retried(node: NodeStatus) -> bool:
    return bool((node.get("nodeFlag") or {}).get("retried"))


@dataclass(slots=True)
class Counts:
    """Of the nodes of one boundary (Argo: node_counters.go)."""

    unfulfilled: int = 0
    active_children: int = 0
    active_pods: int = 0
    unsuccessful: int = 0


@dataclass(frozen=True, slots=True)
class NewNode:
    """The first fields of a node; `holder` is the step, task or hook that names its template."""

    name: str
    type: str
    phase: str
    holder: WorkflowStep
    boundary: str = ""
    scope: str = ""
    message: str = ""
    flag: NodeFlag | None = None
    inputs: Inputs | None = None


class Nodes:
    """`workflow.status.nodes` with its indexes. `changed` collects the ids of what was written."""

    def __init__(self, workflow_name: str, table: dict[str, NodeStatus]) -> None:
        self.workflow_name = workflow_name
        self.table = table
        self.changed: set[str] = set()
        self.counts: dict[str, Counts] = defaultdict(Counts)
        self.active_pods = 0
        self.progress = [0, 0]
        self._ids: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._children: dict[str, set[str]] = {}
        self._open: dict[str, None] = {}
        self._suspended: dict[str, None] = {}
        for node in table.values():
            self._ids[node["name"]] = node["id"]
            self._account(node, node["phase"], 1)
            self._add_progress(node.get("progress"), 1)

    def id_of(self, name: str) -> str:
        found = self._ids.get(name)
        if found is None:
            found = self._ids[name] = node_id(self.workflow_name, name)
        return found

    def get(self, name: str) -> NodeStatus | None:
        return self.table.get(self.id_of(name))

    def by_id(self, identity: str) -> NodeStatus | None:
        return self.table.get(identity)

    def open(self) -> Iterator[NodeStatus]:
        """Nodes that are not fulfilled."""
        for identity in list(self._open):
            yield self.table[identity]

    def create(self, new: NewNode, now: datetime) -> NodeStatus:
        identity = self.id_of(new.name)
        if identity in self.table:
            raise RuntimeError(f"node {new.name} already initialized")
        boundary = self.table.get(new.boundary)
        display = new.name
        if boundary is not None:
            display = _SEPARATOR.sub("", new.name.removeprefix(boundary["name"]))
        node: NodeStatus = {"id": identity, "name": new.name, "displayName": display, "type": new.type}
        optional: NodeStatus = {
            "templateName": str(new.holder.get("template") or ""),
            "templateRef": new.holder.get("templateRef") or {},
            "templateScope": new.scope,
            "phase": new.phase,
            "boundaryID": new.boundary,
            "message": new.message,
        }
        node.update(filled(optional))
        if new.flag is not None:
            node["nodeFlag"] = {**new.flag}
        if new.inputs:
            node["inputs"] = new.inputs
        node["startedAt"] = format_time(now)
        node["finishedAt"] = node["startedAt"] if new.phase in FULFILLED else None
        if new.type in EXECUTABLE:
            self.set_progress(node, "0/1")
        self.table[identity] = node
        self._account(node, new.phase, 1)
        self.changed.add(identity)
        return node

    def mark(self, node: NodeStatus, phase: str, now: datetime, message: str | None = None) -> bool:
        """Set phase and, unless None, message; True when something changed (Argo: markNodePhase)."""
        touched = False
        if node["phase"] != phase:
            self._account(node, node["phase"], -1)
            node["phase"] = phase
            self._account(node, phase, 1)
            touched = True
        if message is not None and message != node.get("message", ""):
            if message:
                node["message"] = message
            else:
                node.pop("message", None)
            touched = True
        if phase in FULFILLED and not node.get("finishedAt"):
            node["finishedAt"] = format_time(now)
            touched = True
        if touched:
            self._complete(node)
            self.changed.add(node["id"])
        return touched

    def _complete(self, node: NodeStatus) -> None:
        if node["phase"] == "Succeeded" and "progress" in node:
            total = node["progress"].split("/")[1]
            self.set_progress(node, f"{total}/{total}")

    def add_child(self, parent: NodeStatus, child: str) -> None:
        """Append a child's id once."""
        known = self._children.get(parent["id"])
        if known is None:
            known = self._children[parent["id"]] = set(parent.get("children") or ())
        if child not in known:
            known.add(child)
            parent.setdefault("children", []).append(child)
            self.changed.add(parent["id"])

    def children(self, node: NodeStatus) -> list[NodeStatus]:
        return [self.table[child] for child in node.get("children") or () if child in self.table]

    def set_progress(self, node: NodeStatus, progress: str) -> None:
        self._add_progress(node.get("progress"), -1)
        node["progress"] = progress
        self._add_progress(progress, 1)
        self.changed.add(node["id"])

    def edited(self) -> list[NodeStatus]:
        """Suspend nodes whose phase was set from outside since the last look; their counts are put right."""
        found = []
        for identity in list(self._suspended):
            node = self.table[identity]
            if node["phase"] != self._known[identity]:
                phase = node["phase"]
                self._account({**node, "phase": self._known[identity]}, self._known[identity], -1)
                self._account(node, phase, 1)
                self.mark(node, phase, _moment(node))
                self._complete(node)
                self.changed.add(identity)
                found.append(node)
        return found

    def _account(self, node: NodeStatus, phase: str, step: int) -> None:
        counts = self.counts[node.get("boundaryID", "")]
        kind = node["type"]
        if phase not in FULFILLED:
            counts.unfulfilled += step
        if phase in _ACTIVE and kind in _CHILD_TYPES:
            counts.active_children += step
            if kind == "Pod":
                counts.active_pods += step
                self.active_pods += step
        if phase in UNSUCCESSFUL and kind in _CHILD_TYPES:
            counts.unsuccessful += step
        if step > 0:
            self._known[node["id"]] = phase
            self._list(node, phase not in FULFILLED)

    def _list(self, node: NodeStatus, is_open: bool) -> None:
        for index in (self._open, self._suspended) if node["type"] == "Suspend" else (self._open,):
            if is_open:
                index[node["id"]] = None
            else:
                index.pop(node["id"], None)

    def _add_progress(self, progress: str | None, sign: int) -> None:
        if progress:
            done, total = progress.split("/")
            self.progress[0] += sign * int(done)
            self.progress[1] += sign * int(total)


def _moment(node: NodeStatus) -> datetime:
    return finished_at(node) if node.get("finishedAt") else started_at(node)


def started_at(node: NodeStatus) -> datetime:
    """The moment at which the node started. Raises ValueError where it records none."""
    return parse_time(node["startedAt"] or "")


def finished_at(node: NodeStatus) -> datetime:
    """The moment at which the node ended. Raises ValueError where it records none."""
    return parse_time(node["finishedAt"] or "")


def part_of_exit_handler(node: NodeStatus, nodes: Nodes) -> bool:
    """True where the node belongs to an exit handler (Argo: NodeStatus.IsPartOfExitHandler)."""
    current: NodeStatus | None = node
    while current is not None:
        if current["displayName"].endswith(".onExit"):
            return True
        current = nodes.by_id(current.get("boundaryID", ""))
    return False


def step_or_task_name(name: str) -> str:
    """The step or task of a node's name: `wf.fan(0:1)(0)` -> `fan` (Argo: getStepOrDAGTaskName)."""
    return _ITEMS.sub("", name).rsplit(".", 1)[-1]
