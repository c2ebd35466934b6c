"""Tokens of expr-lang, the language of `{{=…}}` tags and retry expressions.

Facts: expr-lang v1.17, parser/lexer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from argo.expressions.errors import ExpressionError

Kind = Literal["Identifier", "Number", "String", "Operator", "Bracket", "EOF"]

_BLANK = re.compile(r"(?:\s+|//[^\n]*\n?|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?"
)
_WORD = re.compile(r"[\w$]+")
_SYMBOL = re.compile(r"##?|\?[.?]?|\|\|?|::?|\.\.?|[&!=*<>][&=*]?|[,;%+\-^/]")
_QUOTED = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""", re.DOTALL)
_RAW = re.compile(r"`((?:[^`]|``)*)`")
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))",
    re.DOTALL,
)
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip
_OPERATOR_WORDS = frozenset(
    {"in", "or", "and", "not", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"}
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `value` of a String is the text it stands for."""

    kind: Kind
    value: str
    offset: int

    def is_operator(self, *values: str) -> bool:
        return self.kind == "Operator" and self.value in values

    def is_bracket(self, value: str) -> bool:
        return self.kind == "Bracket" and self.value == value

    def __str__(self) -> str:
        return "end of expression" if self.kind == "EOF" else f'{self.kind}("{self.value}")'


def tokenize(text: str) -> list[Token]:
    """All tokens, the last of kind EOF. Raises ExpressionError."""
    tokens: list[Token] = []
    offset = 0
    while True:
        blank = _BLANK.match(text, offset)
        offset = blank.end() if blank else offset
        if offset >= len(text):
            tokens.append(Token("EOF", "", len(text)))
            return tokens
        token, offset = _read(text, offset)
        tokens.append(token)


def _read(text: str, offset: int) -> tuple[Token, int]:
    first = text[offset]
    if first in "'\"`":
        return _string(text, offset)
    if (first.isascii() and first.isdigit()) or (first == "." and text[offset + 1 : offset + 2].isdigit()):
        return _number(text, offset)
    if first in "()[]{}":
        return Token("Bracket", first, offset), offset + 1
    if text.startswith("/*", offset):
        raise ExpressionError("unclosed comment", offset)
    word = _WORD.match(text, offset)
    if word:
        kind: Kind = "Operator" if word[0] in _OPERATOR_WORDS else "Identifier"
        return Token(kind, word[0], offset), word.end()
    symbol = _SYMBOL.match(text, offset)
    if symbol:
        return Token("Operator", symbol[0], offset), symbol.end()
    raise ExpressionError(f"unrecognized character: U+{ord(first):04X} '{first}'", offset)


def _number(text: str, offset: int) -> tuple[Token, int]:
    match = _NUMBER.match(text, offset)
    if match is None or (match.end() < len(text) and _WORD.match(text, match.end())):
        raise ExpressionError(f'bad number syntax: "{text[offset : offset + 20]}"', offset)
    return Token("Number", match[0], offset), match.end()


def _string(text: str, offset: int) -> tuple[Token, int]:
    if text[offset] == "`":
        raw = _RAW.match(text, offset)
        if raw is None:
            raise ExpressionError("literal not terminated", offset)
        return Token("String", raw[1].replace("``", "`"), offset), raw.end()
    match = _QUOTED.match(text, offset)
    if match is None:
        raise ExpressionError("literal not terminated", offset)
    return Token("String", _ESCAPE.sub(lambda found: _unescaped(found, offset), match[0][1:-1]), offset), match.end()


def _unescaped(match: re.Match[str], offset: int) -> str:
    for group, base in ((1, 16), (2, 16), (3, 16), (4, 16), (5, 8)):
        if match[group] is not None:
            point = int(match[group], base)
            if point > 0x10FFFF or 0xD800 <= point < 0xE000:
                raise ExpressionError("unable to unescape string", offset)
            return chr(point)
    if match[6] not in _SIMPLE_ESCAPES:
        raise ExpressionError("unable to unescape string", offset)
    return _SIMPLE_ESCAPES[match[6]]
