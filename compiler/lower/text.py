"""Prints the user's texts and references as Argo's templates and expressions.

Argo substitutes a template more than once (workflow/common/util.go: SubstituteParams: the workflow's variables first,
then the inputs), so a brace that the first pass prints right before a tag would swallow that tag in the second. Braces
before a reference therefore become part of the reference's own expression, and two braces that nothing closes wait
for the last pass (a guard: a variable that only that pass knows).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from compiler.program import Literal_
from compiler.refs import Ref, Text

OPEN: Final = "{{='{'+'{'}}"
ITEM: Final = "item"
_IDENTIFIER: Final = r"[A-Za-z_][A-Za-z0-9_]*"


class Computed(NamedTuple):
    """An expression that gives a value in place of a variable."""

    text: str


# The steps of a variable (`tasks`, `split`, `outputs`, …), an expression, or text that is known already.
Variable = tuple[str, ...] | Computed | str
Resolver = Callable[[Ref], Variable]


def escape(text: str, guard: str = "inputs.parameters") -> str:
    """The user's literal text, of which Argo is to take nothing for a tag.

    `guard` is a variable of the last pass: `inputs.parameters` in a pod's template, `item` in what a loop's task gives
    (where all braces wait for it, since Argo wants every tag of an item resolved).
    """
    if "{{" not in text:
        return text
    waiting = f"{{{{={guard} != nil ? '{{'+'{{' : ''}}}}"
    pieces = text.split("{{")
    opened = (OPEN if "}}" in piece and guard != ITEM else waiting for piece in pieces[1:])
    return pieces[0] + "".join(f"{brace}{piece}" for brace, piece in zip(opened, pieces[1:], strict=True))


def tag(variable: Variable) -> str:
    """`{{tasks.split.outputs.parameters.index}}`"""
    if isinstance(variable, Computed):
        return "{{=" + variable.text + "}}"
    return escape(variable) if isinstance(variable, str) else "{{" + ".".join(variable) + "}}"


def expression(variable: Variable) -> str:
    """The variable in an expression: `tasks['split-text'].outputs.parameters.index`."""
    if isinstance(variable, Computed):
        return f"({variable.text})"
    if isinstance(variable, str):
        return quote(variable)
    return variable[0] + "".join(
        f".{step}" if re.fullmatch(_IDENTIFIER, step) else f"[{quote(step)}]" for step in variable[1:]
    )


def gathered(task: str, output: str, default: str) -> Computed:
    """The values of a loop's items as a JSON list; `default` where there are none.

    Of a loop without items Argo has nothing for an output, of one whose items were all skipped a text in place of all
    outputs (workflow/controller/operator.go: processAggregateNodeOutputs).
    """
    outputs = expression(("tasks", task, "outputs", "parameters"))
    value = expression(("tasks", task, "outputs", "parameters", output))
    return Computed(f"type({outputs}) == 'map' ? {value} ?? {quote(default)} : {quote(default)}")


def quote(text: str) -> str:
    """A string of the expression language in single quotes, with no two braces side by side."""
    body = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return "'" + body.replace("{{", "{'+'{").replace("{{", "{'+'{").replace("}}", "}'+'}").replace("}}", "}'+'}") + "'"


def constant(value: Any) -> str:
    """A constant as the text of a parameter: numbers as they were written, lists and maps as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(getattr(value, "text", None) or value)
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=list)


def printed(text: str | Ref | Text | Literal_, resolve: Resolver, guard: str = "inputs.parameters") -> str:
    """A text, a reference or a constant as Argo's template; `guard`: see `escape`."""
    if isinstance(text, str):
        return escape(text, guard)
    if isinstance(text, Ref):
        return tag(resolve(text))
    if isinstance(text, Literal_):
        return escape(constant(text.value), guard)
    pieces: list[str] = []
    literal = ""
    for part in text.parts:
        variable = part if isinstance(part, str) else resolve(part)
        if isinstance(variable, str):
            literal += variable
            continue
        bare = literal.rstrip("{")
        pieces += (escape(bare, guard), _after_braces(len(literal) - len(bare), variable))
        literal = ""
    return "".join((*pieces, escape(literal, guard)))


def _after_braces(count: int, variable: Variable) -> str:
    return "{{=" + "'{'+" * count + expression(variable) + "}}" if count else tag(variable)
