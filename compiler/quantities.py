"""Reads Kubernetes' quantities as numbers, and writes bytes as people say them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?",
    re.ASCII,
)
_UNITS: Final = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_FACTORS: Final = {
    **{unit: Decimal(10) ** (3 * power) for power, unit in enumerate(_UNITS, -3)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def quantity(value: Any) -> Decimal:
    """A quantity (`500m`, `2Gi`, `1e3`) as a number. Raises ValueError for anything else."""
    match = None if isinstance(value, bool) else _QUANTITY.fullmatch(str(value))
    if match is None:
        raise ValueError(f"not a quantity: {value!r}")
    return Decimal(match[1]) * (Decimal(10) ** int(match[2]) if match[2] else _FACTORS[match[3] or ""])


def amount(value: Any) -> float | None:
    """A quantity as a number; None where it is missing, a reference or not one."""
    try:
        return float(quantity(value))
    except ValueError:
        return None


def size(count: float) -> str:
    """`0 B`, `12 KiB`, `3.4 MiB`: bytes in a person's terms."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
