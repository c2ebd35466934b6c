"""Advances the nodes of templates with steps of their own, for DAG and steps templates alike.

Facts: Argo workflow/controller/dag.go (resolveDependencyReferences), steps.go (resolveReferences).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

import argo.local.controller.artifacts as artifacts
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import replace, without
from argo.local.controller.leaves import new_node
from argo.local.controller.loops import expands, should_execute
from argo.local.controller.nodes import NewNode, fulfilled
from argo.local.controller.scope import Scope
from argo.local.controller.state import BlockedError, Execution, Options, State
from compiler.manifest_types import NodeFlag, NodeStatus, WorkflowStep

# An unknown name below these is an error. Argo waits for such a name; here outputs come together with the phase, so
# that it would wait for ever.
_OTHERS = ("tasks", "steps")


class Worklist:
    """Keys in order. What a limit holds back is looked at first next time, open branches before new ones."""

    def __init__(self, state: State, node_id: str) -> None:
        self._state = state
        self._node_id = node_id
        self._dirty: dict[str, None] = {}
        self._held_open: dict[str, None] = {}
        self._held_new: dict[str, None] = {}

    def add(self, keys: Iterable[str]) -> None:
        self._dirty.update(dict.fromkeys(keys))

    def touch(self, key: str) -> None:
        self._dirty[key] = None

    def drain(self, visit: Callable[[str], None], is_open: Callable[[str], bool], stop: Callable[[], bool]) -> None:
        """Visit every key that can go on, until none is left or `stop` says so."""
        self._state.blocked.pop(self._node_id, None)
        self._dirty = {**self._held_open, **self._dirty}
        self._held_open = {}
        try_new = True
        while not stop():
            if self._dirty:
                key = next(iter(self._dirty))
                del self._dirty[key]
                self._held_open.pop(key, None)
                if key not in self._held_new:
                    self._visit(key, visit, is_open)
            elif try_new and self._held_new:
                key = next(iter(self._held_new))
                del self._held_new[key]
                # What holds back one new branch holds back all of them.
                try_new = self._visit(key, visit, is_open)
            else:
                break
        if self.waiting:
            self._state.blocked[self._node_id] = None

    def _visit(self, key: str, visit: Callable[[str], None], is_open: Callable[[str], bool]) -> bool:
        try:
            visit(key)
        except BlockedError:
            queue = self._held_open if is_open(key) else self._held_new
            queue[key] = None
            return False
        return True

    @property
    def waiting(self) -> bool:
        """True where a limit holds something back."""
        return bool(self._held_open or self._held_new)

    @property
    def unfinished(self) -> bool:
        """True where a branch that has begun, or its hooks, is held back."""
        return bool(self._held_open)

    def close(self) -> None:
        """Nothing of this node is looked at any more."""
        self._state.blocked.pop(self._node_id, None)
        for queue in (self._dirty, self._held_open, self._held_new):
            queue.clear()


class Composite(ABC):
    """A DAG or steps node, and what is known of its branches in this process."""

    def __init__(self, state: State, execution: Execution, node: NodeStatus) -> None:
        self.state = state
        self.node = node
        self.node_id: str = node["id"]
        self.template = execution.template
        self.context = execution.inner
        self.options = Options(boundary=node["id"], on_exit=execution.options.on_exit)  # of the branches
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


def execute(state: State, execution: Execution, *, kind: str, begin: type[Composite]) -> NodeStatus:
    """Create the node of type `kind`, or take its branches further; `begin` makes the run of a node not met yet."""
    node = state.nodes.get(execution.node_name)
    if node is None:
        node = state.create(new_node(execution, kind, "Running"))
    run = state.runs.get(node["id"])
    if run is None:
        run = state.runs[node["id"]] = begin(state, execution, node)
    run.advance()
    if fulfilled(node):
        run.close()
        state.forget(node)
    return node


def resolve_references(state: State, holder: WorkflowStep, scope: Scope, optional_on_any_error: bool) -> WorkflowStep:
    """The task or step with references to other nodes replaced. Raises ReconcileError.

    `when` comes first: what is not executed need not have the rest resolved. Hooks are left for when they run, and
    tags inside an inline template are its own where they are not known here.
    """
    values = scope.parameters(state.globals)
    if holder.get("when"):
        when = replace(holder["when"], values, strict_prefixes=_OTHERS)
        try:
            if not should_execute(when):
                return {**holder, "when": when}
        except ReconcileError:
            # It may speak of {{item}}, which is known only after the expansion.
            if not expands(holder):
                raise
    body = without(holder, "hooks", "inline")
    if body.get("arguments"):
        body["arguments"] = scope.mark_absent(body["arguments"])
    resolved = replace(body, values, strict_prefixes=_OTHERS)
    if resolved.get("arguments"):
        resolved = {**resolved, "arguments": artifacts.resolve_all(scope, resolved["arguments"], optional_on_any_error)}
    if "hooks" in holder:
        resolved = {**resolved, "hooks": holder["hooks"]}
    if "inline" in holder:
        known = {key: value for key, value in values.items() if value is not None}
        resolved = {**resolved, "inline": replace(holder["inline"], known)}
    return resolved
