"""Floats as Go writes them: fmt's `%v`, and the two notations that encoding/json chooses from, too."""

from __future__ import annotations

import math
from decimal import Decimal

_LARGE = 1e6  # from here on `%v` writes an exponent


def plain_float(value: float) -> str:
    """`%v` of a float64: an exponent (two digits at least) below 1e-4 and from 1e6 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size and (size < 1e-4 or size >= _LARGE):
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
