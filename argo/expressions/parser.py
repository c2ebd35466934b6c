"""Expression text -> syntax tree, with expr-lang's grammar and precedences.

Facts: expr-lang v1.17, parser/parser.go and parser/operator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import argo.expressions.nodes as nodes
from argo.expressions.errors import ExpressionError
from argo.expressions.lexer import Token, tokenize
from argo.expressions.names import BUILTINS, PREDICATES

T = TypeVar("T")
MAXIMUM_NODES = 10_000  # expr's own limit
MAXIMUM_NESTING = 60
MAXIMUM_HEIGHT = 200

UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15, "==": 20, "!=": 20, "<": 20, ">": 20, ">=": 20, "<=": 20,
    "in": 20, "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20, "..": 25, "+": 30, "-": 30,
    "*": 60, "/": 60, "%": 60, "**": 100, "^": 100, "??": 500,
}  # fmt: skip
_RIGHT = frozenset({"**", "^"})
_COMPARISONS = frozenset({"<", ">", ">=", "<="})
_NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})


@lru_cache(maxsize=4096)
def parse(text: str, overridden: frozenset[str] = frozenset()) -> nodes.Node:
    """The tree of an expression; `overridden` names the builtins hidden by variables. Raises ExpressionError."""
    parser = _Parser(tokenize(text), overridden)
    tree = parser.sequence()
    parser.expect("EOF")
    if nodes.height(tree) > MAXIMUM_HEIGHT:
        raise ExpressionError("the expression is nested too deeply", tree.offset)
    return tree


class _Parser:
    def __init__(self, tokens: list[Token], overridden: frozenset[str]) -> None:
        if len(tokens) > MAXIMUM_NODES:
            raise ExpressionError("compilation failed: expression exceeds maximum allowed nodes")
        self.tokens = tokens
        self.index = 0
        self.overridden = overridden
        self.predicates = 0
        self.nesting = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def next(self) -> Token:
        token = self.tokens[self.index]
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def unexpected(self) -> ExpressionError:
        return ExpressionError(f"unexpected token {self.current}", self.current.offset)

    def expect(self, kind: str, value: str | None = None) -> Token:
        if self.current.kind != kind or (value is not None and self.current.value != value):
            raise self.unexpected()
        return self.next()

    def take(self, kind: str, value: str) -> bool:
        if self.current.kind == kind and self.current.value == value:
            self.next()
            return True
        return False

    def sequence(self) -> nodes.Node:
        items = [self.expression()]
        while self.take("Operator", ";"):
            if self.current.kind == "EOF":
                break
            items.append(self.expression())
        return items[0] if len(items) == 1 else nodes.Sequence(items[0].offset, tuple(items))

    def expression(self, precedence: int = 0) -> nodes.Node:
        self.nesting += 1
        if self.nesting > MAXIMUM_NESTING:
            raise ExpressionError("the expression is nested too deeply", self.current.offset)
        if precedence == 0 and self.current.is_operator("let"):
            node: nodes.Node = self.declaration()
        elif precedence == 0 and self.current.is_operator("if"):
            node = self.branch()
        else:
            node = self.operations(precedence)
            node = self.ternary(node) if precedence == 0 else node
        self.nesting -= 1
        return node

    def operations(self, precedence: int) -> nodes.Node:
        left = self.primary()
        previous = ""
        while self.current.kind == "Operator":
            start = self.index
            negated = self.take("Operator", "not")
            token = self.current
            if negated and token.value not in _NEGATABLE:
                raise self.unexpected()
            if BINARY.get(token.value, -1) < precedence:
                self.index = start
                break
            self.next()
            left = self.operation(left, token, previous)
            if negated:
                left = nodes.Unary(token.offset, "not", left)
            previous = token.value
        return left

    def operation(self, left: nodes.Node, token: Token, previous: str) -> nodes.Node:
        operator, precedence = token.value, BINARY[token.value]
        if operator == "|":
            return self.postfix(self.call(self.expect("Identifier"), (left,), True))
        if previous == "??" and operator != "??":
            raise ExpressionError(
                f"Operator ({operator}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
                token.offset,
            )
        if operator in _COMPARISONS:
            return self.comparison(left, token)
        right = self.expression(precedence if operator in _RIGHT else precedence + 1)
        return nodes.Binary(token.offset, operator, left, right)

    def comparison(self, left: nodes.Node, token: Token) -> nodes.Node:
        root: nodes.Node | None = None
        while True:
            right = self.expression(BINARY[token.value] + 1)
            compared = nodes.Binary(token.offset, token.value, left, right)
            root = compared if root is None else nodes.Binary(token.offset, "&&", root, compared)
            if not self.current.is_operator(*_COMPARISONS):
                return root
            left, token = right, self.next()

    def declaration(self) -> nodes.Node:
        self.next()
        name = self.expect("Identifier")
        self.expect("Operator", "=")
        value = self.expression()
        self.expect("Operator", ";")
        return nodes.Let(name.offset, name.value, value, self.sequence())

    def branch(self) -> nodes.Node:
        offset = self.next().offset
        condition = self.expression()
        then = self.block()
        self.expect("Operator", "else")
        otherwise = self.expression() if self.current.is_operator("if") else self.block()
        return nodes.Conditional(offset, condition, then, otherwise)

    def block(self) -> nodes.Node:
        self.expect("Bracket", "{")
        node = self.sequence()
        self.expect("Bracket", "}")
        return node

    def ternary(self, node: nodes.Node) -> nodes.Node:
        while self.current.is_operator("?"):
            offset = self.next().offset
            if self.take("Operator", ":"):
                node = nodes.Conditional(offset, node, node, self.expression())
                continue
            then = self.expression()
            self.expect("Operator", ":")
            node = nodes.Conditional(offset, node, then, self.expression())
        return node

    def primary(self) -> nodes.Node:
        token = self.current
        if token.kind == "Operator" and token.value in UNARY:
            self.next()
            return self.postfix(nodes.Unary(token.offset, token.value, self.expression(UNARY[token.value])))
        if self.take("Bracket", "("):
            node = self.sequence()
            self.expect("Bracket", ")")
            return self.postfix(node)
        if self.predicates and token.is_operator("#", "."):
            return self.postfix(self.pointer())
        if self.take("Operator", "::"):
            return self.postfix(self.call(self.expect("Identifier"), (), False))
        return self.secondary()

    def pointer(self) -> nodes.Node:
        token = self.current
        name = ""
        if self.take("Operator", "#") and self.current.kind == "Identifier":
            adjacent = self.current.offset == token.offset + 1
            name = self.next().value if adjacent else name
        return nodes.Pointer(token.offset, name)

    def secondary(self) -> nodes.Node:
        token = self.current
        if token.kind == "Identifier":
            return self.word()
        if token.kind == "Number":
            self.next()
            return nodes.Constant(token.offset, _number(token))
        if token.kind == "String":
            self.next()
            return self.postfix(nodes.Constant(token.offset, token.value))
        if token.is_bracket("["):
            return self.postfix(nodes.Array(token.offset, self.items("[", "]", self.expression)))
        if token.is_bracket("{"):
            pairs: tuple[tuple[nodes.Node, nodes.Node], ...] = self.items("{", "}", self.pair)
            return self.postfix(nodes.Map(token.offset, pairs))
        raise self.unexpected()

    def word(self) -> nodes.Node:
        token = self.next()
        if token.value in _CONSTANTS:
            return nodes.Constant(token.offset, _CONSTANTS[token.value])
        if self.current.is_bracket("("):
            return self.postfix(self.call(token, (), True))
        return self.postfix(nodes.Identifier(token.offset, token.value))

    def pair(self) -> tuple[nodes.Node, nodes.Node]:
        token = self.current
        if token.kind in ("Number", "String", "Identifier"):
            self.next()
            key: nodes.Node = nodes.Constant(token.offset, token.value)
        elif token.is_bracket("("):
            key = self.expression()
        else:
            raise ExpressionError(
                "a map key must be a quoted string, a number, a identifier, or an expression enclosed in parentheses"
                f" (unexpected token {token})",
                token.offset,
            )
        self.expect("Operator", ":")
        return key, self.expression()

    def items(self, opening: str, closing: str, read: Callable[[], T]) -> tuple[T, ...]:
        found: list[T] = []
        self.expect("Bracket", opening)
        while not self.current.is_bracket(closing):
            if found:
                self.expect("Operator", ",")
                if self.current.is_bracket(closing):
                    break
            found.append(read())
        self.expect("Bracket", closing)
        return tuple(found)

    def call(self, token: Token, arguments: tuple[nodes.Node, ...], overridable: bool) -> nodes.Node:
        hidden = overridable and token.value in self.overridden
        if token.value in PREDICATES and not hidden:
            return nodes.Builtin(token.offset, token.value, self.predicate_arguments(token.value, arguments))
        arguments += self.items("(", ")", self.expression)
        if token.value in BUILTINS and not hidden:
            return nodes.Builtin(token.offset, token.value, arguments)
        return nodes.Call(token.offset, nodes.Identifier(token.offset, token.value), arguments)

    def predicate_arguments(self, name: str, given: tuple[nodes.Node, ...]) -> tuple[nodes.Node, ...]:
        required, kinds = PREDICATES[name]
        arguments = list(given)
        self.expect("Bracket", "(")
        first = True
        for position in range(len(given), len(kinds)):
            if self.current.is_bracket(")"):
                if position < required:
                    raise ExpressionError(f"expected at least {required} arguments", self.current.offset)
                break
            if not first:
                self.expect("Operator", ",")
            if self.current.is_bracket(")"):
                break
            first = False
            arguments.append(self.predicate() if kinds[position] == "predicate" else self.expression())
        self.take("Operator", ",")
        self.expect("Bracket", ")")
        return tuple(arguments)

    def predicate(self) -> nodes.Node:
        offset = self.current.offset
        bracketed = self.take("Bracket", "{")
        self.predicates += 1
        body = self.sequence() if bracketed else self.expression()
        if not bracketed and self.current.is_operator(";"):
            raise ExpressionError("wrap predicate with brackets { and }", self.current.offset)
        self.predicates -= 1
        if bracketed:
            self.expect("Bracket", "}")
        return nodes.Predicate(offset, body)

    def postfix(self, node: nodes.Node) -> nodes.Node:
        while True:
            token = self.current
            if token.is_operator(".", "?."):
                self.next()
                optional = token.value == "?."
                if optional and self.current.is_bracket("["):
                    node = self.indexed(node, True)
                else:
                    node = self.named(node, optional)
            elif token.is_bracket("["):
                node = self.indexed(node, False)
            else:
                return node

    def named(self, node: nodes.Node, optional: bool) -> nodes.Node:
        token = self.next()
        if not (token.kind == "Identifier" or (token.kind == "Operator" and token.value.isidentifier())):
            raise ExpressionError("expected name", token.offset)
        chained = isinstance(node, nodes.Chain)
        target = node.inner if isinstance(node, nodes.Chain) else node
        result: nodes.Node = nodes.Member(token.offset, target, nodes.Constant(token.offset, token.value), optional)
        if self.current.is_bracket("("):
            result = nodes.Call(token.offset, result, self.items("(", ")", self.expression))
        return nodes.Chain(token.offset, result) if chained or optional else result

    def indexed(self, node: nodes.Node, optional: bool) -> nodes.Node:
        offset = self.next().offset
        start = None if self.current.is_operator(":") else self.expression()
        if self.take("Operator", ":"):
            stop = None if self.current.is_bracket("]") else self.expression()
            self.expect("Bracket", "]")
            return nodes.Slice(offset, node, start, stop)
        self.expect("Bracket", "]")
        if start is None:
            raise self.unexpected()
        member = nodes.Member(offset, node, start, optional)
        return nodes.Chain(offset, member) if optional else member


_CONSTANTS = {"true": True, "false": False, "nil": None}


def _number(token: Token) -> int | float:
    text = token.value.replace("_", "").lower()
    prefixed = text[:2] in ("0x", "0b", "0o")
    try:
        if not prefixed and ("." in text or "e" in text):
            return float(text)
        value = int(text, 0 if prefixed else 10)
    except ValueError as error:
        raise ExpressionError(f"invalid number literal: {error}", token.offset) from None
    if value >= 2**63:
        raise ExpressionError(f"invalid integer literal: {text}: value out of range", token.offset)
    return value
