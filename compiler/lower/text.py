"""Prints the user's texts and references as Argo's templates and expressions.

Argo substitutes a template more than once (workflow/common/util.go: SubstituteParams: the workflow's variables first,
then the inputs), so a brace that the first pass prints right before a tag would swallow that tag in the second. Braces
before a reference therefore become part of the reference's own expression, and two braces that nothing closes wait
for the last pass (a guard: a variable that only that pass knows).

The texts of a container are substituted once more when its pod is made (workflow/controller/workflowpod.go:
substitutePodParams), and Kubernetes then expands `$(NAME)` and `$$` in its command, arguments and variables
(third_party/forked/golang/expansion). `ContainerStyle` prints them such that neither takes a part of them for its own.
No value is a template: what is given at submission is refused (`compiler.models.values`), what tasks give is checked in
the run (`closed`), and where values meet braces or each other, two braces wait for the last pass (`joined`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler.models.values import written
from compiler.program import Literal_
from compiler.refs import Ref, Text, parts_of

if TYPE_CHECKING:
    from compiler.models import Parameter

OPEN: Final = "{{='{'+'{'}}"
# Two braces that come to be when the pod is made: every substitution before knows the node's name, or the attempt.
LAST: Final = "{{=(get($env,'node')??get($env,'retries'))==nil?'{'+'{':nil}}"
ITEM: Final = "item"
_IDENTIFIER: Final = r"[A-Za-z_][A-Za-z0-9_]*"
# Those that Kubernetes may read otherwise than as a dollar; the end counts, since a value may follow. Of the variables
# of Argo's own containers the names are known to be in capitals, so that `$(date)` stays as it was written.
_DOLLAR: Final = re.compile(r"\$(?=[$(]|[^\x00-\x7f]|\Z)|(?<=\$)\$")
_DOLLAR_OF_TEMPLATE: Final = re.compile(r"\$(?=\$|\([A-Z0-9_]+\)|[^\x00-\x7f]|\Z)|(?<=\$)\$")


class Expression(NamedTuple):
    """An expression that gives a value in place of a variable."""

    text: str


# The steps of a variable (`tasks`, `split`, `outputs`, …), an expression, or text that is known already.
Variable = tuple[str, ...] | Expression | str
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
    if isinstance(variable, Expression):
        return "{{=" + variable.text + "}}"
    return escape(variable) if isinstance(variable, str) else "{{" + ".".join(variable) + "}}"


def expression(variable: Variable) -> str:
    """The variable in an expression: `tasks['split-text'].outputs.parameters.index`."""
    if isinstance(variable, Expression):
        return f"({variable.text})"
    if isinstance(variable, str):
        return quote(variable)
    return variable[0] + "".join(
        f".{step}" if re.fullmatch(_IDENTIFIER, step) else f"[{quote(step)}]" for step in variable[1:]
    )


def gathered(task: str, output: str, default: str) -> Expression:
    """The values of a loop's items as a JSON list; `default` where there are none.

    Of a loop without items Argo has nothing for an output, of one whose items were all skipped a text in place of all
    outputs (workflow/controller/operator.go: processAggregateNodeOutputs).
    """
    outputs = expression(("tasks", task, "outputs", "parameters"))
    value = expression(("tasks", task, "outputs", "parameters", output))
    return Expression(f"type({outputs}) == 'map' ? {value} ?? {quote(default)} : {quote(default)}")


def quote(text: str) -> str:
    """A string of the expression language in single quotes, with no two braces side by side."""
    body = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return "'" + body.replace("{{", "{'+'{").replace("{{", "{'+'{").replace("}}", "}'+'}").replace("}}", "}'+'}") + "'"


def constant(value: Any) -> str:
    """A constant as the text of a parameter: numbers as they were written, lists and maps as JSON."""
    if isinstance(value, str | int | float):
        return written(value)
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=list)


def default(parameter: Parameter) -> str | None:
    """A parameter's default as literal text; None where it has to be given."""
    return None if parameter.required else escape(constant(parameter.default))


def in_braces(text: Text) -> Iterator[Ref]:
    """The references before which two braces of the text itself are open."""
    literal = ""
    for part in text.parts:
        if isinstance(part, str):
            literal += part
        elif "{{" in literal and "}}" not in literal[literal.rindex("{{") :]:
            yield part


def closed(value: str) -> Expression:
    """The expression, which fails in the run where its text would be a template: two braces, and behind them a dot (all
    variables have one), `=` or another brace."""
    opening = "# matches '[{][{][^}]*[.={]'"
    return Expression(f"map([{value}], {opening} ? sprig.fail('a value opens a template') : #)[0]")


class ArgumentStyle:
    """The style of texts that tasks are given as arguments; `guard`: see `escape`."""

    def __init__(self, guard: str = "inputs.parameters") -> None:
        self._guard = guard

    def literal(self, text: str) -> str:
        return escape(text, self._guard)

    def value(self, variable: Variable) -> Variable:
        """Close a task's output, which may be any text whatever its type; other variables stay as they are."""
        of_task = isinstance(variable, Expression) or (variable[0] == "tasks" and variable[3] == "parameters")
        return closed(expression(variable)) if of_task else variable

    def joined(self, braces: int, value: str) -> Variable:
        return closed(value) if braces < 2 else Expression(value)


def carried(text: str) -> str:
    """A literal text that Argo's executor reads from its pod's template.

    The template comes to it in a variable (ARGO_TEMPLATE), which Kubernetes expands as it does all variables.
    """
    return _DOLLAR_OF_TEMPLATE.sub("$$", text)


class ContainerStyle:
    """The style of a container's texts. Kubernetes expands its command, arguments and variables (`expanded`), and
    the template that its script is read from (`of_template`)."""

    def __init__(self, expanded: bool = True, of_template: bool = False) -> None:
        self._expanded = expanded
        self._of_template = of_template

    def literal(self, text: str) -> str:
        if self._expanded:
            text = carried(text) if self._of_template else _DOLLAR.sub("$$", text)
        return text.replace("{{", LAST)

    def value(self, variable: Variable) -> Variable:
        """A user's value; names with an underscore are ours, and paths are wrapped where they need it."""
        users = isinstance(variable, Expression) or (variable[1] == "parameters" and "_" not in variable[2])
        return Expression(f"replace({expression(variable)}, '$', '$$')") if users and self._expanded else variable

    def joined(self, value: str) -> Variable:
        """Values that meet each other or a brace: two braces in them come to be in the last pass, as in a text."""
        dollars = f"replace({value}, '$', '$$')" if self._expanded else value
        return Expression(f"replace({dollars}, {quote('{{')}, {quote(LAST)})")


Style = ArgumentStyle | ContainerStyle


def printed(text: str | Ref | Text | Literal_, resolve: Resolver, style: Style | None = None) -> str:
    """A text, a reference or a constant as Argo's template."""
    style = style or ArgumentStyle()
    if isinstance(text, Literal_):
        return style.literal(constant(text.value))
    pieces: list[str] = []
    literal = ""
    values: list[Variable] = []
    for part in parts_of(text):
        variable = part if isinstance(part, str) else resolve(part)
        if not isinstance(variable, str):
            values.append(variable)
            continue
        rest = variable.lstrip("{") if values and isinstance(style, ContainerStyle) else variable
        if rest != variable:
            values.append(variable[: len(variable) - len(rest)])
        if rest and values:
            pieces.append(_printed(literal, values, style))
            literal, values = "", []
        literal += rest
    return "".join((*pieces, _printed(literal, values, style)))


def _printed(literal: str, values: list[Variable], style: Style) -> str:
    """A text and the values right behind it; what meets a brace or another value is one expression with it."""
    if not values:
        return style.literal(literal)
    bare = literal.rstrip("{")
    braces = len(literal) - len(bare)
    if not braces and len(values) == 1:
        return style.literal(bare) + tag(style.value(values[0]))
    texts = [f"string({expression(value)})" if value[0] == ITEM else expression(value) for value in values]
    value = "+".join(("'{'",) * braces + tuple(texts))
    joined = style.joined(value) if isinstance(style, ContainerStyle) else style.joined(braces, value)
    return style.literal(bare) + tag(joined)
