"""`needs`: order without data, in the grammar of Argo's `depends` (workflow/common/ancestry.go)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from compiler.diagnostics import did_you_mean
from compiler.models import Task
from compiler.program import Needs, Origin
from compiler.resolve.context import Context
from compiler.resolve.logic import ExpressionError, Parser, Token, tokens

CONDITIONS: Final = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "AnySucceeded", "AllFailed")
_OF_LOOPS: Final = frozenset({"AnySucceeded", "AllFailed"})
_WORDS: Final = re.compile(r"(?P<task>[A-Za-z0-9_][-A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]*)*)|(?P<op>&&|\|\||[!()])")


def resolve_needs(context: Context, task: Task, origin: Origin, siblings: Mapping[str, Task]) -> Needs | None:
    """The tree of what a task waits for; mistakes are reported and leave out their part."""
    needs = task.needs
    if not needs:
        return None
    if isinstance(needs, str):
        return _expression(context, needs, origin.at("needs"), siblings)
    parts: list[Needs] = []
    for index, text in enumerate(needs):
        if text in siblings:
            parts.append(Needs("task", text))
        else:
            part = _expression(context, text, origin.at("needs", index), siblings)
            if part is not None:
                parts.append(part)
    if len(parts) < 2:
        return parts[0] if parts else None
    return Needs("and", operands=tuple(parts))


def leaves(needs: Needs | None) -> Iterator[Needs]:
    """The tasks of a tree with their conditions, in the order written."""
    if needs is None:
        return
    if needs.op == "task":
        yield needs
    for operand in needs.operands:
        yield from leaves(operand)


def _expression(context: Context, text: str, origin: Origin, siblings: Mapping[str, Task]) -> Needs | None:
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
