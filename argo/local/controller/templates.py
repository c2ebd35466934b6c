"""Finding templates: by name, inline, in WorkflowTemplates; templateDefaults laid under them.

Facts: Argo workflow/templateresolution/context.go, operator.go (mergedTemplateDefaultsInto).
"""

from __future__ import annotations

from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import filled, without
from argo.local.controller.nodes import step_or_task_name
from argo.local.controller.patch import merge
from argo.local.controller.scope import Scope
from argo.local.controller.state import State, TemplateContext
from argo.workflow.kinds import TYPES, type_of
from argo.workflow.values import text
from compiler.manifest_types import Metadata, NodeStatus, Outputs, Template, WorkflowSpec, WorkflowStep


def local_context(state: State) -> TemplateContext:
    found = state.contexts.get("local")
    if found is None:
        scope = "local/" if state.workflow["spec"].get("workflowTemplateRef") else f"local/{state.name}"
        found = state.contexts["local"] = _context(scope, state.spec)
    return found


def _context(scope: str, spec: WorkflowSpec) -> TemplateContext:
    templates = {entry["name"]: entry for entry in spec.get("templates") or () if "name" in entry}
    return TemplateContext(scope, templates, spec.get("podMetadata"))


def context_of(state: State, scope: str) -> TemplateContext:
    """The context of a node's templateScope. Raises ReconcileError when its object is not known."""
    kind, _, name = scope.partition("/")
    if kind == "local" or not scope:
        return local_context(state)
    found = state.contexts.get(scope)
    if found is None:
        found = state.contexts[scope] = _context(scope, stored_spec(state, name, kind == "cluster"))
    return found


def stored_spec(state: State, name: str, cluster: bool) -> WorkflowSpec:
    """The spec of a (Cluster)WorkflowTemplate. Raises ReconcileError when there is none of that name."""
    find = state.objects.cluster_workflow_template if cluster else state.objects.workflow_template
    found = find(name)
    if found is None:
        raise ReconcileError(f"workflow template {name} not found")
    return found["spec"]


def resolve(state: State, context: TemplateContext, holder: WorkflowStep) -> tuple[TemplateContext, Template]:
    """The template that a step, task, hook or node names, defaults merged, and the context for what it calls."""
    inner = context
    if holder.get("inline"):
        template = _with_metadata(holder["inline"], context)
    elif reference := holder.get("templateRef"):
        cluster = bool(reference.get("clusterScope"))
        inner = context_of(state, f"{'cluster' if cluster else 'namespaced'}/{reference['name']}")
        template = _with_metadata(_named(inner, reference["template"], reference["name"]), inner)
    elif holder.get("template"):
        template = _with_metadata(_named(context, holder["template"]), context)
    else:
        raise ReconcileError("failed to get a template")
    if not type_of(template):
        raise ReconcileError(f"template '{template.get('name', '')}' type is unknown")
    return inner, _with_defaults(state, template)


def add_skipped(
    state: State, scope: Scope, context: TemplateContext, holder: WorkflowStep, base: str, node: NodeStatus
) -> Outputs:
    """Add the declared parameters of a node that never ran: their defaults, or None. Return all declared outputs."""
    if node["phase"] not in ("Skipped", "Omitted") or node.get("outputs"):
        return {}
    try:
        outputs = resolve(state, context, holder)[1].get("outputs") or Outputs()
    except ReconcileError:
        return {}
    for parameter in outputs.get("parameters") or ():
        default = (parameter.get("valueFrom") or {}).get("default")
        scope.values[f"{base}.outputs.parameters.{parameter['name']}"] = None if default is None else text(default)
    return outputs


def _named(context: TemplateContext, name: str, owner: str = "") -> Template:
    found = context.templates.get(name)
    if found is None:
        raise ReconcileError(f"template {name} not found" + (f" in workflow template {owner}" if owner else ""))
    return found


def _with_metadata(template: Template, context: TemplateContext) -> Template:
    extra = context.pod_metadata
    if not extra:
        return template
    own = template.get("metadata") or {}
    merged: Metadata = {
        "labels": {**(extra.get("labels") or {}), **(own.get("labels") or {})},
        "annotations": {**(extra.get("annotations") or {}), **(own.get("annotations") or {})},
    }
    return {**template, "metadata": {**own, **filled(merged)}}


def _with_defaults(state: State, template: Template) -> Template:
    defaults = state.spec.get("templateDefaults")
    if not defaults:
        return template
    kind = type_of(template)
    usable = without(defaults, *(other for other in TYPES if other != kind))
    return merge(usable, template)


def node_template(state: State, node: NodeStatus) -> Template | None:
    """The template of a node, as written, found from what the node records; None for a node without one."""
    identity = node["id"]
    if identity not in state.boundaries:
        state.boundaries[identity] = _find(state, node)
    return state.boundaries[identity]


def _find(state: State, node: NodeStatus) -> Template | None:
    context = context_of(state, node.get("templateScope", ""))
    if node.get("templateRef"):
        return resolve(state, context, {"templateRef": node["templateRef"]})[1]
    if node.get("templateName"):
        return resolve(state, context, {"template": node["templateName"]})[1]
    boundary = state.nodes.by_id(node.get("boundaryID", ""))
    parent = node_template(state, boundary) if boundary else None
    name = step_or_task_name(node["name"])
    for holder in holders(parent or {}):
        if holder.get("name") == name and holder.get("inline"):
            return resolve(state, context, holder)[1]
    return None


def holders(template: Template) -> list[WorkflowStep]:
    """The tasks of a DAG, or the steps of all step groups."""
    if template.get("dag"):
        return list(template["dag"].get("tasks") or ())
    return [step for group in template.get("steps") or () for step in step_group(group)]


def step_group(group: object) -> list[WorkflowStep]:
    """A group of parallel steps; a single step may stand for itself."""
    if isinstance(group, dict):
        group = (group.get("steps") or []) if "steps" in group else [group]
    return list(group) if isinstance(group, list) else []
