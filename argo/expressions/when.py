"""`when` conditions: govaluate's language as Argo uses it, unquoted words being texts.

Facts: Argo workflow/controller/steps.go (shouldExecute); the govaluate version of its go.mod.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argo.expressions.errors import ExpressionError, WhenError
from argo.expressions.gojson import plain

MAXIMUM_DEPTH = 100
_COMPARATORS = frozenset({"==", "!=", ">", ">=", "<", "<=", "=~", "!~"})
_MODIFIERS = frozenset({"+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"})
_LOGICAL = frozenset({"&&", "||"})
_TERNARY = frozenset({"?", ":", "??"})
_PREFIXES = frozenset({"-", "!", "~"})
_LEVELS: tuple[frozenset[str], ...] = (
    frozenset({"?", ":", "??"}),
    frozenset({"||"}),
    frozenset({"&&"}),
    _COMPARATORS | {"in"},
    frozenset({"|", "&", "^"}),
    frozenset({"<<", ">>"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({"**"}),
)
_OPERAND = frozenset({"NUMERIC", "STRING", "BOOLEAN", "VARIABLE"})
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
    offset = 0
    while offset < len(text):
        if text[offset].isspace():
            offset += 1
            continue
        token, offset = _read(text, offset, tokens)
        tokens.append(token)
    if sum({"CLAUSE": 1, "CLAUSE_CLOSE": -1}.get(token.kind, 0) for token in tokens):
        raise WhenError("Unbalanced parenthesis", len(text))
    return tokens


def _read(text: str, offset: int, before: list[_Token]) -> tuple[_Token, int]:
    first = text[offset]
    if first.isdigit() or first == ".":
        return _number(text, offset)
    if first in "(),":
        kind = {"(": "CLAUSE", ")": "CLAUSE_CLOSE", ",": "SEPARATOR"}[first]
        return _Token(kind, first, offset), offset + 1
    if first == "[":
        end = text.find("]", offset)
        if end < 0:
            raise WhenError("Unclosed parameter bracket", offset)
        return _Token("VARIABLE", text[offset + 1 : end], offset), end + 1
    if first.isalpha():
        return _word(text, offset)
    if first in "'\"":
        return _quoted(text, offset)
    return _operator(text, offset, before)


def _number(text: str, offset: int) -> tuple[_Token, int]:
    hexadecimal = re.compile(r"0[xX]([0-9a-fA-F]+)").match(text, offset)
    if hexadecimal:
        return _Token("NUMERIC", float(int(hexadecimal[1], 16)), offset), hexadecimal.end()
    end = offset
    while end < len(text) and (text[end].isdigit() or text[end] == "."):
        end += 1
    try:
        number = float(text[offset:end].encode("ascii"))  # Go's ParseFloat knows no other digits
        return _Token("NUMERIC", number, offset), end
    except ValueError:
        raise WhenError(f"Unable to parse numeric value '{text[offset:end]}' to float64\n", offset) from None


def _word(text: str, offset: int) -> tuple[_Token, int]:
    end, word = offset, []
    while end < len(text):
        character = text[end]
        if character == "\\" and end + 1 < len(text):
            end += 1
            word.append(text[end])
        elif character.isalnum() or character in "_.":
            word.append(character)
        else:
            break
        end += 1
    name = "".join(word)
    if name in ("true", "false"):
        return _Token("BOOLEAN", name == "true", offset), end
    if name in ("in", "IN"):
        return _Token("COMPARATOR", "in", offset), end
    if "." in name[1:]:
        return _accessor(name, offset), end
    return _Token("VARIABLE", name, offset), end


def _accessor(name: str, offset: int) -> _Token:
    if name.endswith("."):
        raise WhenError(f"Hanging accessor on token '{name}'", offset)
    for part in name.split(".")[1:]:
        if part[:1] != part[:1].upper() or not part[:1].isalpha():
            raise WhenError(f"Unable to access unexported field '{part}' in token '{name}'", offset)
    return _Token("ACCESSOR", name, offset)


def _quoted(text: str, offset: int) -> tuple[_Token, int]:
    end, value = offset + 1, []
    while end < len(text) and text[end] not in "'\"":
        if text[end] == "\\" and end + 1 < len(text):
            end += 1
        value.append(text[end])
        end += 1
    if end >= len(text):
        raise WhenError("Unclosed string literal", offset)
    return _Token("STRING", "".join(value), offset), end + 1


def _operator(text: str, offset: int, before: list[_Token]) -> tuple[_Token, int]:
    end = offset
    while end < len(text) and not (text[end].isalnum() or text[end].isspace() or text[end] in "()[]'\""):
        end += 1
    symbol = text[offset:end]
    if symbol in _PREFIXES and not _ends_operand(before):
        return _Token("PREFIX", symbol, offset), end
    for kind, symbols in (
        ("MODIFIER", _MODIFIERS),
        ("LOGICALOP", _LOGICAL),
        ("COMPARATOR", _COMPARATORS),
        ("TERNARY", _TERNARY),
    ):
        if symbol in symbols:
            return _Token(kind, symbol, offset), end
    raise WhenError(f"Invalid token: '{symbol}'", offset)


def _ends_operand(tokens: list[_Token]) -> bool:
    return bool(tokens) and (tokens[-1].kind in _OPERAND or tokens[-1].kind in ("CLAUSE_CLOSE", "ACCESSOR"))


def _check_order(tokens: list[_Token]) -> None:
    for index, token in enumerate(tokens):
        operand = _ends_operand(tokens[:index][-1:])
        joins = token.kind in ("MODIFIER", "LOGICALOP", "COMPARATOR", "TERNARY", "SEPARATOR", "CLAUSE_CLOSE")
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
            if token.kind in ("MODIFIER", "LOGICALOP", "COMPARATOR", "TERNARY") and token.value in symbols:
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
                value = _apply(symbol, value, following) if needed else _decision(symbol, value)
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


def _decision(symbol: str, value: Any) -> Any:
    return _MISSING if symbol == "?" else value


def _prefixed(symbol: str, value: Any) -> Any:
    if symbol == "!":
        if not isinstance(value, bool):
            raise WhenError(f"Value '{plain(value)}' cannot be used with the prefix '!', it is not a bool")
        return not value
    if not isinstance(value, float):
        raise WhenError(f"Value '{plain(value)}' cannot be used with the prefix '{symbol}', it is not a number")
    return -value if symbol == "-" else float(~int(value))


def _apply(symbol: str, left: Any, right: Any) -> Any:
    if symbol in ("&&", "||", "?"):
        return _logical(symbol, left, right)
    if symbol in (":", "??"):
        return right
    if symbol in _COMPARATORS or symbol == "in":
        return _compared(symbol, left, right)
    if symbol == "+" and (isinstance(left, str) or isinstance(right, str)):
        return plain(left) + plain(right)
    for value in (left, right):
        if not isinstance(value, float):
            raise WhenError(f"Value '{plain(value)}' cannot be used with the modifier '{symbol}', it is not a number")
    return _arithmetic(symbol, left, right)


def _arithmetic(symbol: str, left: float, right: float) -> float:
    import math

    if symbol in ("/", "%") and right == 0:
        return math.nan if symbol == "%" or left == 0 else math.copysign(math.inf, left)
    if symbol in ("<<", ">>") and not 0 <= right < 64:
        raise WhenError(f"shift count out of range: {plain(right)}")
    return float(_ARITHMETIC[symbol](left, right))


def _logical(symbol: str, left: Any, right: Any) -> Any:
    sides = (left,) if symbol == "?" else (left, right)
    for value in sides:
        if not isinstance(value, bool):
            kind = "ternary" if symbol == "?" else "logical"
            raise WhenError(
                f"Value '{plain(value)}' cannot be used with the {kind} operator '{symbol}', it is not a bool"
            )
    return right


def _compared(symbol: str, left: Any, right: Any) -> bool:
    if symbol in ("==", "!="):
        same = type(left) is type(right) and left == right
        return same if symbol == "==" else not same
    if symbol == "in":
        if not isinstance(right, list):
            raise WhenError(f"Value '{plain(right)}' cannot be used with the comparator 'in', it is not an array")
        return any(type(left) is type(item) and left == item for item in right)
    if symbol in ("=~", "!~"):
        return _matched(left, right) is (symbol == "=~")
    if not (type(left) is type(right) and isinstance(left, (str, float))):
        wrong = right if isinstance(left, (str, float)) else left
        raise WhenError(f"Value '{plain(wrong)}' cannot be used with the comparator '{symbol}', it is not a number")
    return bool(_ORDER[symbol](left, right))


def _matched(left: Any, right: Any) -> bool:
    for value in (left, right):
        if not isinstance(value, str):
            raise WhenError(f"Value '{plain(value)}' cannot be used with the comparator '=~', it is not a string")
    from argo.expressions.patterns import search

    try:
        return search(right, left) is not None
    except ExpressionError as error:
        raise WhenError(f"Unable to compile regexp pattern '{right}': {error.message}") from None


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: __import__("math").fmod(a, b),
    "**": lambda a, b: a**b,
    "&": lambda a, b: int(a) & int(b),
    "|": lambda a, b: int(a) | int(b),
    "^": lambda a, b: int(a) ^ int(b),
    "<<": lambda a, b: int(a) << int(b),
    ">>": lambda a, b: int(a) >> int(b),
}
