"""Outputs: of a steps or DAG template from its scope, of a pod from what was reported, of the whole workflow.

Facts: Argo workflow/controller/operator.go (getTemplateOutputsFromScope, addParamToGlobalScope), taskresult.go.
"""

from __future__ import annotations

from typing import Any

import argo.local.controller.artifacts as artifacts
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import without
from argo.local.controller.scope import Scope
from argo.local.controller.state import State
from argo.workflow.nodes import export_parameter
from argo.workflow.values import named, put_named, text
from compiler.manifest_types import Artifact, Outputs, Parameter, Template, ValueFrom


def from_scope(template: Template, scope: Scope) -> Outputs | None:
    """The outputs of a steps or DAG template; None when it declares none. Raises ReconcileError."""
    declared = template.get("outputs") or {}
    if not (declared.get("parameters") or declared.get("artifacts") or declared.get("result")):
        return None
    outputs: Outputs = {}
    if declared.get("parameters"):
        outputs["parameters"] = [_parameter(entry, scope) for entry in declared["parameters"]]
    if declared.get("artifacts"):
        found = [_artifact(entry, scope) for entry in declared["artifacts"]]
        outputs["artifacts"] = [entry for entry in found if entry is not None]
    return outputs


def _parameter(declared: Parameter, scope: Scope) -> Parameter:
    source = declared.get("valueFrom")
    if source is None:
        raise ReconcileError("output parameters must have a valueFrom specified")
    default = source.get("default")
    try:
        value = _source_value(source, scope)
    except ReconcileError:
        if default is None:
            raise
        value = default
    if value is None:
        value = default
    if value is None:
        raise ReconcileError(
            f'output parameter "{declared["name"]}": "{source.get("parameter", "")}" is an absent optional '
            "(skipped/omitted node output with no default)"
        )
    return {**without(declared, "valueFrom"), "value": text(value)}


def _source_value(source: ValueFrom, scope: Scope) -> Any:
    if source.get("expression"):
        value = scope.evaluate(source["expression"])
        if value is None:
            raise ReconcileError(f'failed to evaluate expression "{source["expression"]}"')
        return value
    if source.get("parameter"):
        return scope.resolve(source["parameter"])
    return ""


def _artifact(declared: Artifact, scope: Scope) -> Artifact | None:
    if not declared.get("from") and not declared.get("fromExpression"):
        return None
    try:
        found = artifacts.resolve(scope, declared)
    except ReconcileError as error:
        if declared.get("optional") and "Unable to resolve" in str(error):
            return None
        raise ReconcileError(f"unable to resolve outputs from scope: {error}") from error
    if declared.get("globalName"):
        found = {**found, "globalName": declared["globalName"]}
    return found


def reported(declared: Outputs, given: Outputs) -> Outputs:
    """A pod's outputs: what the template declares, with the values and places that the executor reports."""
    outputs: Outputs = {}
    parameters = [_reported_parameter(entry, given) for entry in declared.get("parameters") or ()]
    if found := [entry for entry in parameters if entry is not None]:
        outputs["parameters"] = found
    rows: list[Artifact] = []
    for entry in given.get("artifacts") or ():
        base: Artifact = named(declared.get("artifacts"), entry["name"]) or {}
        rows.append({**base, **entry})
    if rows:
        outputs["artifacts"] = rows
    if given.get("result") is not None:
        outputs["result"] = given["result"]
    return outputs


def _reported_parameter(declared: Parameter, given: Outputs) -> Parameter | None:
    found = named(given.get("parameters"), declared["name"])
    value = found.get("value") if found is not None else (declared.get("valueFrom") or {}).get("default")
    return None if value is None else {**declared, "value": text(value)}


def add_to_workflow(state: State, outputs: Outputs | None) -> None:
    """Export what carries a globalName to `status.outputs` and the variables `workflow.outputs.*`."""
    for parameter in (outputs or {}).get("parameters") or ():
        if parameter.get("globalName") and parameter.get("value") is not None:
            export_parameter(state.status, parameter)
            state.globals[f"workflow.outputs.parameters.{parameter['globalName']}"] = text(parameter["value"])
    for artifact in (outputs or {}).get("artifacts") or ():
        if artifact.get("globalName"):
            made: Artifact = {**without(artifact, "globalName", "path"), "name": artifact["globalName"]}
            put_named(state.status.setdefault("outputs", {}).setdefault("artifacts", []), made)
