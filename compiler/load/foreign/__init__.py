"""Definitions in the formats of other systems, read as they stand: which one a document is in, and what it comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compiler.load.foreign.base import Translation

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.program import Origin


def translate(data: dict[str, Any], origin: Origin, named: bool) -> tuple[Translation | None, list[Diagnostic]] | None:
    """A document of another system, translated; None for any other document.

    `named`: whether the user named the file. In others a document must be unmistakable.
    """
    if "kind" in data or "apiVersion" in data:
        return None
    if "service_id" in data and "workflow_resource" in data:
        from compiler.load.foreign import gx4ki

        return gx4ki.translate(data, origin)
    steps = data.get("steps")
    if isinstance(steps, list) and steps and all(_is_step(step, named) for step in steps):
        from compiler.load.foreign import atom

        return atom.translate(data, origin)
    return None


def _is_step(step: Any, named: bool) -> bool:
    if not isinstance(step, dict):
        return False
    task = step.get("task")
    if not isinstance(task, dict):
        return "dependsOn" in step or (named and "id" in step and step.keys() <= {"id", "description", "task"})
    return named or bool(task.keys() & {"imageUri", "engine", "url"})
