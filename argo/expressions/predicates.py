"""expr-lang's builtin functions that take a predicate: map, filter, reduce …

Each is given the list, and what tells the predicate's value of the item at an index. Facts: expr-lang v1.17,
compiler/compiler.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from typing import Any

from argo.expressions.builtins import sort_by
from argo.expressions.errors import ExpressionError
from argo.expressions.values import AnyMap, compute, go_type, truth

Values = list[Any]
Result = Callable[..., Any]


def _results(values: Values, result: Result) -> Iterable[Any]:
    return map(result, range(len(values)))


def _hits(indices: Iterable[int], result: Result) -> Iterator[int]:
    """The indices of items for which the predicate holds."""
    return (index for index in indices if truth(result(index)))


def _first(values: Values, result: Result) -> int | None:
    return next(_hits(range(len(values)), result), None)


def _last(values: Values, result: Result) -> int | None:
    return next(_hits(reversed(range(len(values))), result), None)


def _item(values: Values, index: int | None) -> Any:
    return None if index is None else values[index]


def _count(values: Values, result: Result) -> int:
    return sum(1 for _ in _hits(range(len(values)), result))


def _sum(values: Values, result: Result) -> Any:
    return reduce(partial(compute, "+"), _results(values, result), 0)


def _group_by(values: Values, result: Result) -> dict[Any, Values]:
    groups = AnyMap()
    for item, key in zip(values, _results(values, result), strict=True):
        if isinstance(key, (list, dict)):
            raise ExpressionError(f"cannot group by {go_type(key)}")
        groups.setdefault(key, []).append(item)
    return groups


def _reduce(values: Values, result: Result, *initial: Any) -> Any:
    if not values and not initial:
        raise ExpressionError("reduce of an empty array with no initial value")
    total = initial[0] if initial else values[0]
    for index in range(0 if initial else 1, len(values)):
        total = result(index, acc=total)
    return total


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "all": lambda values, result: all(map(truth, _results(values, result))),
    "none": lambda values, result: _first(values, result) is None,
    "any": lambda values, result: _first(values, result) is not None,
    "one": lambda values, result: _count(values, result) == 1,
    "filter": lambda values, result: [values[index] for index in _hits(range(len(values)), result)],
    "map": lambda values, result: list(_results(values, result)),
    "count": _count,
    "sum": _sum,
    "find": lambda values, result: _item(values, _first(values, result)),
    "findLast": lambda values, result: _item(values, _last(values, result)),
    "findIndex": _first,
    "findLastIndex": _last,
    "groupBy": _group_by,
    "sortBy": lambda values, result, order="asc": sort_by(values, list(_results(values, result)), order),
    "reduce": _reduce,
}
