"""Binding arguments to a template's inputs, and replacing the tags of the template.

Facts: Argo workflow/common/util.go (ProcessArgs, SubstituteParams).
"""

from __future__ import annotations

from collections.abc import Mapping

from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import only, replace, without
from argo.local.controller.scope import ABSENT, input_values
from argo.local.controller.state import State
from argo.workflow.kinds import has_location
from argo.workflow.values import named, parameters_json, text
from compiler.manifest_types import Arguments, Artifact, ConfigMapKeySelector, Inputs, Parameter, Template

_PLACE = ("path", "mode", "recurseMode")


def bind(state: State, template: Template, arguments: Arguments, local: dict[str, str]) -> Template:
    """The template with its inputs given and its tags replaced. Raises ReconcileError."""
    inputs = template.get("inputs") or {}
    bound: Inputs = {}
    if inputs.get("parameters"):
        given = {entry["name"]: entry for entry in arguments.get("parameters") or ()}
        bound["parameters"] = [_parameter(state, entry, given.get(entry["name"])) for entry in inputs["parameters"]]
    if inputs.get("artifacts"):
        bound["artifacts"] = [_artifact(entry, arguments) for entry in inputs["artifacts"]]
    return substitute_template({**template, "inputs": bound}, {**state.globals, **local})


def _parameter(state: State, declared: Parameter, given: Parameter | None) -> Parameter:
    result: Parameter = {**declared}
    if result.get("value") is None and result.get("default") is not None:
        result["value"] = result["default"]
    if given is not None and given.get("value") == ABSENT:
        if result.get("value") is None and result.get("valueFrom") is None:
            raise ReconcileError(
                f"inputs.parameters.{declared['name']}: argument references an absent optional "
                "(skipped/omitted node output with no default)"
            )
    elif given is not None:
        if given.get("value") is not None:
            result["value"] = given["value"]
            result.pop("valueFrom", None)
        elif given.get("valueFrom") is not None:
            result["valueFrom"] = given["valueFrom"]
    reference = (result.get("valueFrom") or {}).get("configMapKeyRef")
    if reference is not None:
        result["value"] = _from_config_map(state, result, reference)
    if result.get("value") is None:
        raise ReconcileError(f"inputs.parameters.{declared['name']} was not supplied")
    result["value"] = text(result["value"])
    return result


def _from_config_map(state: State, parameter: Parameter, reference: ConfigMapKeySelector) -> str:
    reference = replace(reference, state.globals)
    value = config_map_value(state, reference["name"], reference["key"])
    given = parameter["valueFrom"].get("default") if value is None else value
    if given is None:
        raise ReconcileError(
            f"unable to retrieve inputs.parameters.{parameter['name']} from ConfigMap: "
            f"ConfigMap '{reference['name']}' with key '{reference['key']}' not found"
        )
    return text(given)


def config_map_value(state: State, name: str, key: str) -> str | None:
    found = state.objects.config_map(name)
    return None if found is None else (found.get("data") or {}).get(key)


def _artifact(declared: Artifact, arguments: Arguments) -> Artifact:
    given = named(arguments.get("artifacts"), declared["name"])
    if not declared.get("optional") and not has_location(declared):
        if given is None:
            raise ReconcileError(f"inputs.artifacts.{declared['name']} was not supplied")
        if not has_location(given) and not (given.get("from") and given.get("fromExpression")):
            raise ReconcileError(f"inputs.artifacts.{declared['name']} missing location information")
    if given is None:
        return declared
    # An argument replaces the declaration, `archive` included; only the place in the container is the template's.
    return {**without(given, *_PLACE), **only(declared, *_PLACE)}


def substitute_template(template: Template, known: Mapping[str, object]) -> Template:
    """Replace global and local tags, then those that speak of the template's own inputs and outputs."""
    first = replace(template, known)
    inputs, outputs = first.get("inputs") or {}, first.get("outputs") or {}
    paths = {
        **{f"inputs.artifacts.{entry['name']}": entry.get("path") for entry in inputs.get("artifacts") or ()},
        **{f"outputs.artifacts.{entry['name']}": entry.get("path") for entry in outputs.get("artifacts") or ()},
    }
    for parameter in outputs.get("parameters") or ():
        paths[f"outputs.parameters.{parameter['name']}"] = (parameter.get("valueFrom") or {}).get("path")
    own = {**input_values(first), "inputs.parameters": parameters_json(inputs.get("parameters") or [])}
    return replace(first, {**known, **own, **{f"{name}.path": path for name, path in paths.items() if path}})
