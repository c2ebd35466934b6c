"""Go's regular expressions (RE2) on Python's `re`."""

from __future__ import annotations

import re
from functools import lru_cache

from argo.local.expressions.errors import ExpressionError

_POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\\x00-\\x7f", "blank": "\\t ", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ", "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_PIECE = re.compile(r"\[:(?P<posix>\w+):\]|\\(?P<escape>.)|(?P<dollar>\$)|(?P<bracket>[\[\]])", re.DOTALL)
_UNSUPPORTED = {"p": "\\p classes", "P": "\\P classes", "C": "\\C", "Q": "\\Q"}
_BACKREFERENCES = frozenset("123456789")


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, ASCII classes and `$` as in Go. Raises ExpressionError where Go or this machine has no such."""
    multiline = re.match(r"\(\?[a-zA-Z]*m", pattern) is not None
    in_class = False

    def piece(match: re.Match[str]) -> str:
        nonlocal in_class
        if match["posix"]:
            if not in_class or match["posix"] not in _POSIX:
                raise ExpressionError(f"error parsing regexp: invalid character class range: `{match[0]}`")
            return _POSIX[match["posix"]]
        if match["escape"]:
            return _escape(match["escape"])
        if match["dollar"]:
            return "$" if in_class or multiline else r"\Z"
        in_class = match["bracket"] == "["
        return match[0]

    try:
        return re.compile(
            _PIECE.sub(piece, pattern.replace("(?<", "(?P<") if "(?P<" not in pattern else pattern), re.ASCII
        )
    except (re.error, RecursionError, OverflowError) as error:
        raise ExpressionError(f"error parsing regexp: {error}: `{pattern}`") from None


def _escape(letter: str) -> str:
    if letter in _UNSUPPORTED:
        raise ExpressionError(f"regular expressions with {_UNSUPPORTED[letter]} are not supported")
    if letter in _BACKREFERENCES:
        raise ExpressionError(f"error parsing regexp: invalid escape sequence: `\\{letter}`")
    return "\\Z" if letter == "z" else "\\" + letter
