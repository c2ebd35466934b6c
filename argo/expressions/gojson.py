"""Values as Go writes them: encoding/json, `%v`, floats."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.floats import exponential, plain_float, positional

_HTML = re.compile("[<>&\u2028\u2029]")
MAXIMUM_DEPTH = 100


class NilList(list[Any]):
    """A slice of Go's that was never made: as an empty list to all but encoding/json."""


def marshal(value: Any, indent: str | None = None) -> str:
    """`json.Marshal`, or `json.MarshalIndent` with an empty prefix: sorted keys, `<>&` escaped."""
    return _marshalled(value, indent, 0)


def _marshalled(value: Any, indent: str | None, depth: int) -> str:
    if depth > MAXIMUM_DEPTH:
        raise ExpressionError("the value is nested too deeply")
    scalar = _scalar(value)
    if scalar is not None:
        return scalar
    if hasattr(value, "marshal"):
        return str(value.marshal())
    if isinstance(value, NilList):
        return "null"
    if isinstance(value, (list, tuple)):
        return _joined("[]", [_marshalled(item, indent, depth + 1) for item in value], indent, depth)
    if isinstance(value, dict):
        colon = ": " if indent is not None else ":"
        keys = sorted(value, key=lambda key: str(key).encode("utf-8", "surrogatepass"))
        pairs = [_text(str(key)) + colon + _marshalled(value[key], indent, depth + 1) for key in keys]
        return _joined("{}", pairs, indent, depth)
    raise ExpressionError(f"json: unsupported type: {type(value).__name__}")


def _scalar(value: Any) -> str | None:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return json_float(value)
    return _text(value) if isinstance(value, str) else None


def _joined(brackets: str, parts: list[str], indent: str | None, depth: int) -> str:
    if not parts or indent is None:
        return brackets[0] + ",".join(parts) + brackets[1]
    inner = "\n" + indent * (depth + 1)
    return brackets[0] + inner + ("," + inner).join(parts) + "\n" + indent * depth + brackets[1]


def _text(value: str) -> str:
    return _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def json_float(value: float) -> str:
    """encoding/json's float: exponents below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise ExpressionError(f"json: unsupported value: {plain_float(value)}")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        mantissa, exponent = exponential(value)
        return f"{mantissa}e{exponent:+d}"
    return positional(value)


def plain(value: Any, depth: int = 0) -> str:
    """`fmt.Sprintf("%v", value)`."""
    if depth > MAXIMUM_DEPTH:
        raise ExpressionError("the value is nested too deeply")
    if value is None:
        return "<nil>"
    if isinstance(value, float):
        return plain_float(value)
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(plain(item, depth + 1) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: str(key).encode("utf-8", "surrogatepass"))
        return "map[" + " ".join(f"{key}:{plain(value[key], depth + 1)}" for key in keys) + "]"
    if isinstance(value, (bool, int)) and type(value) in (bool, int):
        return str(value).lower()
    return str(value)
