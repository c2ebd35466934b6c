"""Builds what an expression of Argo's can name: the scope's variables as nested maps, and Argo's functions.

Facts: Argo util/expr/env and util/expand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import marshal


def environment(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The scope's dotted names as nested maps, with `asInt`, `asFloat`, `toJson`, `jsonpath`, `sprig.*`."""
    from argo.expressions.builtins import FUNCTIONS
    from argo.expressions.sprig import SPRIG

    env = expand(scope)
    env["asInt"] = FUNCTIONS["int"]
    env["asFloat"] = FUNCTIONS["float"]
    env["toJson"] = marshal
    env["jsonpath"] = jsonpath
    env["sprig"] = SPRIG
    return env


def expand(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted names as nested maps; a name that is also the beginning of others gives way to them."""
    parents: set[str] = set()
    for name in scope:
        end = name.rfind(".")
        while end > 0 and name[:end] not in parents:
            parents.add(name[:end])
            end = name.rfind(".", 0, end)
    nested: dict[str, Any] = {}
    for name, value in scope.items():
        if name in parents:
            continue
        level = nested
        *path, last = name.split(".")
        for part in path:
            level = level.setdefault(part, {})
        level[last] = value
    return nested


def jsonpath(document: Any, path: Any) -> Any:
    """The part of a JSON text that a JSONPath names."""
    from argo.expressions.gojson import parse_json
    from argo.expressions.jsonpath import query

    if not isinstance(document, str) or not isinstance(path, str):
        raise ExpressionError("jsonpath wants two texts")
    return query(path, parse_json(document))
