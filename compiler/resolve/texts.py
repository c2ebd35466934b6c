"""The texts in nested lists and maps."""

from __future__ import annotations

from typing import Any


def texts(value: Any) -> list[tuple[tuple[str | int, ...], str]]:
    """All texts in nested lists and maps, with their paths, found without recursion."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        path, part = stack.pop()
        if isinstance(part, str):
            found.append((path, part))
        elif isinstance(part, dict):
            stack.extend(((*path, key), item) for key, item in part.items())
        elif isinstance(part, list | tuple):
            stack.extend(((*path, index), item) for index, item in enumerate(part))
    return found
