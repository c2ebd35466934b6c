"""Life-cycle hooks and exit handlers of tasks and steps.

Facts: Argo workflow/controller/hooks.go, exit_handler.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import argo.local.controller.artifacts as artifacts
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import filled, only, replace
from argo.local.controller.nodes import completed, fulfilled
from argo.local.controller.scope import Scope, add_outputs, effective_outputs, evaluate_bool
from argo.local.controller.state import Options, Run, State, TemplateContext
from compiler.manifest_types import Arguments, LifecycleHook, NodeStatus, Outputs, WorkflowSpec, WorkflowStep


@dataclass(frozen=True, slots=True)
class HookSite:
    """Where hooks hang: the step or task `name` seen under `prefix`, inside of a boundary, followed by `run`."""

    state: State
    boundary: str
    context: TemplateContext
    prefix: str
    name: str
    run: Run
    key: str


def has_hooks(holder: WorkflowStep) -> bool:
    return any(event != "exit" for event in holder.get("hooks") or ())


def exit_hook(holder: WorkflowStep | WorkflowSpec, workflow_arguments: Arguments) -> LifecycleHook | None:
    """The exit handler of a step, task or workflow spec; without arguments of its own it gets the workflow's."""
    if holder.get("onExit"):
        return {"template": holder["onExit"], "arguments": workflow_arguments}
    hook: LifecycleHook | None = (holder.get("hooks") or {}).get("exit")
    if hook is None:
        return None
    arguments = hook.get("arguments") or {}
    if arguments.get("parameters") or arguments.get("artifacts"):
        return hook
    return {**hook, "arguments": workflow_arguments}


def as_step(hook: LifecycleHook) -> WorkflowStep:
    """The hook as a step that names the same template."""
    return filled(only(cast("WorkflowStep", hook), "template", "templateRef"))


def due(
    state: State, holder: WorkflowStep | WorkflowSpec, parent: str, values: Callable[[], Mapping[str, object]]
) -> Iterator[tuple[str, LifecycleHook]]:
    """The hooks of the node `parent` that have begun or whose condition holds, each with the name of its own node.

    Raises ReconcileError.
    """
    for event, hook in sorted((holder.get("hooks") or {}).items()):
        name = f"{parent}.hooks.{event}"
        if event == "exit":
            continue
        if not hook.get("expression"):
            raise ReconcileError(f"Expression required for hook {name}")
        if state.nodes.get(name) is not None or evaluate_bool(hook["expression"], values()):
            yield name, hook


def run_hooks(site: HookSite, holder: WorkflowStep, parent: NodeStatus, scope: Scope) -> bool:
    """Start the hooks whose condition holds; True when all that were started have ended. Raises ReconcileError."""
    state = site.state
    done = True
    for name, hook in due(state, holder, parent["name"], lambda: scope.parameters(state.globals)):
        outputs = effective_outputs(state.nodes, parent)
        arguments = hook.get("arguments") or {}
        if (arguments.get("parameters") or arguments.get("artifacts")) and outputs:
            arguments = _arguments(site, arguments, outputs, scope)
        node = _execute(site, hook, name, arguments, Options(boundary=site.boundary, hooked=True))
        state.nodes.add_child(parent, node["id"])
        done = done and fulfilled(node)
    return done


def run_exit(site: HookSite, holder: WorkflowStep, parent: NodeStatus, scope: Scope) -> bool:
    """Run the exit handler of a completed node; False while it has not ended. Raises ReconcileError."""
    state = site.state
    hook = exit_hook(holder, state.spec.get("arguments") or {})
    if hook is None or not completed(parent) or not state.may_run(True):
        return True
    if hook.get("expression") and not evaluate_bool(hook["expression"], scope.parameters(state.globals)):
        return True
    arguments = hook.get("arguments") or {}
    if arguments.get("parameters") or arguments.get("artifacts"):
        arguments = _arguments(site, arguments, effective_outputs(state.nodes, parent), scope)
    options = Options(boundary=site.boundary, on_exit=True, hooked=True)
    node = _execute(site, hook, f"{parent['name']}.onExit", arguments, options)
    state.nodes.add_child(parent, node["id"])
    return fulfilled(node)


def _execute(site: HookSite, hook: LifecycleHook, name: str, arguments: Arguments, options: Options) -> NodeStatus:
    site.state.own(name, site.run, site.key)
    return site.state.execute(name, as_step(hook), site.context, arguments, options)


def _arguments(site: HookSite, arguments: Arguments, outputs: Outputs | None, scope: Scope) -> Arguments:
    own = Scope(dict(scope.values))
    add_outputs(own, f"{site.prefix}.{site.name}", outputs)
    given = own.mark_absent(arguments)
    given = replace(given, own.parameters(site.state.globals))
    return artifacts.resolve_all(own, given, optional_on_any_error=True)
