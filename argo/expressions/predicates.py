"""expr-lang's builtin functions that take a predicate: map, filter, reduce …

Facts: expr-lang v1.17, compiler/compiler.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import argo.expressions.nodes as nodes
from argo.expressions.builtins import sort_by
from argo.expressions.errors import ExpressionError
from argo.expressions.values import AnyMap, compute, go_type, truth


class Evaluation(Protocol):
    """An evaluation of arguments and predicates (argo.expressions.evaluator)."""

    def value(self, node: nodes.Node) -> Any: ...
    def predicate(self, body: nodes.Node, item: Any, index: int, **more: Any) -> Any: ...


Predicated = Callable[[Evaluation, nodes.Builtin], Any]


def _values(evaluation: Evaluation, node: nodes.Builtin) -> list[Any]:
    values = evaluation.value(node.arguments[0])
    if not isinstance(values, list):
        raise ExpressionError(f"builtin {node.name} takes only array (got {go_type(values)})", node.offset)
    return values


def _body(node: nodes.Builtin) -> nodes.Node | None:
    if len(node.arguments) < 2:
        return None
    predicate = node.arguments[1]
    return predicate.body if isinstance(predicate, nodes.Predicate) else predicate


def _results(evaluation: Evaluation, node: nodes.Builtin, values: list[Any] | None = None) -> Iterator[Any]:
    """The predicate's value for one item after another; without a predicate the items themselves."""
    body = _body(node)
    for index, item in enumerate(_values(evaluation, node) if values is None else values):
        yield item if body is None else evaluation.predicate(body, item, index)


def _tests(evaluation: Evaluation, node: nodes.Builtin) -> Iterator[bool]:
    return (truth(result) for result in _results(evaluation, node))


def _find(evaluation: Evaluation, node: nodes.Builtin, last: bool) -> int:
    values = _values(evaluation, node)
    body = _body(node)
    positions = range(len(values) - 1, -1, -1) if last else range(len(values))
    for index in positions:
        if body is not None and truth(evaluation.predicate(body, values[index], index)):
            return index
    return -1


def _found(last: bool) -> Predicated:
    def apply(evaluation: Evaluation, node: nodes.Builtin) -> Any:
        index = _find(evaluation, node, last)
        return _values(evaluation, node)[index] if index >= 0 else None

    return apply


def _index(last: bool) -> Predicated:
    def apply(evaluation: Evaluation, node: nodes.Builtin) -> int | None:
        index = _find(evaluation, node, last)
        return index if index >= 0 else None

    return apply


def _filter(evaluation: Evaluation, node: nodes.Builtin) -> list[Any]:
    values = _values(evaluation, node)
    return [item for item, kept in zip(values, _results(evaluation, node, values), strict=True) if truth(kept)]


def _sum(evaluation: Evaluation, node: nodes.Builtin) -> Any:
    total: Any = 0
    for value in _results(evaluation, node):
        total = compute("+", total, value)
    return total


def _group_by(evaluation: Evaluation, node: nodes.Builtin) -> dict[Any, list[Any]]:
    values = _values(evaluation, node)
    groups = AnyMap()
    for item, key in zip(values, _results(evaluation, node, values), strict=True):
        if isinstance(key, (list, dict)):
            raise ExpressionError(f"cannot group by {go_type(key)}", node.offset)
        groups.setdefault(key, []).append(item)
    return groups


def _sort_by(evaluation: Evaluation, node: nodes.Builtin) -> list[Any]:
    values = _values(evaluation, node)
    order = evaluation.value(node.arguments[2]) if len(node.arguments) > 2 else "asc"
    return sort_by(values, list(_results(evaluation, node, values)), order)


def _reduce(evaluation: Evaluation, node: nodes.Builtin) -> Any:
    values = _values(evaluation, node)
    body = _body(node)
    if len(node.arguments) > 2:
        total, start = evaluation.value(node.arguments[2]), 0
    elif values:
        total, start = values[0], 1
    else:
        raise ExpressionError("reduce of an empty array with no initial value", node.offset)
    for index in range(start, len(values)):
        if body is not None:
            total = evaluation.predicate(body, values[index], index, acc=total)
    return total


PREDICATE_FUNCTIONS: dict[str, Predicated] = {
    "all": lambda evaluation, node: all(_tests(evaluation, node)),
    "none": lambda evaluation, node: not any(_tests(evaluation, node)),
    "any": lambda evaluation, node: any(_tests(evaluation, node)),
    "one": lambda evaluation, node: sum(_tests(evaluation, node)) == 1,
    "filter": _filter,
    "map": lambda evaluation, node: list(_results(evaluation, node)),
    "count": lambda evaluation, node: sum(_tests(evaluation, node)),
    "sum": _sum,
    "find": _found(False),
    "findLast": _found(True),
    "findIndex": _index(False),
    "findLastIndex": _index(True),
    "groupBy": _group_by,
    "sortBy": _sort_by,
    "reduce": _reduce,
}
