"""JSONPath queries, as in the function `jsonpath` of Argo's expressions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.jsonfilter import parse

_DEEP = re.compile(r"\.\.(?=[\w*\[$-])")
_STEP = re.compile(
    r"\.?(?P<name>[\w$@-]+|\*)|\[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*\]|\[\s*(?P<all>\*)\s*\]"
    r"|\[\s*(?P<indices>-?\d+(?:\s*,\s*-?\d+)*)\s*\]"
    r"|\[\s*(?P<start>-?\d*)\s*:\s*(?P<stop>-?\d*)\s*(?::\s*(?P<step>-?\d*)\s*)?\]"
)
Key = str | slice | tuple[int, ...] | Callable[[Any], bool] | None  # a name, indices, a filter, or all


def query(path: str, document: Any) -> Any:
    """The one value of a definite path, or the list of all that an indefinite one names. Raises ExpressionError."""
    text = path.strip()
    if not text.startswith("$"):
        raise ExpressionError(f"unexpected token '{text[:1]}' at index 0")
    found, position, definite = [document], 1, True
    while position < len(text):
        start, deep = position, _DEEP.match(text, position)
        key, position = _step(text, deep.end() if deep else position, document)
        found = [item for value in (_descendants(found) if deep else found) for item in _selected(value, key)]
        definite = definite and not deep and _is_single(key)
        if definite and not found:
            raise ExpressionError(f"key: invalid token {text[start:position]} not found")
    return found[0] if definite else found


def _step(text: str, position: int, document: Any) -> tuple[Key, int]:
    """The step that begins there, and where it ends."""
    if text.startswith("[?", position):
        keeps, end = parse(text, position + 2, query)
        return lambda item: keeps(item, document), end
    match = _STEP.match(text, position)
    if match is None:
        raise ExpressionError(f"invalid JSONPath selector '{text[position:]}' in '{text}'")
    key: Key = match["name"] if match["name"] != "*" else None
    if match["quoted"]:
        key = re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])
    elif match["indices"]:
        key = tuple(map(int, match["indices"].split(",")))
    elif match["start"] is not None:
        key = slice(*(int(bound) if bound else None for bound in match.group("start", "stop", "step")))
    return key, match.end()


def _descendants(values: list[Any]) -> list[Any]:
    """The values and all below them, each before what is in it."""
    found, pending = [], values[::-1]
    while pending:
        item = pending.pop()
        found.append(item)
        pending.extend(reversed(_children(item)))
    return found


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _is_single(key: Key) -> bool:
    return isinstance(key, str) or (isinstance(key, tuple) and len(key) == 1)


def _selected(value: Any, key: Key) -> list[Any]:
    if key is None:
        return _children(value)
    if isinstance(key, str):
        return [value[key]] if isinstance(value, dict) and key in value else []
    if callable(key):
        return list(filter(key, _children(value)))
    if not isinstance(value, list):
        return []
    if isinstance(key, slice):
        return value[key] if key.step != 0 else []
    return [value[index] for index in key if -len(value) <= index < len(value)]
