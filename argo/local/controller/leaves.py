"""Templates without steps of their own: pods, suspend, and the one form of resource.

Facts: Argo workflow/controller/operator.go (executeContainer, executeScript, executeSuspend, executeResource),
container_set_template.go.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import cast

import argo.local.controller.children as children
import argo.local.controller.podrequest as podrequest
from argo.errors import ConflictError
from argo.expressions.gojson import marshal
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import duration, filled
from argo.local.controller.nodes import NewNode, fnv32a, fulfilled, started_at, step_or_task_name
from argo.local.controller.state import Execution, State
from argo.local.controller.templates import node_template
from argo.workflow.nodes import export_parameter, give_defaults
from argo.workflow.values import text
from compiler.manifest_types import (
    NodeStatus,
    Object,
    ObjectMeta,
    OwnerReference,
    Parameter,
    ResourceTemplate,
    Template,
    ValueFrom,
)

_GENERATED = 58  # characters of a generateName that are kept (Kubernetes: names.SimpleNameGenerator)
_RESULT = re.compile(r"(?:tasks|steps)(?:\.([A-Za-z0-9_-]+)|\[\W*?([A-Za-z0-9_-]+)\W*?\])\.outputs\.result")


def new_node(execution: Execution, kind: str, phase: str) -> NewNode:
    """A node for an execution (Argo: initializeExecutableNode)."""
    name, holder, options = execution.node_name, execution.holder, execution.options
    inputs, scope = filled(execution.template.get("inputs") or {}), execution.context.scope
    return NewNode(name, kind, phase, holder, options.boundary, scope, flag=options.flag, inputs=inputs)


def wants_result(state: State, node: NodeStatus) -> bool:
    """True where the template around the node reads the node's `outputs.result` (Argo: includeScriptOutput)."""
    boundary = node.get("boundaryID", "")
    if not boundary:
        return False
    names = state.referenced.get(boundary)
    if names is None:
        around = state.nodes.by_id(boundary)
        template = node_template(state, around) if around else None
        found = _RESULT.findall(marshal(template)) if template else []
        names = state.referenced[boundary] = frozenset(first or second for first, second in found)
    return step_or_task_name(node["name"]) in names


def execute_pod(state: State, execution: Execution) -> NodeStatus:
    """Create the node and ask for its pod; a node that exists has its pod already."""
    options, node = execution.options, state.nodes.get(execution.node_name)
    if node is not None:
        return node
    node = state.create(new_node(execution, "Pod", "Pending"))
    if execution.template.get("containerSet"):
        _container_nodes(state, execution, node)
    if not state.may_run(options.on_exit):
        return state.mark(node, "Failed", f"workflow shutdown with strategy: {state.shutdown}")
    request = podrequest.build(state, node, execution.template, options, wants_result(state, node))
    if request is not None:
        state.decisions.launch.append(request)
    return node


def _container_nodes(state: State, execution: Execution, node: NodeStatus) -> None:
    containers = execution.template["containerSet"].get("containers") or []
    new = replace(new_node(execution, "Container", "Pending"), boundary=node["id"], inputs=None)
    names = {container["name"]: f"{node['name']}.{container['name']}" for container in containers}
    created = {key: state.create(replace(new, name=name)) for key, name in names.items()}
    for container in containers:
        child = created[container["name"]]["id"]
        parents = [created[other] for other in container.get("dependencies") or () if other in created]
        for parent in parents or [node]:
            state.nodes.add_child(parent, child)


def execute_suspend(state: State, execution: Execution) -> NodeStatus:
    """Wait for a resume, or for the duration to pass."""
    node = state.nodes.get(execution.node_name)
    if node is None:
        node = state.create(new_node(execution, "Suspend", "Pending"))
        _supplied_outputs(node, execution.template)
        _enum_inputs(node)
    if not state.may_run(execution.options.on_exit):
        return state.mark(node, "Failed", f"Stopped with strategy '{state.shutdown}'")
    lasts = (execution.template.get("suspend") or {}).get("duration")
    if lasts:
        ends = started_at(node) + duration(lasts)
        if state.now >= ends:
            try:
                give_defaults(node)
            except ConflictError as error:
                raise ReconcileError(error.message) from error
            for parameter in (node.get("outputs") or {}).get("parameters") or ():
                export_parameter(state.status, parameter)
            return state.mark(node, "Succeeded")
        state.wake(node["id"], ends)
    return state.mark(node, "Running")


def _supplied_outputs(node: NodeStatus, template: Template) -> None:
    inputs = {entry["name"]: entry for entry in (template.get("inputs") or {}).get("parameters") or ()}
    rows: list[Parameter] = []
    for declared in (template.get("outputs") or {}).get("parameters") or ():
        source = declared.get("valueFrom") or {}
        if "supplied" not in source:
            continue
        supplied: ValueFrom = {**source}
        default = source.get("default", inputs.get(declared["name"], {}).get("default"))
        if default is not None:
            supplied["default"] = default
        rows.append({**declared, "valueFrom": supplied})
    if rows:
        node["outputs"] = {"parameters": rows}


def _enum_inputs(node: NodeStatus) -> None:
    """An input whose value is a parameter with an enum takes that enum (Argo: resolveInputFieldsForSuspendNode)."""
    for parameter in (node.get("inputs") or {}).get("parameters") or ():
        try:
            described = json.loads(text(parameter.get("value") or ""))
        except ValueError:
            continue
        enum = described.get("enum") if isinstance(described, dict) else None
        if enum:
            parameter["enum"] = enum
            parameter.setdefault("default", enum[0])


def execute_resource(state: State, execution: Execution) -> NodeStatus:
    """Create a ConfigMap that the workflow owns, at once and without a pod; or ask for a child Workflow, which takes
    the place of a pod. Raises ReconcileError."""
    options, node = execution.options, state.nodes.get(execution.node_name)
    fresh = node is None
    if node is None:
        node = state.create(new_node(execution, "Pod", "Pending"))
    if fulfilled(node) or not (fresh or node["phase"] == "Pending"):
        return node
    if not state.may_run(options.on_exit):
        return state.mark(node, "Failed", f"workflow shutdown with strategy: {state.shutdown}")
    owned = _owned(state, node, execution.template["resource"])
    if children.is_child(owned):
        if fresh:
            template = children.requested(execution.template, owned)
            request = podrequest.build(state, node, template, options, wants_result=False)
            state.decisions.launch += [request] if request is not None else []
        return node
    state.objects.create_config_map(owned)
    node["outputs"] = {"exitCode": "0"}
    return state.mark(node, "Succeeded")


def _owned(state: State, node: NodeStatus, resource: ResourceTemplate) -> Object:
    import yaml

    try:
        loaded = yaml.safe_load(resource.get("manifest") or "")
    except yaml.YAMLError as error:
        raise ReconcileError(f"resource manifest is not YAML: {error}") from error
    manifest = cast("Object", loaded if isinstance(loaded, dict) else {})
    created = manifest.get("kind") == "ConfigMap" or children.is_child(manifest)
    if resource.get("action") != "create" or not created:
        raise ReconcileError("only a resource template that creates a ConfigMap or a Workflow can be executed here")
    metadata: ObjectMeta = manifest.get("metadata") or {}
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise ReconcileError("resource name may not be empty")
        # The API server makes five characters up, and cuts what is before them; these are the same after a restart.
        made = metadata["generateName"][:_GENERATED] + f"{fnv32a(node['name']):08x}"[-5:]
        metadata = {**metadata, "name": made}
    if resource.get("setOwnerReference"):
        owner: OwnerReference = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "name": state.name,
            "uid": state.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {**metadata, "ownerReferences": [*(metadata.get("ownerReferences") or ()), owner]}
    return {**manifest, "metadata": metadata}
