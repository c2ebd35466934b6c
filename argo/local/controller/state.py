"""Holds what one run's reconcile works on: the workflow, its specification, nodes, variables, decisions, timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from argo.local.controller.fields import filled
from argo.local.controller.nodes import FULFILLED, NewNode, Nodes
from argo.local.pods import Decisions, RunObjects
from compiler.manifest_types import (
    Arguments,
    Metadata,
    NodeFlag,
    NodeStatus,
    RetryStrategy,
    Template,
    Workflow,
    WorkflowSpec,
    WorkflowStatus,
    WorkflowStep,
)


class BlockedError(Exception):
    """A limit on parallelism holds the node back; it is looked at again when something ends."""


class TemplateTimeoutError(Exception):
    """A template's timeout passed while its node was pending (Argo: ErrTimeout)."""


class DepthExceededError(Exception):
    """Templates nested too deep (Argo: ErrMaxDepthExceeded)."""


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """Where a template's own references are looked up: the workflow, or a (Cluster)WorkflowTemplate.

    `scope` is the node's templateScope: `local/<workflow>`, `namespaced/<name>` or `cluster/<name>`.
    """

    scope: str
    templates: dict[str, Template]
    pod_metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How a template is executed (Argo: executeTemplateOpts)."""

    boundary: str = ""
    on_exit: bool = False
    deadline: datetime | None = None
    hooked: bool = False
    retried: bool = False

    @property
    def flag(self) -> NodeFlag | None:
        return filled(NodeFlag(hooked=self.hooked, retried=self.retried)) or None


@dataclass(slots=True)
class Execution:
    """A node's template with its inputs bound, kept while the node is open."""

    node_name: str
    holder: WorkflowStep
    context: TemplateContext
    options: Options
    template: Template
    inner: TemplateContext


class Run(Protocol):
    """A composite node's memory between reconciles."""

    node_id: str

    def touch(self, key: str) -> None: ...
    def advance(self) -> None: ...
    def close(self) -> None: ...


Execute = Callable[[str, WorkflowStep, TemplateContext, Arguments, Options], NodeStatus]


@dataclass(slots=True)
class State:
    """Everything that the parts of the controller share. Only `workflow` outlives the process."""

    workflow: Workflow
    objects: RunObjects
    nodes: Nodes
    spec: WorkflowSpec = field(default_factory=WorkflowSpec)
    globals: dict[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.fromtimestamp(0, UTC))
    parallelism: int | None = None
    decisions: Decisions = field(default_factory=Decisions)
    deadline: datetime | None = None
    timers: dict[str, datetime] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    owners: dict[str, tuple[Run, str]] = field(default_factory=dict)
    blocked: dict[str, None] = field(default_factory=dict)
    contexts: dict[str, TemplateContext] = field(default_factory=dict)
    boundaries: dict[str, Template | None] = field(default_factory=dict)
    referenced: dict[str, frozenset[str]] = field(default_factory=dict)
    depth: int = 0
    ended: int = 0
    execute: Execute = field(default=lambda *_: NodeStatus())

    @property
    def name(self) -> str:
        return str(self.workflow["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.workflow["metadata"].get("namespace") or "default")

    @property
    def uid(self) -> str:
        return str(self.workflow["metadata"].get("uid", ""))

    @property
    def status(self) -> WorkflowStatus:
        return self.workflow["status"]

    @property
    def shutdown(self) -> str:
        return str(self.workflow["spec"].get("shutdown") or "")

    def may_run(self, on_exit: bool) -> bool:
        """Argo: ShutdownStrategy.ShouldExecute."""
        return not self.shutdown or (self.shutdown == "Stop" and on_exit)

    def create(self, new: NewNode) -> NodeStatus:
        node = self.nodes.create(new, self.now)
        self.touch(node["id"])
        return node

    def mark(self, node: NodeStatus, phase: str, message: str | None = None) -> NodeStatus:
        """Set a node's phase and message, and have its parents look at it."""
        if self.nodes.mark(node, phase, self.now, message):
            self.ended += phase in FULFILLED
            self.touch(node["id"])
        return node

    def touch(self, node_id: str) -> None:
        """Have every composite node above this one look at the branch that leads to it."""
        owner = self.owners.get(node_id)
        while owner is not None:
            run, key = owner
            run.touch(key)
            owner = self.owners.get(run.node_id)

    def own(self, name: str, run: Run, key: str) -> None:
        self.owners[self.nodes.id_of(name)] = (run, key)

    def wake(self, node_id: str, moment: datetime) -> None:
        """Look at the node again at that moment."""
        self.timers[node_id] = moment

    def forget(self, node: NodeStatus) -> None:
        """Drop what is kept in memory for a fulfilled node."""
        self.runs.pop(node["id"], None)
        self.executions.pop(node["id"], None)
        self.timers.pop(node["id"], None)


def retry_strategy(state: State, template: Template) -> RetryStrategy | None:
    """The template's retryStrategy, or the workflow's."""
    own = template.get("retryStrategy")
    return state.spec.get("retryStrategy") if own is None else own
