"""withItems, withParam and withSequence: one task or step becomes several.

Facts: Argo workflow/controller/operator.go (processItem), dag.go (expandTask), steps.go (expandStep).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argo.expressions.errors import ExpressionError, TemplateError, WhenError
from argo.expressions.gojson import Number, marshal, parse_json
from argo.expressions.sequence import resolve_sequence
from argo.expressions.when import evaluate_when
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import replace, without
from argo.workflow.values import text
from compiler.manifest_types import WorkflowStep

_UNESCAPED = {"\\u003c": "<", "\\u003e": ">", "\\u0026": "&"}
LOOP_FIELDS = ("withItems", "withParam", "withSequence")


def expands(holder: WorkflowStep) -> bool:
    """True where the task or step is a loop (Argo: ShouldExpand)."""
    return bool(holder.get("withItems") or holder.get("withParam") or holder.get("withSequence") is not None)


def should_execute(when: Any) -> bool:
    """A condition whose tags are replaced. Raises ReconcileError with Argo's words."""
    try:
        return evaluate_when(text(when) if when is not None else "")
    except WhenError as error:
        raise ReconcileError(str(error)) from error


def expand(holder: WorkflowStep, values: Mapping[str, str | None]) -> list[WorkflowStep]:
    """The items of a loop as tasks or steps of their own; `[holder]` when it is none. Raises ReconcileError."""
    if not expands(holder):
        return [holder]
    items = _items(holder)
    body = without(holder, *LOOP_FIELDS, "hooks", "inline")
    runs = _may_run(holder.get("when"))
    if not runs:
        values = {key: value for key, value in values.items() if value is not None}
    expanded = []
    for index, item in enumerate(items):
        described, names = _describe(item)
        entry = replace(body, {**values, **names}, allow_unresolved=not runs)
        entry = {**entry, "name": f"{holder['name']}({index}:{described})"}
        if "template" in holder:
            entry["template"] = holder["template"]
        if "hooks" in holder:
            entry["hooks"] = holder["hooks"]
        if holder.get("inline"):
            # An inline template has tags of its own, which are replaced when it is executed.
            entry["inline"] = replace(holder["inline"], names)
        expanded.append(entry)
    return expanded


def _items(holder: WorkflowStep) -> list[Any]:
    if holder.get("withItems"):
        return [_sorted(item) for item in holder["withItems"]]
    try:
        if holder.get("withParam"):
            return _parse(holder["withParam"])
        return list(resolve_sequence(holder["withSequence"]))
    except (ReconcileError, TemplateError) as error:
        if _may_run(holder.get("when")):
            raise ReconcileError(str(error)) from error
        return []


def _sorted(value: Any) -> Any:
    """Maps of a manifest in the order of their keys, as its decoder leaves them; those of a withParam keep theirs."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _parse(value: Any) -> list[Any]:
    given = value if isinstance(value, str) else marshal(value)
    try:
        items = parse_json(given, Number)
    except ExpressionError as error:
        raise ReconcileError(f"withParam value could not be parsed as a JSON list: {given.strip()}: {error}") from error
    if items is None:
        return []
    if not isinstance(items, list):
        raise ReconcileError(f"withParam value could not be parsed as a JSON list: {given.strip()}: it is not a list")
    return items


def _may_run(when: Any) -> bool:
    try:
        return should_execute(when)
    except ReconcileError:
        return True


def _describe(item: Any) -> tuple[str, dict[str, str]]:
    """How an item stands in a node's name, and the variables it sets."""
    if isinstance(item, dict):
        pairs = {key: _quoted(value) for key, value in item.items()}
        shown = ",".join(sorted(f"{key}:{value}" for key, value in pairs.items()))
        names = {f"item.{key}": value for key, value in pairs.items()}
        return _clean(shown), {"item": marshal(dict(sorted(item.items())), sort=False), **names}
    if isinstance(item, list):
        return _clean("[" + " ".join(map(_quoted, item)) + "]"), {"item": marshal(item, sort=False)}
    if item is None:
        raise ReconcileError("withItems expected string, number, list, or map. received: null")
    return _clean(_quoted(item)), {"item": text(item)}


def _quoted(value: Any) -> str:
    """A value as it stands in JSON, without the quotes around it (Argo: Item.String)."""
    written = marshal(value, sort=False)
    for escape, character in _UNESCAPED.items():
        written = written.replace(escape, character)
    return written[1:-1] if written[0] == '"' else written


def _clean(shown: str) -> str:
    return shown.replace("(", "").replace(")", "")
