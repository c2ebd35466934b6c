"""Go's regular expressions in expressions, with Go's words for what is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argo.expressions.errors import ExpressionError
from compiler import regex


def search(pattern: str, text: str) -> Any:
    """The first match, or None. Raises ExpressionError."""
    return _checked(lambda: regex.search(pattern, text), pattern)


def find_all(pattern: str, text: str, limit: int = -1) -> list[Any]:
    """The matches in order, no more than `limit` where that is not negative. Raises ExpressionError."""
    found = _checked(lambda: [*regex.matches(pattern, text)], pattern)
    return list(found if limit < 0 else found[:limit])


def replaced(pattern: str, text: str, replacement: Callable[[Any], str]) -> str:
    """The text with each match replaced. Raises ExpressionError."""
    pieces: list[str] = []
    position = 0
    for match in find_all(pattern, text):
        pieces += (text[position : match.start()], replacement(match))
        position = match.end()
    return "".join((*pieces, text[position:]))


def _checked(run: Callable[[], Any], pattern: str) -> Any:
    try:
        return run()
    except regex.PatternError as error:
        raise ExpressionError(f"error parsing regexp: {error}: `{pattern}`") from None
