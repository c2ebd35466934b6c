"""Translates between resource templates that create child Workflows and the children: the request, the outcome.

Facts: Argo workflow/controller/operator.go (executeResource), workflow/executor/resource.go (matchConditions,
SaveResourceParameters).
"""

from __future__ import annotations

import json
import re
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.jsonpath import query
from argo.local.controller.errors import ReconcileError
from argo.local.pods import PodOutcome
from argo.workflow.values import text
from compiler.manifest_types import Object, Parameter, Template, Workflow

_EQUAL = re.compile(r"\s*(?P<path>[\w.-]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[\w.-]+)\s*")
_AMONG = re.compile(r"\s*(?P<path>[\w.-]+)\s+(?P<operator>in|notin)\s+\((?P<value>[\w., -]+)\)\s*")


def is_child(manifest: Object) -> bool:
    """True where a manifest is a Workflow that runs a WorkflowTemplate."""
    return manifest.get("kind") == "Workflow" and bool((manifest.get("spec") or {}).get("workflowTemplateRef"))


def requested(template: Template, manifest: Object) -> Template:
    """Return the template with the child's manifest as JSON in its `resource`, as it is recorded and handed on."""
    return {**template, "resource": {**template["resource"], "manifest": json.dumps(manifest, ensure_ascii=False)}}


def asks_for_child(template: Template) -> bool:
    """True where a template asks for a child Workflow, not for a pod."""
    return template.get("resource") is not None


def manifest_of(template: Template) -> Workflow:
    """Read the child Workflow that a template asks for from its `resource.manifest`."""
    manifest: Workflow = json.loads(template["resource"]["manifest"])
    return manifest


def outcome(template: Template, workflow: Workflow) -> PodOutcome:
    """Turn the end of a child Workflow into the outcome of the node that created it."""
    resource, status = template["resource"], workflow["status"]
    name, phase = workflow["metadata"]["name"], status["phase"]
    told = f"Workflow {name} {phase}" + (f": {status['message']}" if status.get("message") else "")
    if matches(resource.get("failureCondition") or "", workflow):
        return PodOutcome("Failed", told, exit_code=1)
    if not matches(resource.get("successCondition") or "", workflow):
        return PodOutcome("Error", f"{told}, which no condition tells of")
    declared = (template.get("outputs") or {}).get("parameters") or ()
    parameters: list[Parameter] = [
        {"name": entry["name"], "value": value_at(entry["valueFrom"]["jsonPath"], workflow)}
        for entry in declared
        if (entry.get("valueFrom") or {}).get("jsonPath")
    ]
    return PodOutcome("Succeeded", exit_code=0, outputs={"parameters": parameters} if parameters else {})


def matches(condition: str, workflow: Workflow) -> bool:
    """True where a condition (`a.b == x`, `a.b in (x, y)`) holds of an object. Raises ReconcileError for any other."""
    match = _EQUAL.fullmatch(condition) or _AMONG.fullmatch(condition)
    if match is None:
        raise ReconcileError(f"condition '{condition}' failed to parse")
    value: Any = workflow
    for part in match["path"].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    wanted = {part.strip() for part in match["value"].split(",")}
    return (value is not None and text(value) in wanted) is (match["operator"] in ("==", "=", "in"))


def value_at(path: str, workflow: Workflow) -> str:
    """Evaluate a JSONPath as kubectl does: the values found, with blanks between; empty where there are none."""
    inner = path.strip().removeprefix("{").removesuffix("}")
    try:
        found = query(f"${inner}", workflow)
    except ExpressionError:
        return ""
    return " ".join(map(text, found)) if isinstance(found, list) else text(found)
