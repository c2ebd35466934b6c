"""Expressions evaluated over an environment of nested dicts.

Facts: expr-lang v1.17 (checker, vm). Static types are not inferred: what expr refuses for its types alone is
refused here when it is reached; unknown names and wrong numbers of arguments are refused up front, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import argo.expressions.nodes as nodes
from argo.expressions.errors import ExpressionError
from argo.expressions.names import BUILTINS, PREDICATES
from argo.expressions.parser import parse
from argo.expressions.values import (
    compute,
    contained,
    equal,
    fetch,
    go_type,
    number_range,
    ordered,
    to_int,
    truth,
)

_HIDEABLE = frozenset(BUILTINS) | frozenset(PREDICATES)


def evaluate(expression: str, env: Mapping[str, Any]) -> Any:
    """The value of an expression: None, bool, int, float, str, list, dict, a time or a duration.

    Raises ExpressionError, with the offset of the part at fault.
    """
    tree = parse(expression, _HIDEABLE.intersection(env))
    for name, offset in _unknown(tree, env):
        raise ExpressionError(f"unknown name {name}", offset)
    try:
        return Evaluation(env).value(tree)
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply") from None
    except (OverflowError, MemoryError) as error:
        raise ExpressionError(f"the expression cannot be evaluated: {error}") from None


def missing_names(expression: str, env: Mapping[str, Any]) -> list[str]:
    """Names and dotted paths which the expression reads and `env` has not (Argo: missingVarsInEnv).

    Paths guarded by `??` or `?.` do not count, their first name does. Raises ExpressionError.
    """
    tree = parse(expression)
    guarded = _guarded(tree)
    missing: dict[str, None] = {}
    for node in nodes.walk(tree):
        if id(node) in guarded:
            continue
        name = node.name if isinstance(node, nodes.Identifier) else _path(node)
        if name is not None and not _has(env, name):
            missing[name] = None
    return list(missing)


def _guarded(tree: nodes.Node) -> set[int]:
    guarded: set[int] = set()
    for node in nodes.walk(tree):
        if isinstance(node, nodes.Binary) and node.operator == "??":
            guarded.update(id(below) for below in nodes.walk(node.left) if isinstance(below, nodes.Member))
        if isinstance(node, nodes.Member) and node.optional and isinstance(node.target, nodes.Member):
            guarded.add(id(node.target))
    return guarded


def _path(node: nodes.Node) -> str | None:
    parts: list[str] = []
    while isinstance(node, nodes.Member):
        if node.optional or not isinstance(node.key, nodes.Constant) or not isinstance(node.key.value, str):
            return None
        parts.append(node.key.value)
        node = node.target
    if not parts or not isinstance(node, nodes.Identifier):
        return None
    return ".".join([node.name, *reversed(parts)])


def _has(env: Mapping[str, Any], name: str) -> bool:
    if name in env:
        return True
    parts = name.split(".")
    prefixes = range(len(parts), 0, -1)
    length = next((count for count in prefixes if ".".join(parts[:count]) in env), 0)
    current: Any = env[".".join(parts[:length])] if length else env
    for part in parts[length:]:
        if not isinstance(current, Mapping) or part not in current:
            return False
        current = current[part]
    return True


def _unknown(tree: nodes.Node, env: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Names which are neither in the environment nor declared by `let`."""
    found: list[tuple[str, int]] = []
    pending: list[tuple[nodes.Node, frozenset[str]]] = [(tree, frozenset())]
    while pending:
        node, declared = pending.pop()
        if isinstance(node, nodes.Identifier) and not (
            node.name in env or node.name in declared or node.name == "$env"
        ):
            found.append((node.name, node.offset))
        if isinstance(node, nodes.Builtin):
            _check_arity(node)
        if isinstance(node, nodes.Binary) and node.operator in ("==", "!="):
            _check_comparable(node, env)
        if isinstance(node, nodes.Let):
            if node.name in declared or node.name in env or node.name in _HIDEABLE:
                raise ExpressionError(f"cannot redeclare {node.name}", node.offset)
            pending += [(node.value, declared), (node.body, declared | {node.name})]
        else:
            pending.extend((child, declared) for child in nodes.children(node))
    return sorted(found, key=lambda item: item[1])


def _check_comparable(node: nodes.Binary, env: Mapping[str, Any]) -> None:
    """Refuse, as expr does before it runs, to compare literals or top-level texts of different kinds."""
    kinds = [_static_kind(side, env) for side in (node.left, node.right)]
    if None not in kinds and kinds[0] != kinds[1]:
        names = " and ".join(map(str, kinds))
        raise ExpressionError(f"invalid operation: {node.operator} (mismatched types {names})", node.offset)


def _static_kind(node: nodes.Node, env: Mapping[str, Any]) -> str | None:
    value = node.value if isinstance(node, nodes.Constant) else None
    if isinstance(node, nodes.Identifier):
        value = env.get(node.name)
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else None


def _check_arity(node: nodes.Builtin) -> None:
    if node.name not in BUILTINS:
        return
    fewest, most = BUILTINS[node.name]
    given = len(node.arguments)
    if given < fewest:
        raise ExpressionError(f"not enough arguments to call {node.name}", node.offset)
    if most is not None and given > most:
        raise ExpressionError(f"too many arguments to call {node.name}", node.offset)


class Evaluation:
    """One run over a tree: the environment, declared variables, and the predicates' current items."""

    def __init__(self, env: Mapping[str, Any]) -> None:
        self.env = env
        self.variables: dict[str, Any] = {}
        self.pointers: list[dict[str, Any]] = []

    def value(self, node: nodes.Node) -> Any:
        try:
            return _EVALUATE[type(node)](self, node)
        except ExpressionError as error:
            if not error.offset:
                error.offset = node.offset
            raise

    def predicate(self, body: nodes.Node, item: Any, index: int, **more: Any) -> Any:
        """The body's value with `#` standing for the item."""
        self.pointers.append({"": item, "index": index, **more})
        try:
            return self.value(body)
        finally:
            self.pointers.pop()


def _constant(_: Evaluation, node: nodes.Constant) -> Any:
    return node.value


def _identifier(evaluation: Evaluation, node: nodes.Identifier) -> Any:
    if node.name in evaluation.variables:
        return evaluation.variables[node.name]
    return evaluation.env if node.name == "$env" and "$env" not in evaluation.env else evaluation.env[node.name]


def _pointer(evaluation: Evaluation, node: nodes.Pointer) -> Any:
    if not evaluation.pointers:
        raise ExpressionError("cannot use pointer accessor outside predicate")
    if node.name not in evaluation.pointers[-1]:
        raise ExpressionError(f"unknown pointer #{node.name}")
    return evaluation.pointers[-1][node.name]


def _unary(evaluation: Evaluation, node: nodes.Unary) -> Any:
    value = evaluation.value(node.operand)
    if node.operator in ("not", "!"):
        return not truth(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExpressionError(f"invalid operation: {node.operator} (mismatched type {go_type(value)})")
    return type(value)(-value) if node.operator == "-" else value


def _binary(evaluation: Evaluation, node: nodes.Binary) -> Any:
    left = evaluation.value(node.left)
    operator = node.operator
    if operator in ("and", "&&"):
        return truth(left) and truth(evaluation.value(node.right))
    if operator in ("or", "||"):
        return truth(left) or truth(evaluation.value(node.right))
    if operator == "??":
        return evaluation.value(node.right) if left is None else left
    return _OPERATIONS[operator](left, evaluation.value(node.right))


def _matches(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    from argo.expressions.patterns import search

    if not (isinstance(left, str) and isinstance(right, str)):
        raise ExpressionError(f"invalid operation: {go_type(left)} matches {go_type(right)}")
    return search(right, left) is not None


def _text_test(name: str, test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if not (isinstance(left, str) and isinstance(right, str)):
            raise ExpressionError(f"invalid operation: {go_type(left)} {name} {go_type(right)}")
        return test(left, right)

    return apply


def _operation(function: Callable[[str, Any, Any], Any], symbol: str) -> Callable[[Any, Any], Any]:
    return lambda left, right: function(symbol, left, right)


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "in": contained,
    "..": number_range,
    "matches": _matches,
    "contains": _text_test("contains", lambda left, right: right in left),
    "startsWith": _text_test("startsWith", str.startswith),
    "endsWith": _text_test("endsWith", str.endswith),
    **{symbol: _operation(ordered, symbol) for symbol in ("<", "<=", ">", ">=")},
    **{symbol: _operation(compute, symbol) for symbol in ("+", "-", "*", "/", "%", "**", "^")},
}


def _conditional(evaluation: Evaluation, node: nodes.Conditional) -> Any:
    return evaluation.value(node.then if truth(evaluation.value(node.condition)) else node.otherwise)


def _member(evaluation: Evaluation, node: nodes.Member) -> Any:
    target = evaluation.value(node.target)
    if target is None and node.optional:
        raise _NilInChainError
    return fetch(target, evaluation.value(node.key))


class _NilInChainError(Exception):
    """A `?.` met nil: the chain around it is nil."""


def _chain(evaluation: Evaluation, node: nodes.Chain) -> Any:
    try:
        return evaluation.value(node.inner)
    except _NilInChainError:
        return None


def _slice(evaluation: Evaluation, node: nodes.Slice) -> Any:
    target = evaluation.value(node.target)
    if not isinstance(target, (list, str)):
        raise ExpressionError(f"cannot slice {go_type(target)}")
    content: Any = target if isinstance(target, list) else target.encode("utf-8", "surrogatepass")  # Go: bytes
    length = len(content)
    start = 0 if node.start is None else to_int(evaluation.value(node.start))
    stop = length if node.stop is None else to_int(evaluation.value(node.stop))
    start = max(start + length, 0) if start < 0 else min(start, length)
    stop = max(stop + length, 0) if stop < 0 else min(stop, length)
    return content[start:stop] if isinstance(target, list) else content[start:stop].decode("utf-8", "replace")


def _call(evaluation: Evaluation, node: nodes.Call) -> Any:
    callee = evaluation.value(node.callee)
    arguments = [evaluation.value(argument) for argument in node.arguments]
    if not callable(callee):
        raise ExpressionError(f"{_path(node.callee) or getattr(node.callee, 'name', 'the value')} is not a function")
    return callee(*arguments)


def _builtin(evaluation: Evaluation, node: nodes.Builtin) -> Any:
    if node.name in PREDICATES:
        from argo.expressions.predicates import PREDICATE_FUNCTIONS

        return PREDICATE_FUNCTIONS[node.name](evaluation, node)
    from argo.expressions.builtins import FUNCTIONS

    return FUNCTIONS[node.name](*[evaluation.value(argument) for argument in node.arguments])


def _array(evaluation: Evaluation, node: nodes.Array) -> list[Any]:
    return [evaluation.value(item) for item in node.items]


def _map(evaluation: Evaluation, node: nodes.Map) -> dict[str, Any]:
    pairs = [(evaluation.value(key), evaluation.value(value)) for key, value in node.pairs]
    for key, _ in pairs:
        if not isinstance(key, str):
            raise ExpressionError(f"cannot use {go_type(key)} as a key of a map")
    return dict(pairs)


def _let(evaluation: Evaluation, node: nodes.Let) -> Any:
    evaluation.variables[node.name] = evaluation.value(node.value)
    try:
        return evaluation.value(node.body)
    finally:
        evaluation.variables.pop(node.name, None)


def _sequence(evaluation: Evaluation, node: nodes.Sequence) -> Any:
    return [evaluation.value(item) for item in node.items][-1]


def _predicate(_: Evaluation, __: nodes.Predicate) -> Any:
    raise ExpressionError("a predicate is no value")


_EVALUATE: dict[type[nodes.Node], Callable[[Evaluation, Any], Any]] = {
    nodes.Constant: _constant,
    nodes.Identifier: _identifier,
    nodes.Pointer: _pointer,
    nodes.Unary: _unary,
    nodes.Binary: _binary,
    nodes.Conditional: _conditional,
    nodes.Member: _member,
    nodes.Chain: _chain,
    nodes.Slice: _slice,
    nodes.Call: _call,
    nodes.Builtin: _builtin,
    nodes.Array: _array,
    nodes.Map: _map,
    nodes.Let: _let,
    nodes.Sequence: _sequence,
    nodes.Predicate: _predicate,
}
