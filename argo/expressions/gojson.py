"""Reads and writes values as Go does: encoding/json, `%v`, and floats in the notations that these choose from."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from argo.expressions.errors import ExpressionError

_HTML = re.compile("[<>&\u2028\u2029]")
MAXIMUM_DEPTH = 100
_DEEPEST = 10_000  # as encoding/json reads


class NilList(list[Any]):
    """A slice of Go's that was never made: as an empty list to all but encoding/json."""


class Number(str):
    """A number of a JSON text as it is written there (Go: json.RawMessage)."""

    __slots__ = ()

    def marshal(self) -> str:
        return self


def parse_json(document: str, number: type[float | Number] = float) -> Any:
    """`json.Unmarshal` into an `any`: every number is a float, or stays as it is written. Raises ExpressionError."""
    try:
        return json.loads(document, parse_int=number, parse_float=number, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"invalid JSON: {error}") from None


def _constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


def marshal(value: Any, indent: str | None = None, *, sort: bool = True) -> str:
    """`json.Marshal`, or `json.MarshalIndent` with an empty prefix: `<>&` escaped.

    The keys of a map are sorted; `sort=False` leaves a dict that stands for a struct in its own order. Raises
    ExpressionError for what has no JSON form.
    """
    done: list[str] = []
    left: list[str | tuple[Any, int]] = [(value, 0)]  # texts, and values with their depth; the next one stands last
    while left:
        part = left.pop()
        if isinstance(part, str):
            done.append(part)
        elif (simple := _simple(part[0])) is not None:
            done.append(simple)
        else:
            left += reversed(_parts(*part, indent, sort))
    return "".join(done)


def _simple(value: Any) -> str | None:
    """The JSON of a value that holds no others; None for a list or an object with something in it."""
    if type(value) is str:
        return _text(value)
    if hasattr(value, "marshal"):
        return str(value.marshal())
    if isinstance(value, (list, tuple, dict)) and not value:
        return "null" if isinstance(value, NilList) else "{}" if isinstance(value, dict) else "[]"
    return _scalar(value)


def _parts(value: Any, depth: int, indent: str | None, sort: bool) -> list[str | tuple[Any, int]]:
    """A list or an object as the texts between its values, and these."""
    if depth > _DEEPEST:
        raise ExpressionError("the value is nested too deeply")
    inner, end = ("", "") if indent is None else ("\n" + indent * (depth + 1), "\n" + indent * depth)
    if isinstance(value, dict):
        brackets, colon = "{}", ":" if indent is None else ": "
        entries = [(_text(str(key)) + colon, value[key]) for key in (_sorted(value) if sort else value)]
    elif isinstance(value, (list, tuple)):
        brackets, entries = "[]", [("", item) for item in value]
    else:
        raise ExpressionError(f"json: unsupported type: {type(value).__name__}")
    parts: list[str | tuple[Any, int]] = []
    for name, item in entries:
        parts += [("," if parts else brackets[0]) + inner + name, (item, depth + 1)]
    return [*parts, end + brackets[1]]


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


def _sorted(keys: dict[Any, Any]) -> list[Any]:
    return sorted(keys, key=lambda key: str(key).encode("utf-8", "surrogatepass"))


def _text(value: str) -> str:
    return _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", encode_basestring(value))


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
        return "map[" + " ".join(f"{key}:{plain(value[key], depth + 1)}" for key in _sorted(value)) + "]"
    if isinstance(value, (bool, int)) and type(value) in (bool, int):
        return str(value).lower()
    return str(value)


def plain_float(value: float) -> str:
    """`%v` of a float64: an exponent (two digits at least) below 1e-4 and from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e6):
        mantissa, exponent = exponential(value)
        return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return positional(value)


def positional(value: float) -> str:
    """Without an exponent, however long."""
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exponential(value: float) -> tuple[str, int]:
    """The mantissa as text, and the exponent."""
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    exponent = Decimal(repr(value)).adjusted()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return ("-" if sign else "") + mantissa, exponent
