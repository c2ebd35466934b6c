"""`needs`: order without data."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.models import Task
from compiler.program import Needs, Origin
from compiler.resolve.context import Context


def resolve_needs(context: Context, task: Task, origin: Origin, siblings: Mapping[str, Task]) -> Needs | None:
    """The tree of what a task waits for; mistakes are reported and leave out their part."""
    needs = task.needs
    if not needs:
        return None
    if isinstance(needs, str):
        return _expression(context, needs, origin.at("needs"), siblings)
    parts: list[Needs] = []
    for index, text in enumerate(needs):
        if text in siblings:
            parts.append(Needs("task", text))
        else:
            part = _expression(context, text, origin.at("needs", index), siblings)
            if part is not None:
                parts.append(part)
    if len(parts) < 2:
        return parts[0] if parts else None
    return Needs("and", operands=tuple(parts))


def _expression(context: Context, text: str, origin: Origin, siblings: Mapping[str, Task]) -> Needs | None:
    from compiler.resolve.depends import expression

    return expression(context, text, origin, siblings)
