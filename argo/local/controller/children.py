"""Resource templates that create a child Workflow and follow it to its end: what is asked for, and what came of it.

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
    """Whether a manifest is a Workflow that runs a template."""
    return manifest.get("kind") == "Workflow" and bool((manifest.get("spec") or {}).get("workflowTemplateRef"))


def requested(template: Template, manifest: Object) -> Template:
    """The template that is recorded and handed on: its manifest as JSON, as it is created."""
    return {**template, "resource": {**template["resource"], "manifest": json.dumps(manifest, ensure_ascii=False)}}


def asks_for_child(template: Template) -> bool:
    """Whether a request is for a child Workflow rather than for a pod."""
    return template.get("resource") is not None


def manifest_of(template: Template) -> Workflow:
    """The Workflow that a request asks for."""
    manifest: Workflow = json.loads(template["resource"]["manifest"])
    return manifest


def outcome(template: Template, workflow: Workflow) -> PodOutcome:
    """What the end of a child means for the node that created it."""
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
    """Whether a condition holds of an object: `a.b == x`, `a.b in (x, y)`. Raises ReconcileError for any other."""
    match = _EQUAL.fullmatch(condition) or _AMONG.fullmatch(condition)
    if match is None:
        raise ReconcileError(f"condition '{condition}' failed to parse")
    value: Any = workflow
    for part in match["path"].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    wanted = {part.strip() for part in match["value"].split(",")}
    return (value is not None and text(value) in wanted) is (match["operator"] in ("==", "=", "in"))


def value_at(path: str, workflow: Workflow) -> str:
    """What a JSONPath of kubectl's gives: what it finds, blanks between; nothing where there is nothing."""
    inner = path.strip().removeprefix("{").removesuffix("}")
    try:
        found = query(f"${inner}", workflow)
    except ExpressionError:
        return ""
    return " ".join(map(text, found)) if isinstance(found, list) else text(found)
