"""Tells from a file's own text what it defines, before anything in it is validated or run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import ast

API_VERSION: Final = "argosy/v1"
KINDS: Final = ("ComputeAsset", "Dag")
MANIFESTS: Final = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
TARGETS: Final = ("asset", "dag", "pause", "image")  # what a task runs
_SIGNS: Final = {"tasks": "Dag", "image": "ComputeAsset", "remote": "ComputeAsset"}
_DEFINES = re.compile(r"^\s*(?:from|import)\s+(?:compiler|hera)\b", re.MULTILINE)


def kind_of(data: dict[str, Any]) -> str | None:
    """The kind that a document has or, by its fields, was meant to have."""
    kind = data.get("kind")
    if kind in KINDS:
        return str(kind)
    if kind is None:
        return next((meant for sign, meant in _SIGNS.items() if sign in data), None)
    return None


def is_ours(data: dict[str, Any]) -> bool:
    """True where a document in a file that nobody named is a definition, if a flawed one; others' files have
    fields of these names, too."""
    from compiler.diagnostics import did_you_mean

    version, kind = data.get("apiVersion", API_VERSION), data.get("kind")
    if not isinstance(version, str) or not version.startswith("argosy"):
        return False
    if kind is not None:
        return kind in KINDS or (isinstance(kind, str) and did_you_mean(kind, KINDS) is not None)
    return "apiVersion" in data or _has_tasks(data.get("tasks")) or isinstance(data.get("image"), str)


def foreign_system(data: dict[str, Any], named: bool) -> Literal["gx4ki", "atom"] | None:
    """The other system in whose format a document is. In a file that is not `named` it must be unmistakable."""
    if "kind" in data or "apiVersion" in data:
        return None
    if "service_id" in data and "workflow_resource" in data:
        return "gx4ki"
    steps = data.get("steps")
    if isinstance(steps, list) and steps and all(_is_step(step, named) for step in steps):
        return "atom"
    return None


def defines(text: str) -> bool:
    """True where a Python module imports what definitions are made of: others are programs."""
    return _DEFINES.search(text) is not None


def in_module(text: str) -> Iterator[dict[str, Any]]:
    """The definitions that a Python module makes at its top level, without running it: kind and constant arguments.

    Raises SyntaxError, ValueError.
    """
    import ast

    values: list[ast.expr | None] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
            values.append(node.value)
        elif isinstance(node, ast.With):
            values += [item.context_expr for item in node.items]
    for call in (value for value in values if isinstance(value, ast.Call)):
        kind = getattr(call.func, "attr", None) or getattr(call.func, "id", "")
        if kind in (*KINDS, *MANIFESTS):
            yield {"kind": kind, **_constants(call)}


def _constants(call: ast.Call) -> dict[str, Any]:
    import ast

    words = [(word.arg, word.value) for word in call.keywords if word.arg is not None]
    return {name: value.value for name, value in words if isinstance(value, ast.Constant)}


def _has_tasks(tasks: Any) -> bool:
    if not isinstance(tasks, dict):
        return False
    return not tasks or any(isinstance(task, dict) and task.keys() & set(TARGETS) for task in tasks.values())


def _is_step(step: Any, named: bool) -> bool:
    if not isinstance(step, dict):
        return False
    task = step.get("task")
    if not isinstance(task, dict):
        return "dependsOn" in step or (named and "id" in step and step.keys() <= {"id", "description", "task"})
    return named or bool(task.keys() & {"imageUri", "engine", "url"})
