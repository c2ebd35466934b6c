"""`when` conditions: govaluate's language as Argo uses it, unquoted words being texts.

Facts: Argo workflow/controller/steps.go (shouldExecute); the govaluate version of its go.mod.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argo.expressions.errors import ExpressionError, WhenError
from argo.expressions.gojson import plain
from argo.expressions.values import ORDER, power

MAXIMUM_DEPTH = 100
_TOKEN = re.compile(
    r"\s+|(?P<NUMERIC>0[xX][0-9a-fA-F]+|[\d.]+)|(?P<CLAUSE>\()|(?P<CLAUSE_CLOSE>\))|(?P<SEPARATOR>,)"
    r"|\[(?P<VARIABLE>[^\]]*)\]|(?P<word>[^\W\d_](?:\\.|[\w.])*)|['\"](?P<STRING>(?:\\.|[^'\"\\])*)['\"]"
    r"|(?P<operator>(?:[^\w\s()\[\]'\"]|_)+)",
    re.DOTALL,
)
_UNCLOSED = {"[": "Unclosed parameter bracket", "'": "Unclosed string literal", '"': "Unclosed string literal"}
_COMPARATORS = frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~"})
_OPERATORS = {
    "MODIFIER": frozenset({"+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"}),
    "LOGICALOP": frozenset({"&&", "||"}),
    "COMPARATOR": _COMPARATORS,
    "TERNARY": frozenset({"?", ":", "??"}),
}
_PREFIXES = frozenset({"-", "!", "~"})
_LEVELS: tuple[frozenset[str], ...] = (
    _OPERATORS["TERNARY"],
    frozenset({"||"}),
    frozenset({"&&"}),
    _COMPARATORS | {"in"},
    frozenset({"|", "&", "^"}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
_OPERANDS = ("NUMERIC", "STRING", "BOOLEAN", "VARIABLE", "CLAUSE_CLOSE", "ACCESSOR")  # or what ends one
_MISSING = object()  # what an unmet `?` gives


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: Any
    offset: int


def evaluate_when(text: str) -> bool:
    """True where a node with this condition (already substituted) is to run; an empty one always is.

    Raises WhenError with Argo's message.
    """
    if text == "":
        return True
    try:
        tokens = _tokens(text)
        _check_order(tokens)
    except WhenError as error:
        hint = ' (hint: try wrapping the affected expression in quotes ("))' if "Invalid token" in error.message else ""
        raise WhenError(f"Invalid 'when' expression '{text}': {error.message}{hint}", error.offset) from None
    try:
        result = _Evaluation(tokens).run()
    except WhenError as error:
        raise WhenError(f"Failed to evaluate 'when' expression '{text}': {error.message}", error.offset) from None
    except (RecursionError, OverflowError, ValueError, MemoryError) as error:
        raise WhenError(f"Failed to evaluate 'when' expression '{text}': {error}") from None
    if not isinstance(result, bool):
        raise WhenError(f"Expected boolean evaluation for '{text}'. Got {plain(result)}")
    return result


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise WhenError(_UNCLOSED.get(text[position], "Invalid token: ''"), position)
        if match.lastgroup:
            tokens.append(_token(match.lastgroup, match[match.lastgroup], position, tokens))
        position = match.end()
    if sum({"CLAUSE": 1, "CLAUSE_CLOSE": -1}.get(token.kind, 0) for token in tokens):
        raise WhenError("Unbalanced parenthesis", len(text))
    return tokens


def _token(kind: str, text: str, offset: int, before: list[_Token]) -> _Token:
    if kind == "NUMERIC":
        return _Token(kind, _number(text, offset), offset)
    if kind == "operator":
        return _Token(_operator(text, offset, before), text, offset)
    if kind in ("STRING", "word"):
        text = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    return _word(text, offset) if kind == "word" else _Token(kind, text, offset)


def _number(text: str, offset: int) -> float:
    try:
        # Go's ParseFloat knows no digits but those of ASCII.
        return float(int(text, 16)) if text[1:2] in ("x", "X") else float(text.encode("ascii"))
    except ValueError:
        raise WhenError(f"Unable to parse numeric value '{text}' to float64\n", offset) from None


def _word(name: str, offset: int) -> _Token:
    if name in ("true", "false"):
        return _Token("BOOLEAN", name == "true", offset)
    if name in ("in", "IN"):
        return _Token("COMPARATOR", "in", offset)
    if "." not in name:
        return _Token("VARIABLE", name, offset)
    if name.endswith("."):
        raise WhenError(f"Hanging accessor on token '{name}'", offset)
    for part in name.split(".")[1:]:
        if part[:1] != part[:1].upper() or not part[:1].isalpha():
            raise WhenError(f"Unable to access unexported field '{part}' in token '{name}'", offset)
    return _Token("ACCESSOR", name, offset)


def _operator(symbol: str, offset: int, before: list[_Token]) -> str:
    if symbol in _PREFIXES and not _ends_operand(before):
        return "PREFIX"
    for kind, symbols in _OPERATORS.items():
        if symbol in symbols:
            return kind
    raise WhenError(f"Invalid token: '{symbol}'", offset)


def _ends_operand(tokens: list[_Token]) -> bool:
    return bool(tokens) and tokens[-1].kind in _OPERANDS


def _check_order(tokens: list[_Token]) -> None:
    for index, token in enumerate(tokens):
        operand = _ends_operand(tokens[:index][-1:])
        joins = token.kind in _OPERATORS or token.kind in ("SEPARATOR", "CLAUSE_CLOSE")
        empty_clause = token.kind == "CLAUSE_CLOSE" and index > 0 and tokens[index - 1].kind == "CLAUSE"
        if operand != joins and not empty_clause:
            previous = tokens[index - 1] if index else _Token("UNKNOWN", "<nil>", 0)
            raise WhenError(
                f"Cannot transition token types from {previous.kind} [{plain(previous.value)}]"
                f" to {token.kind} [{plain(token.value)}]",
                token.offset,
            )
    if not _ends_operand(tokens):
        raise WhenError("Unexpected end of expression", tokens[-1].offset if tokens else 0)


class _Evaluation:
    """Recursive descent over the tokens; the right side of a decided `&&`, `||`, `?` is read, not evaluated."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0

    def run(self) -> Any:
        result = self.separated(True)
        if self.index < len(self.tokens):
            raise WhenError("Unbalanced parenthesis", self.tokens[self.index].offset)
        return result

    def peek(self, symbols: frozenset[str]) -> str | None:
        if self.index < len(self.tokens):
            token = self.tokens[self.index]
            if token.kind in _OPERATORS and token.value in symbols:
                return str(token.value)
        return None

    def separated(self, live: bool) -> Any:
        value = self.level(0, live)
        while self.index < len(self.tokens) and self.tokens[self.index].kind == "SEPARATOR":
            self.index += 1
            following = self.level(0, live)
            value = [*value, following] if isinstance(value, list) else [value, following]
        return value

    def level(self, level: int, live: bool) -> Any:
        if level == len(_LEVELS):
            return self.operand(live)
        value = self.level(level + 1, live)
        while (symbol := self.peek(_LEVELS[level])) is not None:
            self.index += 1
            needed = live and not _decided(symbol, value)
            following = self.level(level + 1, needed)
            if live:
                value = _apply(symbol, value, following) if needed else _MISSING if symbol == "?" else value
        return None if value is _MISSING and level == 0 else value

    def operand(self, live: bool) -> Any:
        token = self.tokens[self.index]
        self.index += 1
        if token.kind == "PREFIX":
            value = self.operand(live)
            return _prefixed(token.value, value) if live else None
        if token.kind == "CLAUSE":
            return self.clause(live)
        if token.kind == "ACCESSOR" and live:
            raise WhenError(f"No parameter '{token.value.split('.')[0]}' found.", token.offset)
        return token.value

    def clause(self, live: bool) -> Any:
        self.depth += 1
        if self.depth > MAXIMUM_DEPTH // 2:
            raise WhenError("parentheses are nested too deeply", self.tokens[self.index].offset)
        closed = self.tokens[self.index].kind == "CLAUSE_CLOSE"
        value = None if closed else self.separated(live)
        if self.index >= len(self.tokens) or self.tokens[self.index].kind != "CLAUSE_CLOSE":
            raise WhenError("Unbalanced parenthesis", self.tokens[-1].offset)
        self.index += 1
        self.depth -= 1
        return value


def _decided(symbol: str, value: Any) -> bool:
    return (
        (symbol == "&&" and value is False)
        or (symbol == "||" and value is True)
        or (symbol == "?" and value is False)
        or (symbol in (":", "??") and value is not None and value is not _MISSING)
    )


def _require(wanted: type, name: str, use: str, *values: Any) -> None:
    for value in values:
        if not isinstance(value, wanted):
            raise WhenError(f"Value '{plain(value)}' cannot be used with the {use}, it is not {name}")


def _prefixed(symbol: str, value: Any) -> Any:
    if symbol == "!":
        _require(bool, "a bool", "prefix '!'", value)
        return not value
    _require(float, "a number", f"prefix '{symbol}'", value)
    return -value if symbol == "-" else float(~int(value))


def _apply(symbol: str, left: Any, right: Any) -> Any:
    if symbol == "?":
        _require(bool, "a bool", "ternary operator '?'", left)
        return right
    if symbol in ("&&", "||"):
        _require(bool, "a bool", f"logical operator '{symbol}'", left, right)
        return right
    if symbol in (":", "??"):
        return right
    if symbol in _COMPARATORS or symbol == "in":
        return _compared(symbol, left, right)
    if symbol == "+" and (isinstance(left, str) or isinstance(right, str)):
        return plain(left) + plain(right)
    _require(float, "a number", f"modifier '{symbol}'", left, right)
    return _arithmetic(symbol, left, right)


def _arithmetic(symbol: str, left: float, right: float) -> float:
    if symbol in ("/", "%") and right == 0:
        return math.nan if symbol == "%" or left == 0 else math.copysign(math.inf, left)
    if symbol in ("<<", ">>") and not 0 <= right < 64:
        raise WhenError(f"shift count out of range: {plain(right)}")
    if symbol in _BITWISE:
        return float(_BITWISE[symbol](int(left), int(right)))
    return float(_ARITHMETIC[symbol](left, right))


def _compared(symbol: str, left: Any, right: Any) -> bool:
    if symbol in ("==", "!="):
        return _same(left, right) is (symbol == "==")
    if symbol == "in":
        _require(list, "an array", "comparator 'in'", right)
        return any(_same(left, item) for item in right)
    if symbol in ("=~", "!~"):
        return _matched(left, right) is (symbol == "=~")
    if type(left) is not type(right) or not isinstance(left, (str, float)):
        wrong = right if isinstance(left, (str, float)) else left
        raise WhenError(f"Value '{plain(wrong)}' cannot be used with the comparator '{symbol}', it is not a number")
    return ORDER[symbol](left, right)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _matched(left: Any, right: Any) -> bool:
    _require(str, "a string", "comparator '=~'", left, right)
    from argo.expressions.patterns import search

    try:
        return search(right, left) is not None
    except ExpressionError as error:
        raise WhenError(f"Unable to compile regexp pattern '{right}': {error.message}") from None


_BITWISE: dict[str, Callable[[int, int], int]] = {
    "&": operator.and_, "|": operator.or_, "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": math.fmod, "**": power,
}  # fmt: skip
