"""The reconcile of one workflow: outcomes of pods in, decisions out, everything else in `workflow["status"]`.

Facts: Argo workflow/controller/operator.go (operate).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial

import argo.local.controller.deadlines as deadlines
import argo.local.controller.hooks as hooks
import argo.local.controller.outcomes as pod_outcomes
import argo.local.controller.workflow as setup
from argo.local.controller.errors import ReconcileError
from argo.local.controller.execute import execute
from argo.local.controller.nodes import Nodes, fulfilled, unsuccessful
from argo.local.controller.outputs import add_to_workflow
from argo.local.controller.scope import failures_json
from argo.local.controller.state import BlockedError, DepthExceededError, Options, State, TemplateTimeoutError
from argo.local.controller.templates import local_context
from argo.local.pods import Decisions, PodOutcome, RunObjects
from argo.workflow.values import format_time
from compiler.manifest_types import Arguments, LifecycleHook, NodeStatus, Workflow, WorkflowStep

_PHASES = {"Skipped": "Succeeded", "Omitted": "Succeeded"}
_COMPLETED = ("Succeeded", "Failed", "Error")
_RECURSION = 5000  # the deepest nesting of templates that Argo allows takes about 1,200 Python frames


@contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


class Controller:
    """Reconciles one workflow. All that must outlive the process stands in `workflow`; the rest is rebuilt from it."""

    def __init__(self, workflow: Workflow, objects: RunObjects, *, parallelism: int | None = None) -> None:
        status = workflow.setdefault("status", {})
        nodes = Nodes(workflow["metadata"]["name"], status.setdefault("nodes", {}))
        self._state = State(workflow, objects, nodes, parallelism=parallelism)
        self._state.execute = partial(execute, self._state)
        self._ready = False

    def operate(self, outcomes: Mapping[str, PodOutcome], now: datetime) -> Decisions:
        """Take the workflow as far as it goes at `now`.

        Never raises for what a workflow says: that ends in its status, with Argo's message.
        """
        state = self._state
        state.now, state.decisions, state.nodes.changed = now, Decisions(), set()
        if self._prepare():
            state.deadline = deadlines.workflow_deadline(state)
            self._notice(outcomes)
            if not state.workflow["spec"].get("suspend"):
                with _deep_recursion():
                    self._reconcile_until_settled()
        return self._decided()

    def _prepare(self) -> bool:
        """Set the workflow up once per process; False when it cannot run or has ended."""
        state, status = self._state, self._state.status
        if status.get("phase") in _COMPLETED:
            for identity, node in state.nodes.table.items():
                if node["type"] == "Pod" and not fulfilled(node):
                    state.decisions.kill.append(identity)
            return False
        if not self._ready:
            try:
                setup.set_up(state)
            except ReconcileError as error:
                self._mark("Error" if isinstance(error, setup.MetadataError) else "Failed", str(error))
                return False
            self._ready = True
        if not status.get("phase"):
            self._mark("Running", "")
        setup.set_runtime(state, status["phase"])
        return True

    def _notice(self, outcomes: Mapping[str, PodOutcome]) -> None:
        """Take in what happened outside: pods, commands, time."""
        state = self._state
        before = state.nodes.active_pods
        pod_outcomes.apply(state, outcomes)
        for node in state.nodes.edited():
            add_to_workflow(state, node.get("outputs"))
            state.touch(node["id"])
        deadlines.apply(state)
        for identity, moment in list(state.timers.items()):
            if moment <= state.now:
                del state.timers[identity]
                state.touch(identity)
        if state.nodes.active_pods < before or not outcomes:
            self._look_at_blocked()

    def _look_at_blocked(self) -> None:
        for identity in list(self._state.blocked):
            self._state.touch(identity)

    def _reconcile_until_settled(self) -> None:
        """Reconcile again while nodes that ended may have made room for others."""
        state = self._state
        while state.status["phase"] not in _COMPLETED:
            ended = state.ended
            self._reconcile()
            if not state.blocked or state.ended == ended:
                break
            self._look_at_blocked()

    def _reconcile(self) -> None:
        state = self._state
        holder: WorkflowStep = {"template": state.spec.get("entrypoint") or ""}
        arguments = state.spec.get("arguments") or {}
        node = self._executed("entry template execution", state.name, holder, arguments, Options())
        if node is None:
            return
        phase: str = _PHASES.get(node["phase"]) or node["phase"]
        setup.set_runtime(state, phase)
        if self._hooks_done(node) and fulfilled(node):
            self._finish(node, phase)

    def _execute(self, name: str, holder: WorkflowStep, arguments: Arguments, options: Options) -> NodeStatus | None:
        """Execute a template for the workflow itself; None while a limit holds it back, or when its time has passed."""
        with suppress(BlockedError, TemplateTimeoutError):
            return self._state.execute(name, holder, local_context(self._state), arguments, options)
        return None

    def _executed(
        self, what: str, name: str, holder: WorkflowStep, arguments: Arguments, options: Options
    ) -> NodeStatus | None:
        """As `_execute`; None, too, where it cannot be executed, which ends the workflow."""
        try:
            return self._execute(name, holder, arguments, options)
        except (ReconcileError, DepthExceededError) as error:
            self._mark("Error", f"error in {what}: {error}")
            return None

    def _hooks_done(self, node: NodeStatus) -> bool:
        """Run the workflow's life-cycle hooks (Argo: executeWfLifeCycleHook)."""
        state, done = self._state, True
        try:
            for name, hook in hooks.due(state, state.spec, state.name, lambda: state.globals):
                hooked = self._execute(name, hooks.as_step(hook), hook.get("arguments") or {}, Options(hooked=True))
                if hooked is not None:
                    state.nodes.add_child(node, hooked["id"])
                done = done and hooked is not None and fulfilled(hooked)
        except (ReconcileError, DepthExceededError) as error:
            state.mark(node, "Error", str(error))
            return True
        return done

    def _finish(self, node: NodeStatus, phase: str) -> None:
        state = self._state
        exit_node: NodeStatus | None = None
        hook = hooks.exit_hook(state.spec, state.spec.get("arguments") or {})
        name = f"{state.name}.onExit"
        if hook is not None and (state.nodes.get(name) is not None or state.may_run(True)):
            exit_node = self._exit_node(name, hook)
            if exit_node is None or not fulfilled(exit_node):
                return
        if unsuccessful(node):
            stopped = f"Stopped with strategy '{state.shutdown}'" if state.shutdown else ""
            self._mark(phase, stopped or node.get("message", ""))
        elif exit_node is not None and unsuccessful(exit_node):
            self._mark(exit_node["phase"], exit_node.get("message", ""))
        else:
            self._mark(phase, "")

    def _exit_node(self, name: str, hook: LifecycleHook) -> NodeStatus | None:
        """Execute the exit handler; None as in `_executed`."""
        if "workflow.failures" not in self._state.globals:
            self._state.globals["workflow.failures"] = failures_json(self._state.nodes)
        arguments, options = hook.get("arguments") or {}, Options(on_exit=True, hooked=True)
        return self._executed("exit template execution ", name, hooks.as_step(hook), arguments, options)

    def _mark(self, phase: str, message: str) -> None:
        """Set the workflow's phase, times and labels (Argo: markWorkflowPhase)."""
        state, status = self._state, self._state.status
        metadata = state.workflow["metadata"]
        metadata["creationTimestamp"] = metadata.get("creationTimestamp") or format_time(state.now)
        status["phase"] = phase
        status.setdefault("startedAt", format_time(state.now))
        status.setdefault("finishedAt", None)
        if message:
            status["message"] = message
        else:
            status.pop("message", None)
        labels = metadata.setdefault("labels", {})
        labels["workflows.argoproj.io/phase"] = phase
        labels["workflows.argoproj.io/completed"] = "true" if phase in _COMPLETED else "false"
        if phase in _COMPLETED:
            status["finishedAt"] = format_time(state.now)
            status["conditions"] = [{"type": "Completed", "status": "True"}]
        entry = state.nodes.by_id(state.name)
        if phase == "Error" and entry is not None and entry["phase"] == "Running":
            state.mark(entry, "Error", "Workflow operation error")

    def _decided(self) -> Decisions:
        state = self._state
        done, total = state.nodes.progress
        state.status["progress"] = f"{done}/{total}"
        decisions = state.decisions
        decisions.changed = set(state.nodes.changed)
        decisions.kill = list(dict.fromkeys(decisions.kill))
        if state.status["phase"] not in _COMPLETED:
            moments = list(state.timers.values())
            if state.deadline is not None and state.deadline >= state.now:
                moments.append(state.deadline)
            decisions.wake_at = min(moments, default=None)
        return decisions
