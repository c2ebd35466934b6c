"""The grammar of Argo's `depends`, in which `needs` is written (workflow/common/ancestry.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from compiler.diagnostics import did_you_mean
from compiler.models import Task
from compiler.program import Needs, Origin
from compiler.resolve.context import Context
from compiler.resolve.logic import ExpressionError, Parser, Token, tokens

CONDITIONS: Final = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "AnySucceeded", "AllFailed")
_OF_LOOPS: Final = frozenset({"AnySucceeded", "AllFailed"})
_WORDS: Final = re.compile(r"(?P<task>[A-Za-z0-9_][-A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]*)*)|(?P<op>&&|\|\||[!()])")


def expression(context: Context, text: str, origin: Origin, siblings: Mapping[str, Task]) -> Needs | None:
    """The tree of one expression; None, with a diagnostic, where it is malformed."""
    if "${{" in text:
        context.add("A304", origin, "references are not allowed in `needs`", hint="write the names of tasks")
        return None

    def leaf(parser: Parser[Needs]) -> Needs:
        word = parser.take("task")
        if word is None:
            parser.fail("a task's name is expected at", "for example: a && (b.Succeeded || c.Failed)")
        return _task(word, siblings)

    def join(op: Literal["and", "or", "not"], operands: tuple[Needs, ...]) -> Needs:
        return Needs(op, operands=operands)

    try:
        return Parser(tokens(text, _WORDS), leaf, join).parse()
    except UnknownTaskError as error:
        context.add("A206", origin, error.message, hint=error.hint, within=(error.start, error.end))
    except ExpressionError as error:
        context.add("A214", origin, error.message, hint=error.hint, within=(error.start, error.end))
    return None


class UnknownTaskError(ExpressionError):
    """A name that is no task's."""


def _task(word: Token, siblings: Mapping[str, Task]) -> Needs:
    name, _, condition = word.text.partition(".")
    if name not in siblings:
        hint = did_you_mean(name, siblings) or "the tasks of the same section can be waited for"
        raise UnknownTaskError(f"there is no task '{name}'", word.start, word.start + len(name), hint)
    start = word.start + len(name) + 1
    if "." in word.text and condition not in CONDITIONS:
        hint = did_you_mean(condition, CONDITIONS) or f"known are {', '.join(CONDITIONS)}"
        raise ExpressionError(f"'{condition}' is not a way in which a task ends", start, word.end, hint)
    if condition in _OF_LOOPS and siblings[name].foreach is None:
        message = f"'{condition}' is about the items of a loop, '{name}' has no `foreach`"
        raise ExpressionError(
            message, start, word.end, f"write {name}.{'Succeeded' if condition[1] == 'n' else 'Failed'}"
        )
    return Needs("task", name, condition)
