"""The variables that a template's steps or tasks see: parameters, artifacts and what skipped nodes left out.

Facts: Argo workflow/controller/scope.go, operator.go (buildLocalScope, processAggregateNodeOutputs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from argo.expressions.environment import environment
from argo.expressions.errors import ExpressionError
from argo.expressions.evaluator import evaluate
from argo.expressions.gojson import Number, marshal, parse_json
from argo.local.controller.errors import ReconcileError
from argo.local.controller.nodes import Nodes, hooked, pod_name, retried, template_name
from argo.workflow.values import text
from compiler.manifest_types import Arguments, Artifact, NodeStatus, Outputs, Parameter, Template

ABSENT = "__argo-internal.absent-optional-output__"
_LOOP_INDEX = re.compile(r"(\d+)(?::|$)")


@dataclass(slots=True)
class Scope:
    """`values`: name -> text, artifact (an object), or None for the output of a skipped node without a default."""

    values: dict[str, str | Artifact | None] = field(default_factory=dict)

    def parameters(self, globals_: dict[str, str]) -> dict[str, str | None]:
        """The globals with this scope's texts and absent values over them."""
        own = {key: value for key, value in self.values.items() if value is None or isinstance(value, str)}
        return {**globals_, **own}

    def mark_absent(self, arguments: Arguments) -> Arguments:
        """Arguments that are one reference to an absent output, replaced by a mark which `bind` reads as not given."""
        parameters = arguments.get("parameters") or []
        marked: list[Parameter] = [
            {**parameter, "value": ABSENT} if self._is_absent(parameter.get("value")) else parameter
            for parameter in parameters
        ]
        return {**arguments, "parameters": marked} if parameters else arguments

    def _is_absent(self, value: Any) -> bool:
        if not isinstance(value, str) or not (value.startswith("{{") and value.endswith("}}")):
            return False
        key = value[2:-2].strip()
        return key in self.values and self.values[key] is None

    def resolve(self, reference: str) -> Any:
        """The value of `{{name}}`, `name` or `{{=expression}}`. Raises ReconcileError when there is none."""
        tag = reference.removeprefix("{{").removesuffix("}}").strip()
        if tag.startswith("="):
            result = self.evaluate(tag[1:])
            if result is None:
                raise ReconcileError(f'Unable to resolve: "{tag}"')
            return result
        if tag not in self.values:
            raise ReconcileError(f'Unable to resolve: "{tag}"')
        return self.values[tag]

    def evaluate(self, expression: str) -> Any:
        """An expr-lang expression over this scope. Raises ReconcileError."""
        return evaluate_over(expression, self.values)


def evaluate_over(expression: str, values: Mapping[str, object]) -> Any:
    """An expr-lang expression over dotted names. Raises ReconcileError."""
    try:
        return evaluate(expression, environment(values))
    except ExpressionError as error:
        raise ReconcileError(str(error)) from error


def evaluate_bool(expression: str, values: Mapping[str, object]) -> bool:
    """A condition (Argo: argoexpr.EvalBool). Raises ReconcileError when it is not a boolean."""
    result = evaluate_over(expression, values)
    if not isinstance(result, bool):
        raise ReconcileError(f"unable to evaluate expression '{expression}': not a boolean")
    return result


def input_values(template: Template) -> dict[str, str]:
    """The template's input parameters that have a value, as `inputs.parameters.*`."""
    parameters = (template.get("inputs") or {}).get("parameters") or ()
    given = (parameter for parameter in parameters if parameter.get("value") is not None)
    return {f"inputs.parameters.{parameter['name']}": text(parameter["value"]) for parameter in given}


def template_scope(template: Template) -> Scope:
    """A scope with the template's own inputs."""
    scope = Scope({**input_values(template)})
    for artifact in (template.get("inputs") or {}).get("artifacts") or ():
        scope.values[f"inputs.artifacts.{artifact['name']}"] = artifact
    return scope


def add_entries(scope: Scope, base: str, outputs: Outputs | None) -> None:
    """Add the parameters that have a value and the artifacts, as `<base>.outputs.*`."""
    for parameter in (outputs or {}).get("parameters") or ():
        if parameter.get("value") is not None:
            scope.values[f"{base}.outputs.parameters.{parameter['name']}"] = text(parameter["value"])
    for artifact in (outputs or {}).get("artifacts") or ():
        scope.values[f"{base}.outputs.artifacts.{artifact['name']}"] = artifact


def last_attempt(nodes: Nodes, node: NodeStatus) -> NodeStatus | None:
    """The newest attempt of a Retry node; None for other nodes."""
    if node["type"] != "Retry" or (node.get("memoizationStatus") or {}).get("hit"):
        return None
    attempts = [child for child in nodes.children(node) if not hooked(child)]
    return attempts[-1] if attempts else None


def effective_outputs(nodes: Nodes, node: NodeStatus) -> Outputs | None:
    """The node's outputs, or those of its newest attempt."""
    attempt = last_attempt(nodes, node)
    return (node if attempt is None else attempt).get("outputs")


def add_node(scope: Scope, nodes: Nodes, prefix: str, name: str, node: NodeStatus) -> None:
    """Add what is known of a step's or task's node to the scope: `prefix` is `steps` or `tasks`."""
    node = last_attempt(nodes, node) or node
    base = f"{prefix}.{name}"
    known = {
        "id": node.get("id"),
        "startedAt": node.get("startedAt"),
        "finishedAt": node.get("finishedAt"),
        "ip": node.get("podIP"),
        "status": node.get("phase"),
        "hostNodeName": node.get("hostNodeName"),
    }
    scope.values.update({f"{base}.{variable}": value for variable, value in known.items() if value})
    add_outputs(scope, base, node.get("outputs"))


def add_outputs(scope: Scope, base: str, outputs: Outputs | None) -> None:
    if not outputs:
        return
    if outputs.get("result") is not None:
        scope.values[f"{base}.outputs.result"] = outputs["result"]
    if outputs.get("exitCode") is not None:
        scope.values[f"{base}.exitCode"] = outputs["exitCode"]
    add_entries(scope, base, outputs)


def add_aggregate(scope: Scope, prefix: str, name: str, children: Iterable[NodeStatus]) -> None:
    """The outputs of a loop as JSON lists, in the order of its items. Raises ReconcileError."""
    items = sorted((node for node in children if not hooked(node) and not retried(node)), key=loop_index)
    if not items:
        return
    made = [node.get("outputs") or Outputs() for node in items if node["phase"] == "Succeeded"]
    results = [_item(outputs["result"]) for outputs in made if outputs.get("result") is not None]
    rows = [_row(outputs) for outputs in made]
    columns: dict[str, list[str]] = {}
    for key, value in chain.from_iterable(row.items() for row in rows):
        columns.setdefault(key, []).append(value)
    base = f"{prefix}.{name}.outputs"
    scope.values |= {f"{base}.result": marshal(results), f"{base}.parameters": marshal([row for row in rows if row])}
    scope.values |= {f"{base}.parameters.{key}": _column(values) for key, values in columns.items()}


def _row(outputs: Outputs) -> dict[str, str]:
    return {entry["name"]: text(entry["value"]) for entry in outputs.get("parameters") or () if "value" in entry}


def loop_index(node: NodeStatus) -> int:
    """The item's number in a node's name `…(3:foo)`."""
    match = _LOOP_INDEX.match(node["name"].rsplit("(", 1)[-1])
    return int(match[1]) if match else 0


def _item(result: str) -> Any:
    try:
        return parse_json(result, Number)
    except ExpressionError:
        # Argo keeps a result that is no JSON as it stands (Item of type String).
        return result


def _column(values: list[str]) -> str:
    try:
        parsed = [parse_json(value) for value in values]
    except ExpressionError:
        return marshal(values)
    return marshal(parsed if all(isinstance(entry, dict | list) for entry in parsed) else values)


def failures_json(nodes: Nodes) -> str:
    """`workflow.failures`: the failed nodes as a quoted JSON list (Argo: failedNodeStatus)."""
    rows = [
        {
            "displayName": node["displayName"],
            "message": node.get("message", ""),
            "templateName": template_name(node),
            "phase": node["phase"],
            "podName": pod_name(nodes.workflow_name, node["name"], template_name(node)),
            "finishedAt": node.get("finishedAt"),
        }
        for node in nodes.table.values()
        if node["phase"] in ("Failed", "Error")
    ]
    return json.dumps(marshal(rows, sort=False) if rows else "null", ensure_ascii=False)
