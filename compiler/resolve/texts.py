"""The texts in nested lists and maps, and in parts of definitions."""

from __future__ import annotations

from typing import Any, Final

from compiler.models.base import Model
from compiler.source import Path

FREE: Final = frozenset({"title", "description", "with_", "foreach", "when", "needs"})  # prose, or read elsewhere


def texts(value: Any) -> list[tuple[Path, str]]:
    """All texts in nested lists, maps and models, with their paths as a definition writes them; without recursion."""
    found: list[tuple[Path, str]] = []
    stack: list[tuple[Path, Any]] = [((), value)]
    while stack:
        path, part = stack.pop()
        if isinstance(part, str):
            found.append((path, part))
        elif isinstance(part, Model):
            fields = type(part).model_fields
            names = part.model_fields_set - FREE
            stack.extend(((*path, fields[name].alias or name), getattr(part, name)) for name in names)
        elif isinstance(part, dict):
            stack.extend(((*path, key), item) for key, item in part.items())
        elif isinstance(part, list | tuple):
            stack.extend(((*path, index), item) for index, item in enumerate(part))
    return found
