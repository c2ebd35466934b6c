"""JSONPath queries, as in the function `jsonpath` of Argo's expressions."""

from __future__ import annotations

import re
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.jsonfilter import parse

_STEP = re.compile(
    r"\.\.(?=[\w*\[$-])|\.?(?P<name>[\w$@-]+|\*)|\[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*\]"
    r"|\[\s*(?P<index>-?\d+)\s*\]|\[\s*(?P<all>\*)\s*\]|\[\s*(?P<union>-?\d+(?:\s*,\s*-?\d+)+)\s*\]"
    r"|\[\s*(?P<start>-?\d*)\s*:\s*(?P<stop>-?\d*)\s*(?::\s*(?P<step>-?\d*)\s*)?\]"
)


def query(path: str, document: Any) -> Any:
    """The one value of a definite path, or the list of all that an indefinite one names. Raises ExpressionError."""
    text = path.strip()
    if not text.startswith("$"):
        raise ExpressionError(f"unexpected token '{text[:1]}' at index 0")
    found, position, definite, deep = [document], 1, True, False
    while position < len(text):
        if text.startswith("[?", position):
            keeps, position = parse(text, position + 2, query)
            pool = [below for value in found for below in _descendants(value)] if deep else found
            found = [item for value in pool for item in _children(value) if keeps(item, document)]
            deep = definite = False
            continue
        match = _STEP.match(text, position)
        if match is None or match.end() == position:
            raise ExpressionError(f"invalid JSONPath selector '{text[position:]}' in '{path}'")
        position = match.end()
        if match[0] == "..":
            deep, definite = True, False
            continue
        pool = [below for value in found for below in _descendants(value)] if deep else found
        single = _key(match)
        definite = definite and single is not None
        found = [item for value in pool for item in _selected(value, match, single)]
        deep = False
        if definite and not found:
            raise ExpressionError(f"key: invalid token {match[0]} not found")
    return found[0] if definite else found


def _key(match: re.Match[str]) -> str | int | None:
    if match["index"] is not None:
        return int(match["index"])
    if match["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])
    name = match["name"]
    return None if name in (None, "*") else str(name)


def _descendants(value: Any) -> list[Any]:
    found, pending = [], [value]
    while pending:
        item = pending.pop()
        found.append(item)
        pending.extend(reversed(_children(item)))
    return found


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _selected(value: Any, match: re.Match[str], single: str | int | None) -> list[Any]:
    if isinstance(single, str):
        return [value[single]] if isinstance(value, dict) and single in value else []
    if isinstance(single, int):
        inside = isinstance(value, list) and -len(value) <= single < len(value)
        return [value[single]] if inside else []
    if match["union"]:
        numbers = [int(number) for number in match["union"].split(",")]
        return [value[number] for number in numbers if isinstance(value, list) and -len(value) <= number < len(value)]
    if match["start"] is not None:
        bounds = [int(match[name]) if match[name] else None for name in ("start", "stop", "step")]
        return value[slice(*bounds)] if isinstance(value, list) and bounds[2] != 0 else []
    return _children(value)
