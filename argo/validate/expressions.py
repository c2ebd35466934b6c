"""`{{=…}}`, `when`, `depends` and retry expressions read before they are executed."""

from __future__ import annotations

from collections.abc import Iterator

from argo.expressions.depends import parse_depends
from argo.expressions.errors import ExpressionError
from argo.expressions.nodes import Call, Constant, Identifier, Member, Node, walk
from argo.expressions.parser import parse
from argo.expressions.sprig import SPRIG, UNSUPPORTED
from argo.expressions.template import tags
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean

_EXPRESSIONS = ("expression", "fromExpression")  # fields that hold an expression without braces


def check(spec: Place) -> Iterator[Diagnostic]:
    """Expressions of a WorkflowSpec that cannot be read, or call functions that are not there."""
    for text in spec.texts():
        field = text.path[-1]
        if field in _EXPRESSIONS and "{{" not in text.value:
            yield from _expression(text, text.value, 0)
        elif field == "depends":
            yield from _depends(text)
        if "{{=" in text.value:
            for offset, tag in tags(text.value):
                if tag.startswith("="):
                    yield from _expression(text, tag[1:], offset + 1)


def _expression(place: Place, expression: str, offset: int) -> Iterator[Diagnostic]:
    try:
        tree = parse(expression)
    except ExpressionError as error:
        start = offset + error.offset
        yield place.problem("A712", f"the expression cannot be read: {error.message}", within=(start, start + 1))
        return
    for node in walk(tree):
        yield from _function(place, node, offset)


def _function(place: Place, node: Node, offset: int) -> Iterator[Diagnostic]:
    if not isinstance(node, Call) or not isinstance(node.callee, Member):
        return
    target, key = node.callee.target, node.callee.key
    if not (isinstance(target, Identifier) and target.name == "sprig" and isinstance(key, Constant)):
        return
    name = str(key.value)
    within = (offset + key.offset, offset + key.offset + len(name))
    if name in UNSUPPORTED:
        message = f"the function sprig.{name} is not supported by the engine on this machine"
        yield place.problem("A712", message, within=within)
    elif name not in SPRIG:
        yield place.problem("A712", f"there is no function sprig.{name}", hint=did_you_mean(name, SPRIG), within=within)


def _depends(place: Place) -> Iterator[Diagnostic]:
    try:
        parse_depends(place.value)
    except ExpressionError as error:
        within = (error.offset, error.offset + 1)
        yield place.problem("A712", f"depends: {error.message}", within=within)
