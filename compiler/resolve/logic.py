"""The grammar that `needs` and `when` share: `&&`, `||`, `!` and parentheses over leaves of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, NoReturn, TypeVar

from compiler.refs import MalformedError

_DEPTH: Final = 40
_OPERATORS: Final = {"and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||", "=": "=="}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of an expression and its offsets. `kind` is the operator itself, or what the grammar calls it."""

    kind: str
    text: str
    start: int
    end: int


class ExpressionError(MalformedError):
    """An expression is malformed."""


def tokens(text: str, pattern: re.Pattern[str]) -> list[Token]:
    """The words of an expression. `pattern` has a named group for each kind; `op` makes the kind the text itself."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = pattern.match(text, position)
        if match is None:
            character = text[position]
            hint = f"write {_OPERATORS[character]}" if character in _OPERATORS else None
            raise ExpressionError(f"'{character}' has no meaning here", position, position + 1, hint)
        kind = match.lastgroup or ""
        found.append(Token(match.group() if kind == "op" else kind, match.group(), match.start(), match.end()))
        position = match.end()
    return found


class Parser(Generic[T]):
    """Reads an expression: `leaf` reads one operand from the parser, `join` makes a tree of and, or, not."""

    def __init__(
        self,
        words: Sequence[Token],
        leaf: Callable[[Parser[T]], T],
        join: Callable[[Literal["and", "or", "not"], tuple[T, ...]], T],
    ) -> None:
        self._words = words
        self._leaf = leaf
        self._join = join
        self._position = 0
        self._depth = 0

    def parse(self) -> T:
        """The whole expression. Raises ExpressionError."""
        tree = self._any()
        if self.peek() is not None:
            self.fail("an operator is missing before", "join the conditions with && or ||")
        return tree

    def peek(self) -> Token | None:
        return self._words[self._position] if self._position < len(self._words) else None

    def take(self, *kinds: str) -> Token | None:
        """The next word where it is of one of the kinds, which is then read."""
        word = self.peek()
        if word is None or word.kind not in kinds:
            return None
        self._position += 1
        return word

    def fail(self, message: str, hint: str | None = None) -> NoReturn:
        """Raises ExpressionError at the next word, which is quoted behind the message."""
        word = self.peek()
        if word is None:
            end = self._words[-1].end if self._words else 0
            raise ExpressionError("the expression ends too early", max(0, end - 1), end, hint)
        if word.text in _OPERATORS:
            hint = f"write {_OPERATORS[word.text]}"
        shown = word.text if word.text[0] in "'\"" else f"'{word.text}'"
        raise ExpressionError(f"{message} {shown}", word.start, word.end, hint)

    def _any(self) -> T:
        return self._chain("||", "or", lambda: self._chain("&&", "and", self._one))

    def _chain(self, operator: str, name: Literal["and", "or"], part: Callable[[], T]) -> T:
        parts = [part()]
        while self.take(operator):
            parts.append(part())
        return parts[0] if len(parts) == 1 else self._join(name, tuple(parts))

    def _one(self) -> T:
        self._depth += 1
        if self._depth > _DEPTH:
            self.fail("the expression is nested too deeply at")
        try:
            if self.take("!"):
                return self._join("not", (self._one(),))
            if self.take("("):
                tree = self._any()
                if not self.take(")"):
                    self.fail("a closing parenthesis is missing before", "close the parenthesis")
                return tree
            return self._leaf(self)
        finally:
            self._depth -= 1
