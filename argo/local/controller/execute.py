"""Executing a template under a node's name: arguments, limits, retries, and the kind of template.

Facts: Argo workflow/controller/operator.go (executeTemplate).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import argo.local.controller.composite as composite
import argo.local.controller.leaves as leaves
import argo.local.controller.memoize as memoize
import argo.local.controller.parallelism as parallelism
import argo.local.controller.retry as retry
from argo.local.controller.arguments import bind, substitute_template
from argo.local.controller.dag import DagRun
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import duration
from argo.local.controller.nodes import fulfilled, pod_name, started_at
from argo.local.controller.state import (
    BlockedError,
    DepthExceededError,
    Execution,
    Options,
    State,
    TemplateContext,
    TemplateTimeoutError,
    retry_strategy,
)
from argo.local.controller.steps import StepsRun
from argo.local.controller.templates import resolve
from argo.workflow.kinds import PODS, type_of
from compiler.manifest_types import Arguments, NodeStatus, RetryStrategy, Template, WorkflowStep

MAXIMUM_DEPTH = 100
DISPLAY_NAME = "workflows.argoproj.io/display-name"
_DISPLAY_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]")
_DEPTH_MESSAGE = "Maximum recursion depth exceeded"

_KINDS: dict[str, Callable[[State, Execution], NodeStatus]] = {
    "container": leaves.execute_pod,
    "script": leaves.execute_pod,
    "containerSet": leaves.execute_pod,
    "suspend": leaves.execute_suspend,
    "resource": leaves.execute_resource,
    "dag": partial(composite.execute, kind="DAG", begin=DagRun),
    "steps": partial(composite.execute, kind="Steps", begin=StepsRun),
}


def execute(
    state: State, name: str, holder: WorkflowStep, context: TemplateContext, arguments: Arguments, options: Options
) -> NodeStatus:
    """Take the node of that name as far as it goes now, creating it where need be.

    Raises BlockedError, TemplateTimeoutError, DepthExceededError, or ReconcileError after the node has been marked.
    """
    node = state.nodes.get(name)
    if node is not None and fulfilled(node):
        state.forget(node)
        return node
    state.depth += 1
    try:
        if state.depth >= MAXIMUM_DEPTH:
            _fail(state, node, Execution(name, holder, context, options, Template(), context), _DEPTH_MESSAGE)
            raise DepthExceededError(_DEPTH_MESSAGE)
        identity = state.nodes.id_of(name)
        execution = state.executions.get(identity)
        if execution is None:
            execution = Execution(name, holder, context, options, Template(), context)
            _prepare(state, node, execution, arguments)
            state.executions[identity] = execution
        return _displayed(state, execution, _guarded(state, execution, node))
    finally:
        state.depth -= 1


def _prepare(state: State, node: NodeStatus | None, execution: Execution, arguments: Arguments) -> None:
    """Find the template and bind its inputs. Raises ReconcileError after the node has been marked."""
    holder = execution.holder
    try:
        execution.inner, template = resolve(state, execution.context, holder)
        with_pod = retry_strategy(state, template) is None
        local = local_variables(state, holder, template, execution.node_name, with_pod=with_pod)
        execution.template = bind(state, template, arguments, local)
        if (shown := _shown(execution.template)) and not _DISPLAY_NAME.fullmatch(shown):
            raise ReconcileError(f"displayName must match the regex ^{_DISPLAY_NAME.pattern}$")
    except ReconcileError as error:
        _fail(state, node, execution, str(error))
        raise


def local_variables(
    state: State, holder: WorkflowStep, template: Template, name: str, with_pod: bool
) -> dict[str, str]:
    """`pod.name`, `node.name`, `steps.name` and `tasks.name` of a node."""
    local = {"node.name": name}
    if with_pod and type_of(template) in PODS:
        local["pod.name"] = pod_name(state.name, name, str(template.get("name") or ""))
    if holder.get("name"):
        local["tasks.name"] = local["steps.name"] = holder["name"]
    return local


def _fail(state: State, node: NodeStatus | None, execution: Execution, message: str) -> None:
    """Mark the node as Error, or make one that says so."""
    if node is not None:
        state.mark(node, "Error", message)
    else:
        state.create(replace(leaves.new_node(execution, "Skipped", "Error"), message=message, inputs=None))


def _displayed(state: State, execution: Execution, node: NodeStatus) -> NodeStatus:
    """The node under the name to show that its template gives."""
    shown = _shown(execution.template)
    if shown and node["displayName"] != shown:
        node["displayName"] = shown
        state.nodes.changed.add(node["id"])
    return node


def _shown(template: Template) -> str:
    return str((template.get("annotations") or {}).get(DISPLAY_NAME) or "")


def _guarded(state: State, execution: Execution, node: NodeStatus | None) -> NodeStatus:
    if node is not None:
        _check_timeouts(state, execution.template, node)
    waits = node is not None and node["type"] in ("Pod", "Suspend")
    if not waits and parallelism.held_back(state, execution.template, node, execution.options.boundary):
        if node is not None and fulfilled(node):  # failFast has just ended it
            return node
        raise BlockedError
    if node is None and execution.template.get("memoize") and (hit := _memoized(state, execution)) is not None:
        return hit
    strategy = retry_strategy(state, execution.template)
    if strategy is None:
        node = _dispatch(state, execution, errors_end=True)
    else:
        node = _with_retries(state, execution, node, strategy)
    if execution.template.get("memoize"):
        memoize.track(state, execution, node)
    return node


def _memoized(state: State, execution: Execution) -> NodeStatus | None:
    try:
        return memoize.load(state, execution)
    except ReconcileError as error:
        _fail(state, None, execution, str(error))
        raise


def _check_timeouts(state: State, template: Template, node: NodeStatus) -> None:
    """Fail a pending node past its template's timeout or pendingTimeout. Raises TemplateTimeoutError."""
    if node["phase"] != "Pending":
        return
    for field in ("timeout", "pendingTimeout"):
        if not template.get(field):
            continue
        ends = started_at(node) + duration(template.get(field), "invalid timeout format ")
        if state.now > ends:
            if node["type"] == "Pod":
                state.decisions.kill.append(node["id"])
            state.mark(node, "Failed", "timeout")
            raise TemplateTimeoutError("timeout")
        state.wake(node["id"], ends)


def _with_retries(state: State, execution: Execution, node: NodeStatus | None, strategy: RetryStrategy) -> NodeStatus:
    if node is None:
        node = state.create(leaves.new_node(execution, "Retry", "Running"))
    while True:
        try:
            verdict = retry.assess(state, node, strategy)
        except ReconcileError as error:
            state.mark(node, "Error", str(error))
            raise
        if not verdict.attempt:
            return node
        attempt = _attempt(state, execution, node, strategy, replace(execution.options, deadline=verdict.deadline))
        if not fulfilled(attempt):
            return node


def _attempt(
    state: State, execution: Execution, node: NodeStatus, strategy: RetryStrategy, options: Options
) -> NodeStatus:
    """Start the next attempt, or take the open one further."""
    tried = retry.attempts(state, node)
    running = tried[-1] if tried and not fulfilled(tried[-1]) else None
    name = running["name"] if running else f"{node['name']}({len(tried)})"
    identity = state.nodes.id_of(name)
    owner = state.owners.get(node["id"])
    if owner is not None:
        state.owners[identity] = owner
    options = replace(options, retried=True)
    inner = state.executions.get(identity)
    if inner is None:
        values = {
            **state.globals,
            **local_variables(state, {}, execution.template, name, with_pod=True),
            "retries": str(len(tried) - (1 if running else 0)),
            **retry.variables(tried[:-1] if running else tried),
        }
        template = substitute_template(execution.template, values)
        inner = Execution(name, execution.holder, execution.context, options, template, execution.inner)
        state.executions[identity] = inner
    ends = retry.policy(strategy) not in ("Always", "OnError", "OnTransientError")
    child = _dispatch(state, inner, errors_end=ends)
    state.nodes.add_child(node, child["id"])
    if execution.template.get("memoize"):
        memoize.track(state, inner, child)
    return child


def _dispatch(state: State, execution: Execution, errors_end: bool) -> NodeStatus:
    name = execution.node_name
    kind = _KINDS.get(type_of(execution.template))
    if kind is None:
        message = f"Template '{execution.template.get('name', '')}' is of a type that cannot be executed here"
        _fail(state, state.nodes.get(name), execution, message)
        raise ReconcileError(message)
    try:
        node = kind(state, execution)
    except ReconcileError as error:
        failed = state.nodes.get(name)
        if failed is None:
            raise
        state.mark(failed, "Error", str(error))
        if errors_end:
            raise
        return failed
    return node
