"""Expressions evaluated over an environment of nested dicts.

Facts: expr-lang v1.17 (checker, vm). Static types are not inferred: what expr refuses for its types alone is
refused here when it is reached; unknown names and wrong numbers of arguments are refused up front, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
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
    is_number,
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
    for node in nodes.walk(tree):
        if isinstance(node, nodes.Builtin):
            _check_arity(node)
        elif isinstance(node, nodes.Binary) and node.operator in ("==", "!="):
            _check_comparable(node, env)
    _check_names(tree, env)
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


def _check_names(tree: nodes.Node, env: Mapping[str, Any]) -> None:
    """Refuse names which are neither in the environment nor declared by `let`: the first of them."""
    unknown: list[nodes.Identifier] = []
    pending: list[tuple[nodes.Node, frozenset[str]]] = [(tree, frozenset(("$env",)))]
    while pending:
        node, declared = pending.pop()
        if isinstance(node, nodes.Let):
            if node.name in declared or node.name in env or node.name in _HIDEABLE:
                raise ExpressionError(f"cannot redeclare {node.name}", node.offset)
            pending += [(node.value, declared), (node.body, declared | {node.name})]
            continue
        if isinstance(node, nodes.Identifier) and node.name not in env and node.name not in declared:
            unknown.append(node)
        pending += [(child, declared) for child in nodes.children(node)]
    if unknown:
        first = min(unknown, key=lambda node: node.offset)
        raise ExpressionError(f"unknown name {first.name}", first.offset)


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
        """The value of a node, by the method of its class's name."""
        try:
            return getattr(self, f"_{type(node).__name__.lower()}")(node)
        except ExpressionError as error:
            if not error.offset:
                error.offset = node.offset
            raise

    def _values(self, several: Iterable[nodes.Node]) -> list[Any]:
        return [self.value(node) for node in several]

    def _constant(self, node: nodes.Constant) -> Any:
        return node.value

    def _identifier(self, node: nodes.Identifier) -> Any:
        if node.name in self.variables:
            return self.variables[node.name]
        return self.env if node.name == "$env" and "$env" not in self.env else self.env[node.name]

    def _pointer(self, node: nodes.Pointer) -> Any:
        if not self.pointers:
            raise ExpressionError("cannot use pointer accessor outside predicate")
        if node.name not in self.pointers[-1]:
            raise ExpressionError(f"unknown pointer #{node.name}")
        return self.pointers[-1][node.name]

    def _unary(self, node: nodes.Unary) -> Any:
        value = self.value(node.operand)
        if node.operator in ("not", "!"):
            return not truth(value)
        if not is_number(value):
            raise ExpressionError(f"invalid operation: {node.operator} (mismatched type {go_type(value)})")
        return type(value)(-value) if node.operator == "-" else value

    def _binary(self, node: nodes.Binary) -> Any:
        left = self.value(node.left)
        operator = node.operator
        if operator in ("and", "&&"):
            return truth(left) and truth(self.value(node.right))
        if operator in ("or", "||"):
            return truth(left) or truth(self.value(node.right))
        if operator == "??":
            return self.value(node.right) if left is None else left
        return _OPERATIONS[operator](left, self.value(node.right))

    def _conditional(self, node: nodes.Conditional) -> Any:
        return self.value(node.then if truth(self.value(node.condition)) else node.otherwise)

    def _member(self, node: nodes.Member) -> Any:
        target = self.value(node.target)
        if target is None and node.optional:
            raise _NilInChainError
        return fetch(target, self.value(node.key))

    def _chain(self, node: nodes.Chain) -> Any:
        try:
            return self.value(node.inner)
        except _NilInChainError:
            return None

    def _slice(self, node: nodes.Slice) -> Any:
        target = self.value(node.target)
        if not isinstance(target, (list, str)):
            raise ExpressionError(f"cannot slice {go_type(target)}")
        content: Any = target if isinstance(target, list) else target.encode("utf-8", "surrogatepass")  # Go: bytes
        bounds = slice(*(None if bound is None else to_int(self.value(bound)) for bound in (node.start, node.stop)))
        return content[bounds] if isinstance(target, list) else content[bounds].decode("utf-8", "replace")

    def _call(self, node: nodes.Call) -> Any:
        callee = self.value(node.callee)
        arguments = self._values(node.arguments)
        name = _path(node.callee) or getattr(node.callee, "name", "the value")
        if not callable(callee):
            raise ExpressionError(f"{name} is not a function")
        try:
            return callee(*arguments)
        except TypeError:
            raise ExpressionError(f"{name} does not take these arguments") from None

    def _builtin(self, node: nodes.Builtin) -> Any:
        from argo.expressions.builtins import FUNCTIONS

        if node.name in PREDICATES:
            return self._predicated(node)
        return FUNCTIONS[node.name](*self._values(node.arguments))

    def _predicated(self, node: nodes.Builtin) -> Any:
        """The value of a function that takes a predicate."""
        from argo.expressions.predicates import FUNCTIONS

        values, *more = self._values(node.arguments[::2])
        if not isinstance(values, list):
            raise ExpressionError(f"builtin {node.name} takes only array (got {go_type(values)})")
        predicate = node.arguments[1] if len(node.arguments) > 1 else None

        def result(index: int, **pointers: Any) -> Any:
            """The predicate's value with `#` standing for the item at `index`; without a predicate the item itself."""
            if predicate is None:
                return values[index]
            self.pointers.append({"": values[index], "index": index, **pointers})
            try:
                return self.value(predicate)
            finally:
                self.pointers.pop()

        return FUNCTIONS[node.name](values, result, *more)

    def _predicate(self, node: nodes.Predicate) -> Any:
        return self.value(node.body)

    def _array(self, node: nodes.Array) -> list[Any]:
        return self._values(node.items)

    def _map(self, node: nodes.Map) -> dict[str, Any]:
        pairs = [self._values(pair) for pair in node.pairs]
        for key, _ in pairs:
            if not isinstance(key, str):
                raise ExpressionError(f"cannot use {go_type(key)} as a key of a map")
        return dict(pairs)

    def _let(self, node: nodes.Let) -> Any:
        self.variables[node.name] = self.value(node.value)
        try:
            return self.value(node.body)
        finally:
            self.variables.pop(node.name, None)

    def _sequence(self, node: nodes.Sequence) -> Any:
        return self._values(node.items)[-1]


class _NilInChainError(Exception):
    """A `?.` met nil: the chain around it is nil."""


def _text_test(name: str, test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def apply(left: Any, right: Any) -> bool:
        if left is None or right is None:
            return False
        if not (isinstance(left, str) and isinstance(right, str)):
            raise ExpressionError(f"invalid operation: {go_type(left)} {name} {go_type(right)}")
        return test(left, right)

    return apply


def _matches(left: str, right: str) -> bool:
    from argo.expressions.patterns import search

    return search(right, left) is not None


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "in": contained,
    "..": number_range,
    "matches": _text_test("matches", _matches),
    "contains": _text_test("contains", str.__contains__),
    "startsWith": _text_test("startsWith", str.startswith),
    "endsWith": _text_test("endsWith", str.endswith),
    **{symbol: partial(ordered, symbol) for symbol in ("<", "<=", ">", ">=")},
    **{symbol: partial(compute, symbol) for symbol in ("+", "-", "*", "/", "%", "**", "^")},
}
