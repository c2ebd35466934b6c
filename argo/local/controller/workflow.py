"""Setting a workflow up: the specification that is executed, and the variables `workflow.*`.

Facts: Argo workflow/controller/operator.go (setExecWorkflow, setGlobalParameters), workflow/util/merge.go.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from datetime import datetime

from argo.backend import SCHEDULED
from argo.expressions.gojson import marshal
from argo.local.controller.arguments import config_map_value
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import only, replace, without
from argo.local.controller.patch import merge
from argo.local.controller.scope import evaluate_over
from argo.local.controller.state import State
from argo.local.controller.templates import stored_spec
from argo.workflow.values import format_time, named, parameters_json, parse_time, text
from compiler.manifest_types import Parameter, WorkflowSpec

_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_LENGTH = 63
_DIRECTIVES = "aAbBcdeHIjmMpUwWxXyYZS"


class MetadataError(ReconcileError):
    """The workflow's own labels are none that Kubernetes takes."""


def set_up(state: State) -> None:
    """Fill `spec` and `globals`; deterministic, so that a reload gives the same. Raises ReconcileError."""
    metadata = state.workflow["metadata"]
    metadata["creationTimestamp"] = metadata.get("creationTimestamp") or format_time(state.now)
    spec = _specification(state)
    _default_arguments(spec)
    state.globals = _variables(state, spec)
    state.spec = _replaced(spec, state.globals)
    state.contexts.clear()
    _workflow_metadata(state)


def _specification(state: State) -> WorkflowSpec:
    own: WorkflowSpec = state.workflow["spec"]
    reference = own.get("workflowTemplateRef")
    if not reference:
        return own
    stored = state.status.get("storedWorkflowTemplateSpec")
    if stored is None:
        base = copy.deepcopy(stored_spec(state, reference["name"], bool(reference.get("clusterScope"))))
        stored = state.status["storedWorkflowTemplateSpec"] = _joined(base, own)
    return stored


def _joined(base: WorkflowSpec, own: WorkflowSpec) -> WorkflowSpec:
    """The template's spec under the workflow's; an argument of the workflow replaces the template's whole."""
    joined: WorkflowSpec = merge(base, own)
    arguments = joined.get("arguments") or {}
    given = own.get("arguments") or {}
    if "parameters" in given and arguments.get("parameters"):
        arguments["parameters"] = [named(given["parameters"], one["name"]) or one for one in arguments["parameters"]]
    if "artifacts" in given and arguments.get("artifacts"):
        arguments["artifacts"] = [named(given["artifacts"], one["name"]) or one for one in arguments["artifacts"]]
    if "hooks" in own and "hooks" in base:
        joined["hooks"] = {**base["hooks"], **own["hooks"]}
    return joined


def _default_arguments(spec: WorkflowSpec) -> None:
    for parameter in (spec.get("arguments") or {}).get("parameters") or ():
        if parameter.get("value") is None and parameter.get("default") is not None and "valueFrom" not in parameter:
            parameter["value"] = text(parameter["default"])


def _variables(state: State, spec: WorkflowSpec) -> dict[str, str]:
    metadata = state.workflow["metadata"]
    annotations = metadata.get("annotations") or {}
    labels = metadata.get("labels") or {}
    found = {
        "workflow.name": state.name,
        "workflow.namespace": state.namespace,
        "workflow.uid": state.uid,
        "workflow.mainEntrypoint": str(spec.get("entrypoint") or ""),
        "workflow.serviceAccountName": str(spec.get("serviceAccountName") or ""),
        "workflow.annotations": marshal(annotations),
        "workflow.annotations.json": marshal(annotations),
        "workflow.labels": marshal(labels),
        "workflow.labels.json": marshal(labels),
    }
    found.update(_creation(parse_time(metadata["creationTimestamp"] or "")))
    if SCHEDULED in annotations:
        found["workflow.scheduledTime"] = annotations[SCHEDULED]
    if spec.get("priority") is not None:
        found["workflow.priority"] = text(spec["priority"])
    parameters = (spec.get("arguments") or {}).get("parameters") or []
    found["workflow.parameters"] = found["workflow.parameters.json"] = parameters_json(parameters)
    found |= {f"workflow.parameters.{parameter['name']}": _argument(state, parameter) for parameter in parameters}
    exported = (state.status.get("outputs") or {}).get("parameters") or ()
    found |= {f"workflow.outputs.parameters.{parameter['name']}": text(parameter["value"]) for parameter in exported}
    extra = spec.get("workflowMetadata") or {}
    annotations = {**annotations, **(extra.get("annotations") or {})}
    labels = {**labels, **(extra.get("labels") or {})}
    found |= {f"workflow.annotations.{key}": text(value) for key, value in annotations.items()}
    return found | {f"workflow.labels.{key}": text(value) for key, value in labels.items()}


def _argument(state: State, parameter: Parameter) -> str:
    if parameter.get("value") is not None:
        return text(parameter["value"])
    source = parameter.get("valueFrom") or {}
    reference = source.get("configMapKeyRef")
    if reference is None:
        raise ReconcileError(
            f"either value or valueFrom must be specified in order to set global parameter {parameter['name']}"
        )
    value = config_map_value(state, reference["name"], reference["key"])
    if value is None and source.get("default") is None:
        raise ReconcileError(
            f"failed to set global parameter {parameter['name']} from configmap with name {reference['name']} "
            f"and key {reference['key']}"
        )
    return text(source["default"]) if value is None else value


def _creation(moment: datetime) -> dict[str, str]:
    stamp = format_time(moment)
    base = "workflow.creationTimestamp"
    found = {base: stamp, f"{base}.RFC3339": stamp, f"{base}.s": str(int(moment.timestamp()))}
    for directive in _DIRECTIVES:
        found[f"{base}.{directive}"] = moment.strftime(f"%{directive}")
    return found


def _workflow_metadata(state: State) -> None:
    """Labels and annotations that the specification adds to the workflow (Argo: updateWorkflowMetadata)."""
    extra = state.spec.get("workflowMetadata")
    if not extra:
        return
    metadata = state.workflow["metadata"]
    labels = metadata.setdefault("labels", {})
    for key, value in (extra.get("labels") or {}).items():
        labels[key] = _label(key, value)
    metadata.setdefault("annotations", {}).update(extra.get("annotations") or {})
    for key, source in (extra.get("labelsFrom") or {}).items():
        value = evaluate_over(source["expression"], state.globals)
        if not isinstance(value, str):
            raise ReconcileError(f'failed to evaluate label "{key}": the expression must give a string')
        labels[key] = _label(key, value, f" and expression {marshal(source['expression'])}")
        state.globals[f"workflow.labels.{key}"] = value
    state.spec = _replaced(state.spec, state.globals)


def _replaced(spec: WorkflowSpec, values: Mapping[str, object]) -> WorkflowSpec:
    """The specification with its tags replaced; those of templates are replaced when these are executed."""
    return {**replace(without(spec, "templates"), values), **only(spec, "templates")}


def _label(key: str, value: str, source: str = "") -> str:
    """The label's value. Raises ReconcileError when Kubernetes takes no such."""
    if len(value) > _LABEL_LENGTH or not _LABEL.fullmatch(value):
        raise MetadataError(
            f"invalid label value {marshal(value)} for label {marshal(key)}{source}: a valid label must be an empty "
            "string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character"
        )
    return value


def set_runtime(state: State, phase: str) -> None:
    """`workflow.status` and `workflow.duration` as of now."""
    started, ended = state.status.get("startedAt"), state.status.get("finishedAt")
    seconds = 0.0
    if started:
        seconds = ((parse_time(ended) if ended else state.now) - parse_time(started)).total_seconds()
    state.globals["workflow.status"] = phase
    state.globals["workflow.duration"] = f"{seconds:f}"
