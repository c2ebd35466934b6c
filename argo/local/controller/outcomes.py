"""Writes what the executor reports of a pod into the pod's node.

Facts: Argo workflow/controller/operator.go (assessNodeStatus), taskresult.go.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping

import argo.local.controller.memoize as memoize
from argo.local.controller.arguments import substitute_template
from argo.local.controller.errors import ReconcileError
from argo.local.controller.execute import local_variables
from argo.local.controller.fields import replace
from argo.local.controller.leaves import wants_result
from argo.local.controller.nodes import fulfilled, retried, step_or_task_name
from argo.local.controller.outputs import add_to_workflow, reported
from argo.local.controller.state import State
from argo.local.controller.templates import node_template
from argo.local.pods import PodOutcome
from argo.workflow.kinds import type_of
from argo.workflow.values import format_time
from compiler.manifest_types import NodeStatus, Outputs, Template, WorkflowStep


def apply(state: State, outcomes: Mapping[str, PodOutcome]) -> None:
    """Take every outcome into its node; a pod that runs on though its node has ended is killed."""
    for identity, outcome in outcomes.items():
        node = state.nodes.by_id(identity)
        if node is None:
            continue
        if not fulfilled(node):
            _assess(state, node, outcome)
        elif outcome.phase in ("Pending", "Running"):
            state.decisions.kill.append(identity)


def _assess(state: State, node: NodeStatus, outcome: PodOutcome) -> None:
    _containers(state, node, outcome)
    if outcome.phase != "Pending":
        node.setdefault("hostNodeName", platform.node())
    if outcome.progress and outcome.progress != node.get("progress"):
        state.nodes.set_progress(node, outcome.progress)
    if outcome.phase in ("Pending", "Running"):
        state.mark(node, outcome.phase, outcome.message)
        return
    try:
        template = node_template(state, node) or {}
        outputs = _outputs(state, node, template, outcome)
    except ReconcileError as error:
        state.mark(node, "Error", str(error))
        return
    if outputs:
        node["outputs"] = outputs
        state.nodes.changed.add(node["id"])
        add_to_workflow(state, outputs)
    if outcome.finished_at is not None:
        # What a pod says that was started before this machine's clock was set back lies ahead of it.
        node["finishedAt"] = format_time(min(outcome.finished_at, state.now))
    state.mark(node, outcome.phase, outcome.message)
    memoize.save(state, node)


def _outputs(state: State, node: NodeStatus, template: Template, outcome: PodOutcome) -> Outputs:
    given: Outputs = {**outcome.outputs}
    if not wants_result(state, node):
        given.pop("result", None)
    declared: Outputs = _declared(state, node, template) if template.get("outputs") else {}
    outputs = reported(declared, given)
    containers = (template.get("containerSet") or {}).get("containers")
    has_main = containers is None or any(entry.get("name") == "main" for entry in containers)
    if outcome.exit_code is not None and has_main:
        outputs["exitCode"] = str(outcome.exit_code)
    return outputs


def _declared(state: State, node: NodeStatus, template: Template) -> Outputs:
    """The template's outputs with the tags replaced, from what the node itself records."""
    holder: WorkflowStep = {"name": step_or_task_name(node["name"])}
    values = {**state.globals, **local_variables(state, holder, template, node["name"], with_pod=True)}
    if retried(node):
        values["retries"] = node["name"].rsplit("(", 1)[-1].rstrip(")")
    small: Template = {
        "inputs": node.get("inputs") or {},
        "outputs": template["outputs"],
        "name": template.get("name", ""),
    }
    return replace(substitute_template(small, values)["outputs"], values)


def _containers(state: State, node: NodeStatus, outcome: PodOutcome) -> None:
    for child in _container_nodes(state, node):
        name = child["name"].removeprefix(node["name"] + ".")
        known = outcome.containers.get(name)
        if fulfilled(child):
            continue
        if known is not None:
            state.mark(child, known["phase"], known.get("message") or "")
        elif outcome.phase in ("Failed", "Error"):
            state.mark(child, "Failed", "Pod Failed whilst container running")
        elif outcome.phase == "Succeeded":
            state.mark(child, "Succeeded")


def _container_nodes(state: State, node: NodeStatus) -> list[NodeStatus]:
    template = node_template(state, node) or {}
    if type_of(template) != "containerSet":
        return []
    names = [entry["name"] for entry in template["containerSet"].get("containers") or ()]
    found = (state.nodes.get(f"{node['name']}.{name}") for name in names)
    return [child for child in found if child is not None]
