"""Steps templates: groups of parallel steps, one group after another.

Facts: Argo workflow/controller/steps.go. Where Argo walks every group in every reconcile, this goes on with the open
group and looks only at steps whose nodes changed.
"""

from __future__ import annotations

import argo.local.controller.hooks as hooks
import argo.local.controller.loops as loops
from argo.local.controller.composite import Composite, resolve_references
from argo.local.controller.errors import ReconcileError
from argo.local.controller.graph import outbound
from argo.local.controller.hooks import HookSite
from argo.local.controller.nodes import fulfilled, unsuccessful
from argo.local.controller.outputs import add_to_workflow, from_scope
from argo.local.controller.scope import (
    add_aggregate,
    add_entries,
    add_node,
    template_scope,
)
from argo.local.controller.state import DepthExceededError, Execution, State, TemplateTimeoutError
from argo.local.controller.templates import add_skipped, step_group
from compiler.manifest_types import NodeStatus, WorkflowStep


class StepsRun(Composite):
    """A steps node: the scope gathered so far, and the group that is open."""

    def __init__(self, state: State, execution: Execution, node: NodeStatus) -> None:
        super().__init__(state, execution, node)
        self.groups = [step_group(group) for group in execution.template.get("steps") or ()]
        self.scope = template_scope(execution.template)
        self.position = 0
        self.group: NodeStatus | None = None
        self.entries: dict[str, WorkflowStep] = {}
        self.steps: dict[str, str] = {}
        self.remaining: set[str] = set()

    def advance(self) -> None:
        while self.position < len(self.groups) and not fulfilled(self.node):
            group = self.group or self._open()
            if not fulfilled(group):
                self.work.drain(self._visit, self._is_open, lambda group=group: fulfilled(group))  # type: ignore[misc]  # mypy cannot infer a lambda's default
            if not fulfilled(group) and not self.remaining:
                self._close(group)
            if not fulfilled(group):
                return
            if unsuccessful(group):
                self._set_outbound()
                self.state.mark(self.node, "Failed", str(group.get("message", "")))
                return
            self._gather(group)
            self.position += 1
            self.group = None
        if not fulfilled(self.node):
            self._succeed()

    def _group_name(self, position: int) -> str:
        return f"{self.node['name']}[{position}]"

    def _step_name(self, step: str) -> str:
        return f"{self._group_name(self.position)}.{step}"

    def _open(self) -> NodeStatus:
        """The node of the group that is next, connected, its steps known."""
        state, position = self.state, self.position
        group = state.nodes.get(self._group_name(position))
        if group is None:
            group = self.create(self._group_name(position), {}, "StepGroup", "Running")
            self._connect(group)
        self.group = group
        self.entries, self.steps, self.remaining = {}, {}, set()
        add_entries(self.scope, "workflow", state.status.get("outputs"))
        if fulfilled(group):
            return group
        try:
            for step in self.groups[position]:
                self._add(step, group)
        except ReconcileError as error:
            state.mark(group, "Error", str(error))
        self.work.add(self.entries)
        return group

    def _connect(self, group: NodeStatus) -> None:
        nodes = self.state.nodes
        previous = nodes.get(self._group_name(self.position - 1)) if self.position else None
        parents = [self.node]
        if previous is not None:
            ends = [end for child in nodes.children(previous) for end in outbound(nodes, child)]
            parents = [node for end in ends if (node := nodes.by_id(end)) is not None] or [previous]
        for parent in parents:
            nodes.add_child(parent, group["id"])

    def _add(self, step: WorkflowStep, group: NodeStatus) -> None:
        state = self.state
        try:
            resolved = resolve_references(state, step, self.scope, optional_on_any_error=True)
        except ReconcileError as error:
            raise ReconcileError(f"failed to resolve references: {error}") from error
        entries = loops.expand(resolved, self.scope.parameters(state.globals))
        if not entries and state.nodes.get(self._step_name(step["name"])) is None:
            skipped = self.create(self._step_name(step["name"]), step, "Skipped", "Skipped", "Skipped, empty params")
            state.nodes.add_child(group, skipped["id"])
        for entry in entries:
            self.entries[entry["name"]] = entry
            self.steps[entry["name"]] = step["name"]
            self.remaining.add(entry["name"])
            state.own(self._step_name(entry["name"]), self, entry["name"])

    def _is_open(self, key: str) -> bool:
        return self.state.nodes.get(self._step_name(key)) is not None

    def _visit(self, key: str) -> None:
        if key not in self.remaining or self.group is None:
            return
        entry, group = self.entries[key], self.group
        name = self._step_name(key)
        node = self.state.nodes.get(name)
        if node is None and not self._proceeds(entry, group, name):
            return
        if node is None or not fulfilled(node):
            node = self._execute(entry, group, name)
        if node is None or fulfilled(group):
            return
        self.state.nodes.add_child(group, node["id"])
        if node["type"] == "Skipped" or self._settled(entry, node):
            self.remaining.discard(key)

    def _proceeds(self, entry: WorkflowStep, group: NodeStatus, name: str) -> bool:
        state = self.state
        try:
            proceeds, phase, message = loops.should_execute(entry.get("when")), "Skipped", ""
        except ReconcileError as error:
            proceeds, phase, message = False, "Error", str(error)
            state.mark(group, "Error", message)
        if not proceeds:
            message = message or f"when '{entry['when']}' evaluated false"
            node = self.create(name, entry, "Skipped", phase, message)
            state.nodes.add_child(group, node["id"])
            self.remaining.discard(entry["name"])
        return proceeds

    def _execute(self, entry: WorkflowStep, group: NodeStatus, name: str) -> NodeStatus | None:
        state = self.state
        try:
            return state.execute(name, entry, self.context, entry.get("arguments") or {}, self.options)
        except DepthExceededError:
            return state.nodes.get(name)
        except TemplateTimeoutError as error:
            state.nodes.add_child(group, state.nodes.id_of(name))
            state.mark(group, "Failed", str(error))
        except ReconcileError as error:
            state.nodes.add_child(group, state.nodes.id_of(name))
            message = f"step group deemed errored due to child {name} error: {error}"
            state.mark(group, "Error", message)
        return None

    def _settled(self, entry: WorkflowStep, node: NodeStatus) -> bool:
        """Run a step's hooks and exit handler as they fall due; True where the step and all of them have ended."""
        site = HookSite(self.state, self.node_id, self.context, "steps", self.steps[entry["name"]], self, entry["name"])
        self.scope.values[f"steps.{node['displayName']}.status"] = node["phase"]
        try:
            if hooks.has_hooks(entry) and not hooks.run_hooks(site, entry, node, self.scope):
                return False
            return fulfilled(node) and hooks.run_exit(site, entry, node, self.scope)
        except ReconcileError as error:
            if self.group is not None:
                self.state.mark(self.group, "Error", str(error))
            return fulfilled(node)

    def _close(self, group: NodeStatus) -> None:
        """All steps have ended: the group succeeds unless one failed that must not."""
        for child in self.state.nodes.children(group):
            key = child["name"].removeprefix(group["name"] + ".")
            tolerated = (self.entries.get(key) or {}).get("continueOn") or {}
            forgiven = tolerated.get("failed" if child["phase"] == "Failed" else "error")
            if unsuccessful(child) and not forgiven:
                self.state.mark(group, "Failed", f"child '{child['id']}' failed")
                return
        self.state.mark(group, "Succeeded")

    def _gather(self, group: NodeStatus) -> None:
        nodes = self.state.nodes
        expanded: dict[str, list[NodeStatus]] = {}
        for child in nodes.children(group):
            if child["type"] != "Skipped":
                key = child["name"].removeprefix(group["name"] + ".")
                expanded.setdefault(key.rsplit("(", 1)[0], []).append(child)
        for step in self.groups[self.position]:
            node = nodes.get(self._step_name(step["name"]))
            if node is None:
                add_aggregate(self.scope, "steps", step["name"], expanded.get(step["name"], []))
                add_node(self.scope, nodes, "steps", step["name"], group)
            else:
                add_node(self.scope, nodes, "steps", step["name"], node)
                base = f"steps.{step['name']}"
                declared = add_skipped(self.state, self.scope, self.context, step, base, node)
                for artifact in declared.get("artifacts") or ():
                    self.scope.values[f"{base}.outputs.artifacts.{artifact['name']}"] = {}

    def _succeed(self) -> None:
        self._set_outbound()
        outputs = from_scope(self.template, self.scope)
        if outputs is not None:
            self.node["outputs"] = outputs
            add_to_workflow(self.state, outputs)
        self.state.mark(self.node, "Succeeded")

    def _set_outbound(self) -> None:
        nodes = self.state.nodes
        groups = (nodes.get(self._group_name(position)) for position in reversed(range(len(self.groups))))
        if last := next(filter(None, groups), None):
            self.node["outboundNodes"] = [end for child in nodes.children(last) for end in outbound(nodes, child)]
