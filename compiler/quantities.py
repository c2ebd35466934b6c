"""Kubernetes' quantities as numbers."""

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = r"([0-9.]+)(?:[eE]([-+]?\d{1,3})|([a-zA-Z]*))"
_FACTORS: Final = {
    "": 1.0,
    "m": 0.001,
    "k": 1e3,
    **{unit: 10.0 ** (6 + 3 * power) for power, unit in enumerate("MGTPE")},
} | {f"{unit}i": 2.0 ** (10 * (power + 1)) for power, unit in enumerate("KMGTPE")}


def amount(quantity: str | None) -> float | None:
    """A quantity as a number; None where it is missing or a reference."""
    match = re.fullmatch(_PARTS, quantity) if quantity else None
    if match is None:
        return None
    try:
        return float(match[1]) * (10.0 ** int(match[2]) if match[2] else _FACTORS[match[3] or ""])
    except (KeyError, ValueError):
        return None
