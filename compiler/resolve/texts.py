"""The texts in nested lists and maps, and in parts of definitions."""

from __future__ import annotations

from collections.abc import Iterable
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
        else:
            stack.extend(((*path, name), item) for name, item in _parts(part))
    return found


def _parts(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, Model):
        fields = type(value).model_fields
        return [(fields[name].alias or name, getattr(value, name)) for name in value.model_fields_set - FREE]
    return enumerate(value) if isinstance(value, list | tuple) else ()
