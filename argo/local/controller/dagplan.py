"""Reads a DAG template once: dependencies, conditions, targets; and builds the scope that each task sees.

Facts: Argo workflow/common/ancestry.go, workflow/controller/dag.go (buildLocalScopeFromTask).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from argo.expressions.depends import Depends, parse_depends
from argo.expressions.errors import DependsError
from argo.local.controller.errors import ReconcileError
from argo.local.controller.nodes import hooked
from argo.local.controller.scope import (
    Scope,
    add_aggregate,
    add_entries,
    add_node,
    template_scope,
)
from argo.local.controller.state import State, TemplateContext
from argo.local.controller.templates import add_skipped
from compiler.manifest_types import ContinueOn, DAGTask, NodeStatus, Template

_REFERENCE = re.compile(r"\btasks(?:\.([A-Za-z0-9_-]+)|\[\W*?([A-Za-z0-9_-]+)\W*?\]|(\b))")
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]*")
_NAMES_ONLY = re.compile(r"\s*[A-Za-z0-9][-A-Za-z0-9]*(?:\s*&&\s*[A-Za-z0-9][-A-Za-z0-9]*)*\s*")


@dataclass(frozen=True, slots=True)
class DagPlan:
    """`order` lists the tasks that the targets need, dependencies first; `conditions` only real `depends`."""

    tasks: dict[str, DAGTask]
    order: tuple[str, ...]
    targets: tuple[str, ...]
    dependencies: dict[str, tuple[str, ...]]
    dependents: dict[str, list[str]]
    conditions: dict[str, Depends]

    def continues_on(self, name: str, phase: str) -> bool:
        tolerated = self.tasks[name].get("continueOn") or {}
        return bool((phase == "Failed" and tolerated.get("failed")) or (phase == "Error" and tolerated.get("error")))

    def tolerates(self, name: str, phase: str) -> bool:
        """True where a task in `dependencies` that ended in `phase` lets its dependents run."""
        return phase in ("Succeeded", "Skipped") or self.continues_on(name, phase)


def plan_of(template: Template) -> DagPlan:
    """Read a DAG template. Raises ReconcileError."""
    dag = template["dag"]
    tasks = {task["name"]: task for task in dag.get("tasks") or ()}
    continue_on = {name: task["continueOn"] for name, task in tasks.items() if task.get("continueOn")}
    written = {name: _condition(task, continue_on) for name, task in tasks.items()}
    conditions = {name: condition for name, condition in written.items() if condition is not None}
    dependencies = {name: _names(task, conditions.get(name)) for name, task in tasks.items()}
    needed = [dependency for names in dependencies.values() for dependency in names]
    targets = tuple(dag["target"].split() if dag.get("target") else sorted(tasks.keys() - set(needed)))
    for name in (*needed, *targets):
        if name not in tasks:
            raise ReconcileError(f"target {name} does not exist")
    order = _order(targets, dependencies)
    _refuse_cycles(order if dag.get("target") else tuple(tasks), order, dependencies)
    return DagPlan(tasks, order, targets, dependencies, _inverse(order, dependencies), conditions)


def _inverse(order: tuple[str, ...], dependencies: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    dependents: dict[str, list[str]] = {name: [] for name in order}
    for name in order:
        for dependency in dependencies[name]:
            dependents[dependency].append(name)
    return dependents


def _condition(task: DAGTask, continue_on: dict[str, ContinueOn]) -> Depends | None:
    """The task's `depends`; None for one that only names tasks, which means what `dependencies` means."""
    if not task.get("depends") or _NAMES_ONLY.fullmatch(task["depends"]):
        return None
    try:
        return parse_depends(task["depends"], continue_on)
    except DependsError as error:
        raise ReconcileError(str(error)) from error


def _names(task: DAGTask, condition: Depends | None) -> tuple[str, ...]:
    if condition is not None:
        return condition.tasks
    listed = task.get("dependencies") or ()
    return tuple(dict.fromkeys(_NAME.findall(task["depends"]) if task.get("depends") else listed))


def _refuse_cycles(expected: tuple[str, ...], order: tuple[str, ...], dependencies: dict[str, tuple[str, ...]]) -> None:
    positions = {name: position for position, name in enumerate(order)}
    for name in expected:
        # A task that leads to none of the leaves can only lead back to itself.
        if name not in positions or any(positions[other] >= positions[name] for other in dependencies[name]):
            raise ReconcileError(f"dependency cycle at task {name}")


def _order(targets: tuple[str, ...], dependencies: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    order: dict[str, None] = {}
    stack = [(name, False) for name in reversed(targets)]
    entered: set[str] = set()
    while stack:
        name, leaving = stack.pop()
        if leaving:
            order[name] = None
        elif name not in entered:
            entered.add(name)
            stack.append((name, True))
            stack += [(dependency, False) for dependency in reversed(dependencies[name])]
    return tuple(order)


class TaskScopes:
    """Builds the scope of a task from the tasks that it speaks of, which is what Argo's whole scope is used for."""

    def __init__(
        self, state: State, plan: DagPlan, node: NodeStatus, template: Template, context: TemplateContext
    ) -> None:
        self._state = state
        self._plan = plan
        self._node = node
        self._template = template
        self._context = context
        self._aggregates: dict[str, Scope] = {}

    def of(self, task: DAGTask, own: NodeStatus | None = None) -> Scope:
        """Build the scope of a task; `own` adds its own node's status, for hooks."""
        scope = template_scope(self._template)
        add_entries(scope, "workflow", self._state.status.get("outputs"))
        for name in self._referenced(task):
            self._add(scope, name)
        if own is not None:
            scope.values[f"tasks.{task['name']}.status"] = own["phase"]
        return scope

    def whole(self) -> Scope:
        """All tasks: what the DAG's outputs see."""
        scope = template_scope(self._template)
        for name in self._plan.tasks:
            self._add(scope, name)
        return scope

    def _referenced(self, task: DAGTask) -> list[str]:
        found = _REFERENCE.findall(json.dumps(task))
        names = dict.fromkeys(first or second for first, second, _ in found)
        if "" in names:
            return sorted(self._ancestors(task["name"]))
        direct = self._plan.dependencies[task["name"]]
        if all(name in direct for name in names):
            return list(names)
        ancestors = self._ancestors(task["name"])
        return [name for name in names if name in ancestors]

    def _ancestors(self, name: str) -> set[str]:
        found: set[str] = set()
        stack = list(self._plan.dependencies[name])
        while stack:
            current = stack.pop()
            if current not in found:
                found.add(current)
                stack += self._plan.dependencies[current]
        return found

    def _add(self, scope: Scope, name: str) -> None:
        state = self._state
        node = state.nodes.get(f"{self._node['name']}.{name}")
        if node is None:
            return
        if node["type"] == "TaskGroup":
            scope.values.update(self._aggregate(name, node).values)
        add_node(scope, state.nodes, "tasks", name, node)
        add_skipped(state, scope, self._context, self._plan.tasks[name], f"tasks.{name}", node)

    def _aggregate(self, name: str, node: NodeStatus) -> Scope:
        found = self._aggregates.get(name)
        if found is None:
            found = Scope()
            children = [child for child in self._state.nodes.children(node) if not hooked(child)]
            add_aggregate(found, "tasks", name, children)
            if node.get("finishedAt"):
                self._aggregates[name] = found
        return found
