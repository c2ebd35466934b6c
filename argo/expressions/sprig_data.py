"""Sprig's functions on lists, dicts, defaults, JSON and kinds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from argo.expressions.builtins import concat, uniq
from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import marshal, parse_json
from argo.expressions.sprig_text import pair, strval
from argo.expressions.values import equal, go_type, items, to_int


def empty(value: Any) -> bool:
    """Go's zero values, and what has no items."""
    return value is None or (isinstance(value, (str, list, dict, int, float)) and not value)


def _default(default: Any, *given: Any) -> Any:
    return default if not given or empty(given[0]) else given[0]


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if not empty(value)), None)


def _ternary(then: Any, otherwise: Any, condition: Any) -> Any:
    if not isinstance(condition, bool):
        raise ExpressionError(f"sprig.ternary wants a bool, got {go_type(condition)}")
    return then if condition else otherwise


def _quiet_json(document: Any) -> Any:
    try:
        return parse_json(document)
    except ExpressionError:
        return None


def _raw_json(value: Any) -> str:
    return marshal(value).replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


def _dict(*pairs: Any) -> dict[str, Any]:
    keys, values = pairs[::2], [*pairs[1::2], *([""] if len(pairs) % 2 else [])]
    return {strval(key): value for key, value in zip(keys, values, strict=True)}


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"expected a map, got {go_type(value)}")
    return value


def _set(target: Any, key: str, value: Any) -> dict[str, Any]:
    _mapping(target)[key] = value
    return dict(target)


def _unset(target: Any, key: str) -> dict[str, Any]:
    _mapping(target).pop(key, None)
    return dict(target)


def _dig(*path: Any) -> Any:
    """`dig key… default map`."""
    if len(path) < 3:
        raise ExpressionError("dig needs at least three arguments")
    *keys, default, current = path
    for key in keys:
        if not isinstance(current, dict) or key not in current:
            return default
        current = current[key]
    return current


def _merged(overwrite: bool) -> Callable[..., dict[str, Any]]:
    def merge(target: Any, *sources: Any) -> dict[str, Any]:
        for source in sources:
            for key, value in _mapping(source).items():
                present = _mapping(target).get(key)
                if isinstance(present, dict) and isinstance(value, dict):
                    merge(present, value)
                elif empty(present) or (overwrite and not empty(value)):
                    target[key] = value
        return _mapping(target)

    return merge


def _slice(values: Any, *bounds: Any) -> list[Any]:
    content = items(values, "slice")
    start = to_int(bounds[0]) if bounds else 0
    stop = to_int(bounds[1]) if len(bounds) > 1 else len(content)
    if not 0 <= start <= stop <= len(content):
        raise ExpressionError("slice bounds out of range")
    return content[start:stop]


def _chunk(size: Any, values: Any) -> list[list[Any]]:
    step = to_int(size)
    if step < 1:
        raise ExpressionError("chunk size must be positive")
    content = items(values, "chunk")
    return [content[index : index + step] for index in range(0, len(content), step)]


def _has(needle: Any, haystack: Any) -> bool:
    return any(equal(needle, value) for value in haystack or [])


_KINDS = {"<nil>": "invalid", "[]interface {}": "slice", "map[string]interface {}": "map"}


def _kind(value: Any) -> str:
    return _KINDS.get(go_type(value), go_type(value))


DATA: dict[str, Callable[..., Any]] = {
    "default": _default,
    "empty": empty,
    "coalesce": _coalesce,
    "ternary": _ternary,
    "all": lambda *values: not any(map(empty, values)),
    "any": lambda *values: not all(map(empty, values)),
    **pair("compact", lambda values: [value for value in values if not empty(value)]),
    **pair("deepCopy", copy.deepcopy),
    "fromJson": _quiet_json,
    "mustFromJson": parse_json,
    **pair("toJson", marshal),
    **pair("toPrettyJson", lambda value: marshal(value, "  ")),
    **pair("toRawJson", _raw_json),
    "typeOf": go_type,
    "typeIs": lambda name, value: go_type(value) == name,
    "typeIsLike": lambda name, value: go_type(value) in (name, "*" + name),
    "kindOf": _kind,
    "kindIs": lambda name, value: _kind(value) == name,
    "deepEqual": lambda left, right: type(left) is type(right) and equal(left, right),
    **dict.fromkeys(("list", "tuple"), lambda *values: list(values)),
    "dict": _dict,
    "get": lambda target, key: _mapping(target).get(key, ""),
    "set": _set,
    "unset": _unset,
    "hasKey": lambda target, key: key in _mapping(target),
    "pluck": lambda key, *targets: [target[key] for target in targets if key in _mapping(target)],
    "keys": lambda *targets: [key for target in targets for key in sorted(_mapping(target))],
    "values": lambda target: [target[key] for key in sorted(_mapping(target))],
    "pick": lambda target, *keys: {key: target[key] for key in keys if key in _mapping(target)},
    "omit": lambda target, *keys: {key: value for key, value in _mapping(target).items() if key not in keys},
    **pair("merge", _merged(False)),
    **pair("mergeOverwrite", _merged(True)),
    **pair("append", lambda values, value: [*items(values, "append"), value]),
    **pair("push", lambda values, value: [*items(values, "push"), value]),
    **pair("prepend", lambda values, value: [value, *items(values, "prepend")]),
    **pair("first", lambda values: values[0] if items(values, "first") else None),
    **pair("rest", lambda values: items(values, "rest")[1:]),
    **pair("last", lambda values: values[-1] if items(values, "last") else None),
    **pair("initial", lambda values: items(values, "initial")[:-1]),
    **pair("reverse", lambda values: items(values, "reverse")[::-1]),
    **pair("uniq", uniq),
    **pair("without", lambda values, *gone: [value for value in items(values, "without") if not _has(value, gone)]),
    **pair("has", _has),
    **pair("slice", _slice),
    **pair("chunk", _chunk),
    "dig": _dig,
    "concat": concat,
}
