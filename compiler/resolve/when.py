"""`when`: conditions over references and constants, parsed and typed."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, cast

from compiler.diagnostics import did_you_mean
from compiler.program import Condition, Literal_, Origin
from compiler.refs import Ref, RefError, parse
from compiler.resolve.context import Context
from compiler.resolve.logic import ExpressionError, Parser, Token, tokens
from compiler.resolve.scope import Scope, Site
from compiler.resolve.types import Type, describe, of_constant

Operand: TypeAlias = "Condition | Ref | Literal_"
Comparison: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in"]

_WORDS: Final = re.compile(
    r"(?P<ref>\$\{\{.*?\}\})"
    r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))"
    r"|(?P<op>==|!=|<=|>=|<|>|&&|\|\||[!()\[\],]|in\b)"
    r"|(?P<bool>true\b|false\b)"
    r"|(?P<word>[\w.-]+)",
    re.DOTALL,
)
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})
_DIGITS: Final = 18  # of a 64-bit integer
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_GROUPS: Final = {"int": "number", "number": "number", "bool": "bool", "string": "text", "enum": "text"}


def resolve_when(context: Context, scope: Scope, text: str, site: Site) -> Condition | None:
    """The condition of a task; None, with a diagnostic, where it is malformed."""
    origin = site.origin.at("when")
    try:
        condition = parse_when(text)
    except ExpressionError as error:
        context.add("A312", origin, error.message, hint=error.hint, within=(error.start, error.end))
        return None
    _Typing(context, scope, site, origin, text).check(condition)
    return condition


def parse_when(text: str) -> Condition:
    """The tree of a condition. Raises ExpressionError."""
    reader = _Reader()
    tree = Parser(tokens(text, _WORDS), reader.leaf, reader.join).parse()
    return tree if isinstance(tree, Condition) else Condition("truth", (tree,))


class _Reader:
    """Reads the leaves of a condition: comparisons, and operands that stand alone."""

    def join(self, op: Literal["and", "or", "not"], operands: tuple[Operand, ...]) -> Operand:
        return Condition(op, tuple(self._truth(operand) for operand in operands))

    def leaf(self, parser: Parser[Operand]) -> Operand:
        left = self._operand(parser)
        operator = parser.take(*_COMPARISONS)
        if operator is None:
            return Condition("truth", (left,))
        right = self._list(parser) if operator.kind == "in" else self._operand(parser)
        return Condition(cast("Comparison", operator.kind), (left, right))

    def _truth(self, operand: Operand) -> Condition:
        return operand if isinstance(operand, Condition) else Condition("truth", (operand,))

    def _list(self, parser: Parser[Operand]) -> Literal_:
        if not parser.take("["):
            parser.fail("a list is expected at", "for example: ${{ params.mode }} in ['fast', 'slow']")
        values: list[object] = []
        while not parser.take("]"):
            if values and not parser.take(","):
                parser.fail("a comma is missing before")
            value = self._operand(parser)
            if isinstance(value, Ref):
                raise ExpressionError("a list holds constants only", value.start, value.end)
            values.append(value.value)
        return Literal_(tuple(values))

    def _operand(self, parser: Parser[Operand]) -> Ref | Literal_:
        word = parser.take("ref", "text", "number", "bool")
        if word is None:
            unquoted = parser.peek()
            hint = f"quote text: '{unquoted.text}'" if unquoted and unquoted.kind == "word" else None
            parser.fail("a reference or a constant is expected at", hint)
        if word.kind == "ref":
            return _reference(word)
        if word.kind == "bool":
            return Literal_(word.text == "true")
        if word.kind == "number":
            return Literal_(_number(word))
        if "${{" in word.text:
            hint = "write the reference without quotes, it is compared as the value it has"
            raise ExpressionError("a reference in quotes", word.start, word.end, hint)
        return Literal_(_ESCAPE.sub(r"\1", word.text[1:-1]))


def _number(word: Token) -> int | float:
    if any(character in word.text for character in ".eE"):
        return float(word.text)
    if len(word.text) > _DIGITS:
        raise ExpressionError("the number is too large", word.start, word.end)
    return int(word.text)


def _reference(word: Token) -> Ref | Literal_:
    try:
        parsed = parse(word.text)
    except RefError as error:
        start, end = error.start + word.start, error.end + word.start
        raise ExpressionError(error.message, start, end, error.hint) from None
    if isinstance(parsed, Ref):
        return Ref(parsed.kind, parsed.name, parsed.output, parsed.attribute, word.start, word.end)
    return Literal_(parsed)


class _Typing:
    """Holds a condition against the types of its references."""

    def __init__(self, context: Context, scope: Scope, site: Site, origin: Origin, text: str) -> None:
        self._context = context
        self._scope = scope
        self._site = site
        self._origin = origin
        self._text = text

    def check(self, condition: Condition) -> None:
        if condition.op in ("and", "or", "not"):
            for operand in condition.operands:
                if isinstance(operand, Condition):
                    self.check(operand)
            return
        refs = [operand for operand in condition.operands if isinstance(operand, Ref)]
        types = {id(ref): self._scope.type_of(ref, self._site, ("when",)) for ref in refs}
        fault = self._artifact(refs, types) or self._fault(condition, types)
        if fault:
            within = (refs[0].start, refs[-1].end) if refs else (0, len(self._text))
            self._context.add("A313", self._origin, fault[0], hint=fault[1], within=within)

    def _artifact(self, refs: list[Ref], types: dict[int, Type]) -> tuple[str, str | None] | None:
        for ref in refs:
            type_ = types[id(ref)]
            if not type_.is_value or type_.kind == "json":
                hint = "declare an output of `kind: value` for what decides" if not type_.is_value else None
                return f"{describe(type_)} cannot be compared", hint
        return None

    def _fault(self, condition: Condition, types: dict[int, Type]) -> tuple[str, str | None] | None:
        sides = [types[id(side)] if isinstance(side, Ref) else _constant(side) for side in condition.operands]
        if condition.op == "truth":
            if sides[0].kind in ("bool", "any", "unknown"):
                return None
            return f"{describe(sides[0])} is not a condition", "compare it, for example == 'yes'"
        left = sides[0]
        if condition.op == "in":
            literal = condition.operands[1]
            values = literal.value if isinstance(literal, Literal_) else ()
            faults = (_mismatch(left, of_constant(value), value, "==") for value in values)
            return next((fault for fault in faults if fault), None)
        right, literal = sides[1], condition.operands[1]
        value = literal.value if isinstance(literal, Literal_) else None
        return _mismatch(left, right, value, condition.op)


def _constant(side: Condition | Literal_) -> Type:
    return of_constant(side.value) if isinstance(side, Literal_) else Type("bool")


def _mismatch(left: Type, right: Type, value: object, op: str) -> tuple[str, str | None] | None:
    groups = [_GROUPS.get(type_.kind) for type_ in (left, right)]
    if op in _ORDERED and any(group not in ("number", None) for group in groups):
        text = left if groups[0] not in ("number", None) else right
        return f"'{op}' compares numbers, this is {describe(text)}", "declare the parameter or output as int or number"
    if left.kind == "enum" and value is not None:
        if str(value) in map(str, left.values):
            return None
        hint = did_you_mean(str(value), map(str, left.values)) or f"the values are {', '.join(map(str, left.values))}"
        return f"{value!r} is not among the values it may have", hint
    if None not in groups and groups[0] != groups[1]:
        quoted = f"write '{value}'" if groups[0] == "text" and value is not None else None
        return f"{describe(left)} is never equal to {describe(right)}", quoted
    return None
