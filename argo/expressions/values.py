"""Go's values as expr-lang sees them: kinds, equality, order, arithmetic.

An int is Go's int (64 bits), a float a float64, a dict a map, a list a slice. Facts: expr-lang vm/runtime.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import plain

MAXIMUM_ITEMS = 1_000_000  # expr's memory budget
MAXIMUM_TEXT = 16_000_000


class AnyMap(dict[Any, Any]):
    """A map whose keys Go types as `any`: it has no JSON form (groupBy, fromPairs)."""

    go_type = "map[interface {}]interface {}"

    def marshal(self) -> str:
        raise ExpressionError(f"json: unsupported type: {self.go_type}")


def go_type(value: Any) -> str:
    """The name Go gives to the value's type."""
    named = getattr(value, "go_type", None)
    if named is not None:
        return str(named)
    for kinds, name in (
        (type(None), "<nil>"),
        (bool, "bool"),
        (int, "int"),
        (float, "float64"),
        (str, "string"),
        (list, "[]interface {}"),
        (dict, "map[string]interface {}"),
    ):
        if isinstance(value, kinds):
            return name
    return "func"


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def wrapped(value: int) -> int:
    """The value in 64 bits, as Go's overflow leaves it."""
    return value if -(2**63) <= value < 2**63 else (value + 2**63) % 2**64 - 2**63


def to_int(value: Any) -> int:
    """Go's conversion of a number to int; an ExpressionError for anything else."""
    if is_int(value):
        return int(value)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 2**63 else -(2**63)
    raise ExpressionError(f"invalid operation: int({go_type(value)})")


def equal(left: Any, right: Any) -> bool:
    """Expr's `==`: numbers by value whatever their kind, all else by kind and content."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def contained(item: Any, container: Any) -> bool:
    """Expr's `in`."""
    if container is None:
        return False
    if isinstance(container, list):
        return any(equal(item, other) for other in container)
    if isinstance(container, dict):
        return isinstance(item, str) and item in container
    raise ExpressionError(f'operator "in" not defined on {go_type(container)}')


ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def ordered(symbol: str, left: Any, right: Any) -> bool:
    """`<`, `<=`, `>`, `>=` on numbers, texts, times and durations."""
    if isinstance(left, str) and isinstance(right, str):
        return ORDER[symbol](left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
    if (is_number(left) and is_number(right)) or (isinstance(left, date) and isinstance(right, date)):
        return ORDER[symbol](left, right)
    raise _mismatch(symbol, left, right)


def _mismatch(symbol: str, left: Any, right: Any) -> ExpressionError:
    return ExpressionError(f"invalid operation: {go_type(left)} {symbol} {go_type(right)}")


def compute(symbol: str, left: Any, right: Any) -> Any:
    """`+ - * / % ** ^` with Go's kinds: `/` and `**` give floats, `%` wants ints."""
    if symbol == "+" and isinstance(left, str) and isinstance(right, str):
        return sized_text(left + right)
    moment = _moment(symbol, left, right)
    if moment is not None:
        return moment
    if not (is_number(left) and is_number(right)):
        raise _mismatch(symbol, left, right)
    if symbol == "/":
        return _divided(float(left), float(right))
    if symbol == "%":
        return _modulo(left, right)
    if symbol in ("**", "^"):
        return power(float(left), float(right))
    result = _ARITHMETIC[symbol](left, right)
    if isinstance(result, float):
        return result
    kept: type[int] = type(left) if type(left) is not int else type(right)
    return kept(wrapped(result))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _moment(symbol: str, left: Any, right: Any) -> Any:
    """Time minus time, time plus or minus duration; None for other operands."""
    if not isinstance(left, date) and not isinstance(right, date):
        return None
    from argo.expressions.times import add_times

    result = add_times(symbol, left, right)
    if result is None:
        raise _mismatch(symbol, left, right)
    return result


def _divided(left: float, right: float) -> float:
    if right == 0:
        if left == 0 or math.isnan(left):
            return math.nan
        return math.copysign(math.inf, left) * math.copysign(1.0, right)
    return left / right


def _modulo(left: Any, right: Any) -> int:
    if not (is_int(left) and is_int(right)):
        raise _mismatch("%", left, right)
    if right == 0:
        raise ExpressionError("integer divide by zero")
    remainder = abs(left) % abs(right)
    return int(-remainder if left < 0 else remainder)


def power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        odd = right.is_integer() and int(right) % 2 == 1
        return -math.inf if left < 0 and odd else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


def number_range(start: Any, stop: Any) -> list[int]:
    """`a..b`."""
    first, last = to_int(start), to_int(stop)
    if last - first >= MAXIMUM_ITEMS:
        raise ExpressionError("memory budget exceeded")
    return list(range(first, last + 1))


def sized_text(value: str) -> str:
    """The text, when it is not beyond all measure."""
    if len(value) > MAXIMUM_TEXT:
        raise ExpressionError("memory budget exceeded")
    return value


def truth(value: Any) -> bool:
    """A bool, or an error: Go knows no truthiness."""
    if not isinstance(value, bool):
        raise ExpressionError(f"non-bool expression (type {go_type(value)}) used as condition")
    return value


def text(value: Any, what: str) -> str:
    """A string, or an error that names the use."""
    if not isinstance(value, str):
        raise ExpressionError(f"invalid argument for {what} (type {go_type(value)})")
    return value


def items(value: Any, what: str) -> list[Any]:
    """A list, or an error that names the use."""
    if not isinstance(value, list):
        raise ExpressionError(f"invalid argument for {what} (type {go_type(value)})")
    return value


def fetch(target: Any, key: Any) -> Any:
    """`target[key]`: a missing key of a map is nil, a negative index counts from the end."""
    methods = getattr(target, "methods", None)
    if methods is not None and isinstance(key, str):
        if key not in methods:
            raise ExpressionError(f"cannot fetch {key} from {target.go_type}")
        return partial(methods[key], target)
    if isinstance(target, dict):
        return target.get(key) if isinstance(key, str) else None
    if isinstance(target, (list, str)):
        content: Any = target if isinstance(target, list) else target.encode()
        index = to_int(key)
        position = index + len(content) if index < 0 else index
        if not 0 <= position < len(content):
            raise ExpressionError(f"index out of range: {position} (array length is {len(content)})")
        return content[position]
    raise ExpressionError(f"cannot fetch {plain(key)} from {go_type(target)}")
