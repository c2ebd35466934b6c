"""A run's nodes as the tree of tasks that people think in: pure functions of a Workflow object.

Argo's graph has nodes that are bookkeeping: step groups, one node an attempt, groups of expanded items. Here a
step group is dissolved into its members, a retried task is one task with its attempts counted, and the items of a
loop lie below the loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from argo.backend import FULFILLED, RunState
from argo.workflow.faults import Fault, explained, last
from argo.workflow.gates import Gate, gate_of
from argo.workflow.outputs import results
from argo.workflow.status import members, nodes_of
from argo.workflow.status import moment as moment
from argo.workflow.status import relative as relative
from compiler.manifest_types import NodeStatus, Workflow

_CONTAINERS = frozenset({"DAG", "Steps"})
_ITEM = re.compile(r"\((\d+)")
_GROUPS = frozenset({"TaskGroup", "Retry"})


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `path` is its name below the run ("count(0:i:0,v:0)"), `label` what stands in a tree."""

    id: str
    path: str
    label: str
    type: str
    phase: str
    message: str
    started_at: datetime | None
    finished_at: datetime | None
    progress: str
    attempts: int
    children: tuple[Task, ...] = ()
    gate: Gate | None = None
    fault: Fault | None = None

    @property
    def word(self) -> str:
        """Its phase as people read it: of a gate that it waits, or what was decided."""
        return (self.gate.word if self.gate else "") or self.phase

    @property
    def note(self) -> str:
        """A note on the task: of a gate its question, or who decided and why; else why it failed or waits."""
        return (self.gate.note if self.gate else "") or (self.fault.why if self.fault else "") or self.message

    def seconds(self, now: datetime) -> float | None:
        """How long it has run, until `now` where it has not finished; None before its start."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or now) - self.started_at).total_seconds())

    def walk(self) -> Iterator[Task]:
        """This task and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree(workflow: Workflow) -> Task:
    """The whole run as one task whose children are its tasks."""
    run = workflow["metadata"]["name"]
    status = workflow.get("status") or {}
    nodes = nodes_of(workflow)
    parents = _parents(nodes)
    below: dict[str, list[str]] = {}
    tops: list[str] = []
    for key in nodes:
        parent = parents.get(key)
        (below.setdefault(parent, []) if parent else tops).append(key)
    for key, children in below.items():
        if nodes[key]["type"] in _GROUPS:
            children.sort(key=partial(_index_in, nodes, nodes[key]["name"]))
    root = next((key for key in tops if nodes[key]["name"] == run), None)
    inner = _tasks(workflow, below, below.get(root, [])) if root else ()
    if root and not inner and nodes[root]["type"] not in _CONTAINERS:
        inner = (_task(workflow, below, root),)
    others = _tasks(workflow, below, [key for key in tops if key != root])
    return Task(
        id=root or "",
        path="",
        label=run,
        type="Workflow",
        phase=status.get("phase") or "Pending",
        message=status.get("message") or "",
        started_at=moment(status.get("startedAt")),
        finished_at=moment(status.get("finishedAt")),
        progress=status.get("progress") or "",
        attempts=0,
        children=inner + others,
    )


def state(workflow: Workflow, executor: str = "") -> RunState:
    """A run in the short form that `argosy status -o json` prints."""
    top = tree(workflow)
    tasks = {task.path: _task_json(task) for child in top.children for task in child.walk()}
    made = {result.name: result.as_json() for result in results(workflow)}
    return RunState(top.label, top.phase, top.message, executor, tasks, made)


def waiting(workflow: Workflow) -> list[NodeStatus]:
    """The suspend nodes that wait for somebody."""
    nodes = nodes_of(workflow).values()
    return [node for node in nodes if node.get("type") == "Suspend" and node.get("phase") not in FULFILLED]


def idle(workflow: Workflow) -> bool:
    """True where the run goes on only when somebody decides: it is suspended, or all that is open waits at gates."""
    if workflow["spec"].get("suspend"):
        return True
    open_ = {key: node for key, node in nodes_of(workflow).items() if node.get("phase") not in FULFILLED}
    leaves = [node for node in open_.values() if not any(child in open_ for child in _inner(node, open_))]
    return bool(leaves) and all(node["type"] == "Suspend" for node in leaves)


def _inner(node: NodeStatus, nodes: dict[str, NodeStatus]) -> Iterator[str]:
    """The nodes that keep a group open: its members and, of a retried task, its attempts."""
    yield from node.get("children") or ()
    yield from (key for key, other in nodes.items() if other.get("boundaryID") == node["id"])


def _task_json(task: Task) -> dict[str, object]:
    value: dict[str, object] = {"phase": task.phase, "type": task.type, "message": task.message}
    for key, at in (("startedAt", task.started_at), ("finishedAt", task.finished_at)):
        value[key] = at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
    if task.progress:
        value["progress"] = task.progress
    if task.attempts:
        value["attempts"] = task.attempts
    if task.gate is not None:
        value["gate"] = task.gate.as_json()
    if task.fault:
        value["fault"] = task.fault.as_json()
    return value


def _parents(nodes: dict[str, NodeStatus]) -> dict[str, str]:
    """The parent of each node in the tree: its loop or retried task, else its boundary, step groups dissolved."""
    parents = {key: node["boundaryID"] for key, node in nodes.items() if node.get("boundaryID") in nodes}
    return {**parents, **{child: group for group, child in members(nodes, *_GROUPS)}}


def _index_in(nodes: dict[str, NodeStatus], group: str, key: str) -> int:
    """The place of an item in its loop, or of an attempt ("count(3:…)" of "count" -> 3)."""
    match = _ITEM.match(nodes[key]["name"], len(group))
    return int(match.group(1)) if match else 0


def _tasks(workflow: Workflow, below: dict[str, list[str]], keys: list[str]) -> tuple[Task, ...]:
    nodes = nodes_of(workflow)
    return tuple(_task(workflow, below, key) for key in keys if nodes[key]["type"] != "StepGroup")


def _task(workflow: Workflow, below: dict[str, list[str]], key: str) -> Task:
    run, nodes = workflow["metadata"]["name"], workflow["status"]["nodes"]
    node = nodes[key]
    newest = said = node
    attempts = 0
    inner = below.get(key, [])
    if node["type"] == "Retry":
        tries = [nodes[child] for child in inner]
        attempts = len(tries)
        if tries:
            newest, said = tries[-1], last(tries, node)
            inner = [k for child in inner for k in below.get(child, [])]
    path = relative(node["name"], run)
    phase = node.get("phase") or "Pending"
    if phase == "Running" and newest.get("phase") == "Pending":
        phase = "Pending"  # a retried task runs, for Argo, while its attempt still waits for the machine
    return Task(
        id=key,
        path=path,
        label=node.get("displayName") or path,
        type=newest["type"],
        phase=phase,
        message=node.get("message") or newest.get("message") or "",
        started_at=moment(node.get("startedAt")),
        finished_at=moment(node.get("finishedAt")),
        progress=newest.get("progress") or node.get("progress") or "",
        attempts=attempts,
        children=_tasks(workflow, below, inner),
        gate=gate_of(workflow, newest),
        fault=explained(said, workflow),
    )
