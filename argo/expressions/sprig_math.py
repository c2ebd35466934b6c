"""Sprig's functions on numbers; texts are read as numbers, what is none counts 0."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.values import MAXIMUM_ITEMS, wrapped


def whole(value: Any) -> int:
    """Sprig's toInt64 (spf13/cast): 0 for what is no number; fractions are cut."""
    if isinstance(value, str):
        try:
            octal = re.fullmatch(r"[+-]?0[0-7]+", value)
            return int(value, 8) if octal else int(value, 0)
        except ValueError:
            return 0
    if isinstance(value, (bool, int)):
        return int(value)
    return int(value) if isinstance(value, float) and math.isfinite(value) else 0


def real(value: Any) -> float:
    """Sprig's toFloat64."""
    if isinstance(value, str):
        try:
            return float(value) if "_" not in value else 0.0
        except ValueError:
            return 0.0
    return float(value) if isinstance(value, (bool, int, float)) else 0.0


def _decimal(function: Callable[[Decimal, Decimal], Decimal], value: Any, others: tuple[Any, ...]) -> float:
    total = Decimal(repr(real(value)))
    try:
        for other in others:
            total = function(total, Decimal(repr(real(other))))
    except (InvalidOperation, ZeroDivisionError):
        raise ExpressionError("decimal division by 0") from None
    return float(total)


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise ExpressionError("integer divide by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _modulo(left: int, right: int) -> int:
    return left - right * _divided(left, right)


def _range(start: int, stop: int, step: int) -> list[int]:
    if step == 0 or (stop > start) != (step > 0):
        return []
    if abs((stop - start) // step) > MAXIMUM_ITEMS:
        raise ExpressionError("memory budget exceeded")
    return list(range(start, stop, step))


def _until(count: Any) -> list[int]:
    number = whole(count)
    return _range(0, number, 1 if number >= 0 else -1)


def _sequence(*bounds: Any) -> str:
    numbers = [whole(bound) for bound in bounds]
    if not 1 <= len(numbers) <= 3:
        return ""
    start = numbers[0] if len(numbers) > 1 else 1
    step = numbers[1] if len(numbers) == 3 else 0
    stop = numbers[-1]
    towards = 1 if stop >= start else -1
    step = step or towards
    return " ".join(map(str, _range(start, stop + towards, step))) if (step > 0) == (towards > 0) else ""


def _rounded(value: Any, places: Any, *half: Any) -> float:
    number, scale = real(value), 10.0 ** whole(places)
    limit = real(half[0]) if half else 0.5
    scaled = number * scale
    part = scaled - math.trunc(scaled)
    up = abs(part) >= limit
    return (math.trunc(scaled) + math.copysign(1, scaled) * up) / scale


def _octal(value: Any) -> int:
    try:
        return int(str(value), 8)
    except ValueError:
        return 0


MATH: dict[str, Callable[..., Any]] = {
    "atoi": lambda value: int(value) if re.fullmatch("[+-]?[0-9]+", value) else 0,
    "int": whole,
    "int64": whole,
    "float64": real,
    "toDecimal": _octal,
    "seq": _sequence,
    "until": _until,
    "untilStep": lambda start, stop, step: _range(whole(start), whole(stop), whole(step)),
    "add1": lambda value: wrapped(whole(value) + 1),
    "add": lambda *values: wrapped(sum(map(whole, values))),
    "sub": lambda left, right: wrapped(whole(left) - whole(right)),
    "div": lambda left, right: _divided(whole(left), whole(right)),
    "mod": lambda left, right: _modulo(whole(left), whole(right)),
    "mul": lambda first, *others: wrapped(math.prod(map(whole, (first, *others)))),
    "add1f": lambda value: _decimal(lambda a, b: a + b, value, (1,)),
    "addf": lambda *values: _decimal(lambda a, b: a + b, 0, values),
    "subf": lambda first, *others: _decimal(lambda a, b: a - b, first, others),
    "mulf": lambda first, *others: _decimal(lambda a, b: a * b, first, others),
    "divf": lambda first, *others: _decimal(lambda a, b: a / b, first, others),
    **dict.fromkeys(("max", "biggest"), lambda first, *others: max(map(whole, (first, *others)))),
    "min": lambda first, *others: min(map(whole, (first, *others))),
    "maxf": lambda first, *others: max(map(real, (first, *others))),
    "minf": lambda first, *others: min(map(real, (first, *others))),
    "ceil": lambda value: float(math.ceil(real(value))),
    "floor": lambda value: float(math.floor(real(value))),
    "round": _rounded,
    "randInt": lambda low, high: whole(low) + secrets.randbelow(whole(high) - whole(low)),
}
