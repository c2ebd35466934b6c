"""A task's or step's references to others, replaced before it is expanded and executed.

Facts: Argo workflow/controller/dag.go (resolveDependencyReferences), steps.go (resolveReferences).
"""

from __future__ import annotations

import argo.local.controller.artifacts as artifacts
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import replace, without
from argo.local.controller.loops import expands, should_execute
from argo.local.controller.scope import Scope
from argo.local.controller.state import State
from compiler.manifest_types import WorkflowStep

# An unknown name below these is an error. Argo waits for such a name; here outputs come together with the phase, so
# that it would wait for ever.
_OTHERS = ("tasks", "steps")


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
