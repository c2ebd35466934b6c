"""Quantities as Kubernetes reads them (resource.ParseQuantity)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from compiler.quantities import amount, quantity, size


@pytest.mark.parametrize(
    ("given", "number"),
    [("1", "1"), ("500m", "0.5"), ("2Gi", str(2 << 30)), ("1e3", "1000"), ("1E3", "1000"), ("1E", "1e18"),
     ("1Ei", str(1 << 60)), ("1.5k", "1500"), (3, "3"), ("1Ki", "1024"), ("100u", "0.0001"), ("250n", "2.5e-7"),
     ("+.5", "0.5"), ("-1", "-1"), (0.1, "0.1")],
)  # fmt: skip
def test_a_quantity_is_a_number(given: Any, number: str) -> None:
    assert quantity(given) == Decimal(number)
    assert amount(given) == float(number)


@pytest.mark.parametrize("given", ["", "much", "1e3k", "1K", "1gi", "٣", "1 Gi", "${{ params.cpu }}", True, None, "."])
def test_anything_else_is_none(given: Any) -> None:
    assert amount(given) is None
    with pytest.raises(ValueError, match="not a quantity"):
        quantity(given)


def test_bytes_as_people_say_them() -> None:
    assert [size(count) for count in (0, 999, 1024, 1536, 200 << 20, 3 << 40)] == [
        "0 B", "999 B", "1.0 KiB", "1.5 KiB", "200 MiB", "3.0 TiB",
    ]  # fmt: skip
