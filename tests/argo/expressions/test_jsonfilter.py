"""Filters of JSONPath queries."""

from __future__ import annotations

import pytest

from argo.expressions.errors import ExpressionError
from argo.expressions.jsonpath import query

PEOPLE = {
    "limit": 42,
    "people": [
        {"name": "Ada", "age": 43, "tags": ["x"]},
        {"name": "Bob", "age": 42, "address": {"city": "O'Hara"}},
        {"name": "Cyd", "age": 7, "retired": False},
        "nobody",
    ],
}


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("@.age>41 && @.age<43", ["Bob"]),
        ("(@.age > 42 || @.age < 10) && @.name != 'Ada'", ["Cyd"]),
        ("@.address", ["Bob"]),
        ("!(@.age > 10)", ["Cyd"]),
        ("@.address.city == 'O\\'Hara'", ["Bob"]),
        ("@.age > $.limit", ["Ada"]),
        ("@.name =~ '^[AB]'", ["Ada", "Bob"]),
        ("@.name in ['Ada', 'Cyd']", ["Ada", "Cyd"]),
        ("@.age not in [7]", ["Ada", "Bob"]),
        ("@.retired", []),
        ("@.retired == false", ["Cyd"]),
        ("@['age'] >= 43", ["Ada"]),
    ],
)
def test_conditions(condition: str, names: list[str]) -> None:
    assert query(f"$.people[?({condition})].name", PEOPLE) == names


def test_a_filter_behind_a_recursive_step() -> None:
    assert query("$..[?(@.age == 7)].name", PEOPLE) == ["Cyd"]


@pytest.mark.parametrize("condition", ["@.age >", "(@.age", "&& @.age", ""])
def test_malformed(condition: str) -> None:
    with pytest.raises(ExpressionError):
        query(f"$.people[?({condition})]", PEOPLE)
