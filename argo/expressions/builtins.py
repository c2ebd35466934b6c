"""expr-lang's builtin functions that take plain values.

Facts: expr-lang v1.17, builtin/. Where Go's order of a map's keys is random, it is sorted here.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from functools import cmp_to_key, partial
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import marshal, parse_json, plain
from argo.expressions.times import Zone, now, parse_date, parse_duration
from argo.expressions.values import (
    MAXIMUM_ITEMS,
    AnyMap,
    equal,
    fetch,
    go_type,
    is_int,
    is_number,
    items,
    ordered,
    sized_text,
    text,
    to_int,
    wrapped,
)

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
BLANKS = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


def length(value: Any) -> int:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise ExpressionError(f"invalid argument for len (type {go_type(value)})")


def kind(value: Any) -> str:
    names = {"<nil>": "nil", "float64": "float", "[]interface {}": "array", "map[string]interface {}": "map"}
    name = go_type(value)
    return names.get(name, name)


def integer(value: Any) -> int:
    """`int(x)`, Argo's asInt."""
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value) or abs(int(value)) >= 2**63:
            raise ExpressionError(f"invalid operation: int({value})")
        return int(value)
    return to_int(value)


def floating(value: Any) -> float:
    """`float(x)`, Argo's asFloat."""
    if isinstance(value, str):
        if not _FLOAT.fullmatch(value):
            raise ExpressionError(f"invalid operation: float({value})")
        return float(value)
    if is_number(value):
        return float(value)
    raise ExpressionError(f"invalid operation: float({go_type(value)})")


def _number(value: Any, what: str) -> Any:
    if not is_number(value):
        raise ExpressionError(f"invalid argument for {what} (type {go_type(value)})")
    return value


def absolute(value: Any) -> Any:
    return type(value)(abs(_number(value, "abs")))


def rounded(value: float) -> float:
    """Half away from zero, as Go's math.Round."""
    if not math.isfinite(value):
        return value
    whole = float(math.trunc(value))
    return whole + math.copysign(1.0, value) if abs(value - whole) >= 0.5 else whole


def _to_whole(what: str, function: Callable[[float], float]) -> Callable[[Any], float]:
    def apply(value: Any) -> float:
        number = float(_number(value, what))
        return float(function(number)) if math.isfinite(number) else number

    return apply


def each_upper(value: str) -> str:
    """Upper case, one character for one, as Go has it."""
    return "".join(letter.upper() if len(letter.upper()) == 1 else letter for letter in value)


def trim(value: Any, cutset: Any = None) -> str:
    return text(value, "trim").strip(BLANKS if cutset is None else text(cutset, "trim"))


def split(value: Any, separator: Any, limit: Any = -1, *, keep: bool = False) -> list[str]:
    content, mark, most = text(value, "split"), text(separator, "split"), to_int(limit)
    if most == 0:
        return []
    if mark == "":
        parts = list(content)
        return parts if most < 0 or len(parts) <= most else [*parts[: most - 1], "".join(parts[most - 1 :])]
    parts = content.split(mark, most - 1 if most > 0 else -1)
    return [part + mark for part in parts[:-1]] + parts[-1:] if keep else parts


def replace(value: Any, old: Any, new: Any, limit: Any = -1) -> str:
    content, count = text(value, "replace"), to_int(limit)
    return sized_text(content.replace(text(old, "replace"), text(new, "replace"), max(count, -1)))


def repeat(value: Any, count: Any) -> str:
    number, content = to_int(count), text(value, "repeat")
    if number < 0:
        raise ExpressionError(f"invalid argument for repeat (expected positive integer, got {number})")
    if number > 1_000_000 or number * len(content) > 16_000_000:
        raise ExpressionError("memory budget exceeded")
    return content * number


def join(values: Any, glue: Any = "") -> str:
    return sized_text(text(glue, "join").join(text(item, "join") for item in items(values, "join")))


def index_of(value: Any, part: Any, *, last: bool = False) -> int:
    """Where the part begins, counted in bytes of UTF-8; -1 when it is not there."""
    content, wanted = text(value, "indexOf").encode(), text(part, "indexOf").encode()
    return content.rfind(wanted) if last else content.find(wanted)


def _numbers(values: tuple[Any, ...], what: str) -> list[Any]:
    found: list[Any] = []
    for value in values:
        found.extend(_numbers(tuple(value), what) if isinstance(value, list) else [_number(value, what)])
    return found


def _extreme(choose: Callable[[list[Any]], Any], *values: Any) -> Any:
    numbers = _numbers(values, choose.__name__)
    return choose(numbers) if numbers else None


def mean(*values: Any) -> float:
    numbers = _numbers(values, "mean")
    return float(sum(numbers)) / len(numbers) if numbers else 0.0


def median(*values: Any) -> float:
    numbers = sorted(float(number) for number in _numbers(values, "median"))
    if not numbers:
        return 0.0
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def last(values: Any) -> Any:
    return values[-1] if isinstance(values, list) and values else None


def get(target: Any, key: Any) -> Any:
    """The item, or nil where there is none."""
    try:
        return fetch(target, key)
    except ExpressionError:
        return None


def take(values: Any, count: Any) -> list[Any]:
    if not is_int(count) or count < 0:
        raise ExpressionError(f"cannot take {plain(count)} elements")
    return items(values, "take")[:count]


def _mapping(value: Any, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ExpressionError(f"cannot get {what} from {go_type(value)}")
    return {key: value[key] for key in sorted(value, key=plain)}


def from_pairs(values: Any) -> dict[Any, Any]:
    pairs = items(values, "fromPairs")
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise ExpressionError(f"invalid pair {plain(pair)}")
    return AnyMap(pairs)


def uniq(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in items(values, "uniq"):
        if not any(equal(value, other) for other in found):
            found.append(value)
    return found


def concat(*values: Any) -> list[Any]:
    return [item for value in values for item in items(value, "concat")]


def flatten(values: Any) -> list[Any]:
    found: list[Any] = []
    pending = list(reversed(items(values, "flatten")))
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        else:
            found.append(value)
    return found


def sort(values: Any, order: Any = "asc") -> list[Any]:
    return sort_by(items(values, "sort"), items(values, "sort"), order)


def sort_by(values: list[Any], keys: list[Any], order: Any) -> list[Any]:
    """The values in the order of their keys."""
    if order not in ("asc", "desc"):
        raise ExpressionError(f"invalid order {plain(order)}, expected asc or desc")
    if len(values) > MAXIMUM_ITEMS:
        raise ExpressionError("memory budget exceeded")

    def compare(left: int, right: int) -> int:
        if ordered("<", keys[left], keys[right]):
            return -1
        return 1 if ordered(">", keys[left], keys[right]) else 0

    positions = sorted(range(len(values)), key=cmp_to_key(compare), reverse=order == "desc")
    return [values[position] for position in positions]


def _bits(name: str, function: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    def apply(left: Any, right: Any) -> int:
        first_number, second_number = (_whole(value, name) for value in (left, right))
        if "sh" in name and second_number < 0:
            raise ExpressionError(f"invalid operation: negative shift count {second_number} (type int)")
        return wrapped(function(first_number, min(second_number, 64) if "sh" in name else second_number))

    return apply


def _whole(value: Any, name: str) -> int:
    if not is_int(value):
        raise ExpressionError(f"cannot use {go_type(value)} as argument (type int) to call {name}")
    return int(value)


def _shifted(left: int, right: int) -> int:
    value = (left << right) % 2**64
    return value - 2**64 if value >= 2**63 else value


def _from_base64(value: Any) -> str:
    """Standard base64 with padding; bytes that are no UTF-8 come back as U+FFFD."""
    encoded = text(value, "fromBase64").replace("\n", "").replace("\r", "")
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace")
    except ValueError:
        raise ExpressionError("illegal base64 data") from None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": length,
    "type": kind,
    "abs": absolute,
    "ceil": _to_whole("ceil", math.ceil),
    "floor": _to_whole("floor", math.floor),
    "round": _to_whole("round", rounded),
    "int": integer,
    "float": floating,
    "string": plain,
    "trim": trim,
    "trimPrefix": lambda value, prefix=" ": text(value, "trimPrefix").removeprefix(text(prefix, "trimPrefix")),
    "trimSuffix": lambda value, suffix=" ": text(value, "trimSuffix").removesuffix(text(suffix, "trimSuffix")),
    "upper": lambda value: each_upper(text(value, "upper")),
    "lower": lambda value: text(value, "lower").lower(),
    "split": split,
    "splitAfter": lambda value, separator, limit=-1: split(value, separator, limit, keep=True),
    "replace": replace,
    "repeat": repeat,
    "join": join,
    "indexOf": index_of,
    "lastIndexOf": lambda value, part: index_of(value, part, last=True),
    "hasPrefix": lambda value, prefix: text(value, "hasPrefix").startswith(text(prefix, "hasPrefix")),
    "hasSuffix": lambda value, suffix: text(value, "hasSuffix").endswith(text(suffix, "hasSuffix")),
    "max": partial(_extreme, max),
    "min": partial(_extreme, min),
    "mean": mean,
    "median": median,
    "toJSON": lambda value: marshal(value, "  "),
    "fromJSON": lambda value: parse_json(text(value, "fromJSON")),
    "toBase64": lambda value: base64.b64encode(text(value, "toBase64").encode("utf-8", "surrogatepass")).decode(),
    "fromBase64": _from_base64,
    "now": now,
    "duration": lambda value: parse_duration(text(value, "duration")),
    "date": parse_date,
    "timezone": lambda value: Zone(text(value, "timezone")),
    "first": first,
    "last": last,
    "get": get,
    "take": take,
    "keys": lambda value: list(_mapping(value, "keys")),
    "values": lambda value: list(_mapping(value, "values").values()),
    "toPairs": lambda value: [list(pair) for pair in _mapping(value, "pairs").items()],
    "fromPairs": from_pairs,
    "reverse": lambda value: items(value, "reverse")[::-1],
    "uniq": uniq,
    "concat": concat,
    "flatten": flatten,
    "sort": sort,
    "bitand": _bits("bitand", lambda left, right: left & right),
    "bitor": _bits("bitor", lambda left, right: left | right),
    "bitxor": _bits("bitxor", lambda left, right: left ^ right),
    "bitnand": _bits("bitnand", lambda left, right: left & ~right),
    "bitshl": _bits("bitshl", _shifted),
    "bitshr": _bits("bitshr", lambda left, right: left >> right),
    "bitushr": _bits("bitushr", lambda left, right: (left % 2**64) >> right),
    "bitnot": lambda value: ~_whole(value, "bitnot"),
}
