"""DAG templates: tasks run when what they depend on has ended as they ask.

Facts: Argo workflow/controller/dag.go. Where Argo walks the whole DAG in every reconcile, this looks only at tasks
whose nodes, or whose dependencies' nodes, changed.
"""

from __future__ import annotations

import argo.local.controller.hooks as hooks
import argo.local.controller.loops as loops
from argo.expressions.depends import task_results
from argo.expressions.errors import DependsError
from argo.local.controller.composite import Composite, resolve_references
from argo.local.controller.dagplan import DagPlan, TaskScopes, plan_of
from argo.local.controller.errors import ReconcileError
from argo.local.controller.graph import branch_phases, outbound
from argo.local.controller.hooks import HookSite
from argo.local.controller.nodes import UNSUCCESSFUL, fulfilled, hooked, unsuccessful
from argo.local.controller.outputs import add_to_workflow, from_scope
from argo.local.controller.state import (
    BlockedError,
    DepthExceededError,
    Execution,
    State,
    TemplateTimeoutError,
)
from compiler.manifest_types import DAGTask, NodeStatus, WorkflowStep


class DagRun(Composite):
    """A DAG node's tasks, and what is known of them in this process."""

    def __init__(self, state: State, execution: Execution, node: NodeStatus) -> None:
        super().__init__(state, execution, node)
        self.plan: DagPlan = plan_of(execution.template)
        self.scopes = TaskScopes(state, self.plan, node, execution.template, execution.inner)
        self.missing = {name: len(self.plan.dependencies[name]) for name in self.plan.order}
        self.finished: set[str] = set()
        self.items: dict[str, tuple[str, WorkflowStep]] = {}
        self.expanded: dict[str, list[WorkflowStep]] = {}
        self.remaining: dict[str, set[str]] = {}
        self.work.add(self.plan.order)

    def advance(self) -> None:
        self.work.drain(self._visit, self._is_open, lambda: fulfilled(self.node))
        if not fulfilled(self.node):
            self._assess()

    def node_name(self, task: str) -> str:
        return f"{self.node['name']}.{task}"

    def task_node(self, task: str) -> NodeStatus | None:
        return self.state.nodes.get(self.node_name(task))

    def _is_open(self, key: str) -> bool:
        return self.task_node(key) is not None

    def _visit(self, key: str) -> None:
        if key in self.items:
            self._item(key)
        elif not self.missing[key] and key not in self.finished:
            self._task(key)

    def _task(self, name: str) -> None:
        task = self.plan.tasks[name]
        self.state.own(self.node_name(name), self, name)
        node = self.task_node(name)
        if node is None:
            if self._may_start(name):
                self._go_on(name, task, node)
            return
        try:
            hooks_done = self._hooks_done(task, node)
        except BlockedError:
            # A hook that has to wait for its turn must not hold back the task that may free it.
            if not fulfilled(node):
                self._go_on(name, task, node)
            raise
        if hooks_done and fulfilled(node):
            if self._exit_done(task, node):
                self._finish(name)
        elif not fulfilled(node):
            self._go_on(name, task, node)

    def _go_on(self, name: str, task: DAGTask, node: NodeStatus | None) -> None:
        """Start a task, or take one that is open further."""
        try:
            entries = self._entries(name)
        except ReconcileError as error:
            self._skip(name, task, "Error", str(error))
            return
        if loops.expands(task):
            self._group(name, task, entries, node)
        else:
            self._start(name, task, entries[0])

    def _may_start(self, name: str) -> bool:
        """True where the task's condition holds; where it does not, the task's node is made as Omitted."""
        task = self.plan.tasks[name]
        try:
            execute_it = self._condition(name)
        except (DependsError, ReconcileError) as error:
            self._skip(name, task, "Error", str(error))
            return False
        if not execute_it:
            self._skip(name, task, "Omitted", "omitted: depends condition not met")
        return execute_it

    def _condition(self, name: str) -> bool:
        dependencies = self.plan.dependencies[name]
        if not dependencies:
            return True
        nodes = {dependency: self.task_node(dependency) for dependency in dependencies}
        depends = self.plan.conditions.get(name)
        if depends is None:
            return all(node is not None and self.plan.tolerates(other, node["phase"]) for other, node in nodes.items())
        results = {}
        for other, node in nodes.items():
            if node is None:
                raise ReconcileError(f"Ancestor task node {other} not found")
            items = self.state.nodes.children(node) if node["type"] == "TaskGroup" else []
            results[other] = task_results(node["phase"], item_phases=[child["phase"] for child in items])
        return depends.evaluate(results)

    def _entries(self, name: str) -> list[WorkflowStep]:
        entries = self.expanded.get(name)
        if entries is None:
            task = self.plan.tasks[name]
            scope = self.scopes.of(task)
            resolved = resolve_references(self.state, task, scope, optional_on_any_error=False)
            entries = loops.expand(resolved, scope.parameters(self.state.globals))
            self.expanded[name] = entries
        return entries

    def _group(self, name: str, task: DAGTask, entries: list[WorkflowStep], node: NodeStatus | None) -> None:
        if not entries:
            self._skip(name, task, "Skipped", "Skipped, empty params")
            return
        if node is None:
            node = self.create(self.node_name(name), task, "TaskGroup", "Running")
            self._connect(name, node)
        if name not in self.remaining:
            self.remaining[name] = {entry["name"] for entry in entries}
            self.items.update({entry["name"]: (name, entry) for entry in entries})
            self.work.add(entry["name"] for entry in entries)
        elif not self.remaining[name]:
            items = reversed(self.state.nodes.children(node))
            failed = (child["phase"] for child in items if unsuccessful(child) and not hooked(child))
            self.state.mark(node, next(failed, "Succeeded"))

    def _item(self, key: str) -> None:
        name, entry = self.items[key]
        if key not in self.remaining[name]:
            return
        self.state.own(self.node_name(key), self, key)
        self._start(name, self.plan.tasks[name], entry)
        node = self.task_node(key)
        if node is None or not fulfilled(node) or not self._exit_done(self.plan.tasks[name], node):
            return
        self.remaining[name].discard(key)
        if not self.remaining[name]:
            self.work.touch(name)

    def _start(self, name: str, task: DAGTask, entry: WorkflowStep) -> None:
        """Execute a task, or one item of a loop, as far as it goes."""
        key = entry["name"]
        node_name = self.node_name(key)
        node = self.state.nodes.get(node_name)
        if node is None:
            try:
                proceeds = loops.should_execute(entry.get("when"))
            except ReconcileError as error:
                self._skip(name, task, "Error", str(error), key)
                return
            if not proceeds:
                self._skip(name, task, "Skipped", f"when '{entry['when']}' evaluated false", key)
                return
        arguments = entry.get("arguments") or {}
        created: NodeStatus | None
        try:
            created = self.state.execute(node_name, entry, self.context, arguments, self.options)
        except (TemplateTimeoutError, DepthExceededError):
            created = self.state.nodes.get(node_name)
        except ReconcileError as error:
            created = self.state.nodes.get(node_name)
            if created is not None:
                self.state.mark(created, "Error", f"task '{node_name}' errored: {error}")
        if node is None and created is not None:
            self._connect(name, created)

    def _skip(self, name: str, task: DAGTask, phase: str, message: str, key: str = "") -> None:
        """A node for what is not executed, or the present one marked."""
        node = self.task_node(key or name)
        if node is None:
            node = self.create(self.node_name(key or name), task, "Skipped", phase, message)
            self._connect(name, node)
        else:
            self.state.mark(node, phase, message)

    def _connect(self, name: str, node: NodeStatus) -> None:
        nodes = self.state.nodes
        group = self.task_node(name)
        if group is not None and group["type"] == "TaskGroup" and group is not node:
            nodes.add_child(group, node["id"])
            return
        if not self.plan.dependencies[name]:
            nodes.add_child(self.node, node["id"])
        for dependency in self.plan.dependencies[name]:
            parent = self.task_node(dependency)
            for identity in outbound(nodes, parent) if parent else ():
                end = nodes.by_id(identity)
                if end is not None:
                    nodes.add_child(end, node["id"])

    def _site(self, name: str, key: str) -> HookSite:
        return HookSite(self.state, self.node_id, self.context, "tasks", name, self, key)

    def _hooks_done(self, task: DAGTask, node: NodeStatus) -> bool:
        if not hooks.has_hooks(task) or not (fulfilled(node) or node["phase"] == "Running"):
            return True
        try:
            scope = self.scopes.of(task, node)
            return hooks.run_hooks(self._site(task["name"], task["name"]), task, node, scope)
        except ReconcileError as error:
            self.state.mark(node, "Error", str(error))
            return True

    def _exit_done(self, task: DAGTask, node: NodeStatus) -> bool:
        if not task.get("onExit") and "exit" not in (task.get("hooks") or {}):
            return True
        key = node["name"].removeprefix(self.node["name"] + ".")
        try:
            scope = self.scopes.of(task, node)
            return hooks.run_exit(self._site(task["name"], key), task, node, scope)
        except ReconcileError:
            failed = self.state.nodes.get(f"{node['name']}.onExit")
            return failed is None or fulfilled(failed)

    def _finish(self, name: str) -> None:
        self.finished.add(name)
        for dependent in self.plan.dependents[name]:
            self.missing[dependent] -= 1
            if not self.missing[dependent]:
                self.work.touch(dependent)

    def _assess(self) -> None:
        """End the DAG when its branches have ended (Argo: assessDAGPhase). Raises ReconcileError."""
        phase = self._phase()
        if phase == "Running":
            return
        if phase == "Succeeded":
            self._take_outputs()
        ends = [self.task_node(target) for target in self.plan.targets]
        self.node["outboundNodes"] = [end for node in ends if node for end in outbound(self.state.nodes, node)]
        self.state.mark(self.node, phase)

    def _phase(self) -> str:
        state = self.state
        if state.shutdown and not self.options.on_exit and self._exits_ended():
            return "Failed"
        if state.nodes.counts[self.node_id].unfulfilled or self.work.unfinished:
            return "Running"
        targets = {state.nodes.id_of(self.node_name(name)): name for name in self.plan.targets}
        phases = branch_phases(state.nodes, self.node, targets)
        if phases is None:
            return "Running"
        fail_fast = self.template["dag"].get("failFast", True) is not False
        return self._target_phase(phases, targets, fail_fast)

    def _target_phase(self, phases: dict[str, str], targets: dict[str, str], fail_fast: bool) -> str:
        result = "Succeeded"
        for identity, name in targets.items():
            phase = phases[identity]
            if not phase:
                result = "Running"
                if not fail_fast:
                    break
            elif phase in UNSUCCESSFUL and not self.plan.continues_on(name, phase):
                result = phase
                if fail_fast:
                    break
        return result

    def _exits_ended(self) -> bool:
        exits = (self.state.nodes.get(f"{self.node_name(target)}.onExit") for target in self.plan.targets)
        return all(node is None or fulfilled(node) for node in exits)

    def _take_outputs(self) -> None:
        for name in self.plan.tasks:
            node = self.task_node(name)
            if node is not None:
                add_to_workflow(self.state, node.get("outputs"))
        outputs = from_scope(self.template, self.scopes.whole()) if self.template.get("outputs") else None
        if outputs is not None:
            self.node["outputs"] = outputs
