"""`{{=…}}`, `when`, `depends` and retry expressions read before they are executed."""

from __future__ import annotations

from collections.abc import Iterator

from argo.expressions.depends import parse_depends
from argo.expressions.errors import ExpressionError
from argo.expressions.nodes import Call, Constant, Identifier, Member, walk
from argo.expressions.parser import parse
from argo.expressions.sprig import SPRIG
from argo.expressions.template import tags
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean

_EXPRESSIONS = ("expression", "fromExpression")  # fields that hold an expression without braces


def check(spec: Place) -> Iterator[Diagnostic]:
    """Expressions of a WorkflowSpec that cannot be read, or call functions that are not there."""
    for text, expression, offset in expressions(spec):
        try:
            called = sprig_calls(expression)
        except ExpressionError as error:
            start = offset + error.offset
            yield text.problem("A712", f"the expression cannot be read: {error.message}", within=(start, start + 1))
            continue
        for name, at in called:
            if name not in SPRIG:
                within = (offset + at, offset + at + len(name))
                hint = did_you_mean(name, SPRIG)
                yield text.problem("A712", f"there is no function sprig.{name}", hint=hint, within=within)
    for text in spec.texts():
        if text.path[-1] == "depends":
            yield from _depends(text)


def expressions(spec: Place) -> Iterator[tuple[Place, str, int]]:
    """The expressions of a WorkflowSpec: the text in which each stands, itself, and where it begins there."""
    for text in spec.texts():
        if text.path[-1] in _EXPRESSIONS and "{{" not in text.value:
            yield text, text.value, 0
        if "{{=" in text.value:
            for offset, tag in tags(text.value):
                if tag.startswith("="):
                    yield text, tag[1:], offset + 1


def sprig_calls(expression: str) -> list[tuple[str, int]]:
    """The sprig functions that an expression calls, and where. Raises ExpressionError."""
    members = (node.callee for node in walk(parse(expression)) if isinstance(node, Call))
    return [
        (str(member.key.value), member.key.offset)
        for member in members
        if isinstance(member, Member) and isinstance(member.key, Constant)
        if isinstance(member.target, Identifier) and member.target.name == "sprig"
    ]


def _depends(place: Place) -> Iterator[Diagnostic]:
    try:
        parse_depends(place.value)
    except ExpressionError as error:
        within = (error.offset, error.offset + 1)
        yield place.problem("A712", f"depends: {error.message}", within=within)
