"""The `${{ … }}` language: references to parameters, inputs, outputs, tasks and the run; parsed, printed."""

import re
from typing import Literal, NamedTuple, TypeAlias, cast

from compiler.diagnostics import did_you_mean

Kind: TypeAlias = Literal["params", "inputs", "outputs", "tasks", "item", "env", "run", "files"]

OPEN = "${{"
CLOSE = "}}"
RUN_FIELDS = ("name", "namespace", "uid", "status")

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
# Patterns as texts: re compiles (and keeps) those that a definition has use for.
_FORMS: dict[str, tuple[str, str]] = {
    "params": (rf"params\.(?P<name>{_NAME})", "params.NAME"),
    "inputs": (rf"inputs\.(?P<name>{_NAME})(?:\.(?P<attribute>path))?", "inputs.NAME or inputs.NAME.path"),
    "outputs": (rf"outputs\.(?P<name>{_NAME})(?:\.(?P<attribute>path))?", "outputs.NAME.path"),
    "tasks": (
        rf"tasks\.(?P<name>{_NAME})\.outputs\.(?P<output>{_NAME})(?:\.(?P<attribute>path))?",
        "tasks.TASK.outputs.NAME",
    ),
    "item": (rf"item(?:\.(?P<name>{_NAME}))?", "item or item.FIELD"),
    "env": ("env", "env (the DAG's environment as a whole)"),
    "run": (r"run\.(?P<name>" + "|".join(RUN_FIELDS) + ")", "run.name, run.namespace, run.uid or run.status"),
    "files": (r"files\.(?P<name>[-._A-Za-z0-9]+?)(?:\.(?P<attribute>path))?", "files.NAME"),
}
_QUOTED = re.compile(r"\s*'((?:[^']|'')*)'\s*\}\}")
_ROOT = re.compile(r"[A-Za-z0-9_-]*")


class Ref(NamedTuple):
    """One reference.

    `name` is the parameter, input, output, task, file, the field of an item ("" for the whole) or of the run;
    `output` a task's output; `attribute` "path" or "". `start` and `end` are offsets of the whole `${{ … }}` in the
    text it was read from, and do not count in comparisons.
    """

    kind: Kind
    name: str = ""
    output: str = ""
    attribute: str = ""
    start: int = 0
    end: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self[:4] == other[:4]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:4])


class Text(NamedTuple):
    """Text with references in it; no two plain parts are neighbours, none is empty."""

    parts: tuple[str | Ref, ...]


class MalformedError(ValueError):
    """A text that cannot be read says what is wrong, between which offsets, and a hint."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.hint = hint


class RefError(MalformedError):
    """A reference is malformed."""


def parse(text: str) -> str | Ref | Text:
    """A text without references as it is, one that is exactly one reference as `Ref`, any other as `Text`.

    `${{ '…' }}` stands for the quoted text itself (`''` in it for one quote), so that a literal `${{` can be written.
    Raises RefError for the first malformed reference.
    """
    if OPEN not in text:
        return text
    parts: list[str | Ref] = []
    position = 0
    while (start := text.find(OPEN, position)) >= 0:
        _append(parts, text[position:start])
        quoted = _QUOTED.match(text, start + len(OPEN))
        if quoted:
            _append(parts, quoted.group(1).replace("''", "'"))
            position = quoted.end()
            continue
        close = text.find(CLOSE, start)
        if close < 0:
            raise RefError("a reference that is not closed", start, len(text), "write ${{ … }}")
        position = close + len(CLOSE)
        parts.append(_reference(text, start, position))
    _append(parts, text[position:])
    if len(parts) == 1:
        return parts[0]
    return Text(tuple(parts)) if parts else ""


def parts_of(text: str | Ref | Text) -> tuple[str | Ref, ...]:
    """The plain texts and the references of a text that was parsed."""
    return text.parts if isinstance(text, Text) else (text,)


def print_ref(ref: Ref) -> str:
    """A reference as it is written, `${{ … }}` included."""
    words = [ref.kind, ref.name, "outputs" if ref.output else "", ref.output, ref.attribute]
    return f"{OPEN} {'.'.join(word for word in words if word)} {CLOSE}"


def _append(parts: list[str | Ref], text: str) -> None:
    if not text:
        return
    last = parts[-1] if parts else None
    if isinstance(last, str):
        parts[-1] = last + text
    else:
        parts.append(text)


def _reference(text: str, start: int, end: int) -> Ref:
    expression = text[start + len(OPEN) : end - len(CLOSE)].strip()
    root = cast("re.Match[str]", _ROOT.match(expression)).group()
    form = _FORMS.get(root)
    match = re.fullmatch(form[0], expression) if form else None
    if match is None:
        raise RefError(_mistake(expression, root), start, end, _hint(expression, root))
    found = match.groupdict()
    return Ref(
        cast("Kind", root),
        found.get("name") or "",
        found.get("output") or "",
        found.get("attribute") or "",
        start,
        end,
    )


def _mistake(expression: str, root: str) -> str:
    if not expression:
        return "an empty reference"
    if root in _FORMS:
        return f"'{expression}' is not a reference that '{root}' has"
    return f"'{expression}' refers to nothing"


def _hint(expression: str, root: str) -> str:
    if root == "run" and expression.startswith("run."):
        nearest = did_you_mean(expression.removeprefix("run."), RUN_FIELDS)
        return nearest or f"write {_FORMS['run'][1]}"
    if root in _FORMS:
        return f"write {_FORMS[root][1]}"
    nearest = did_you_mean(root, _FORMS) if root else None
    return nearest or f"a reference begins with one of {', '.join(_FORMS)}"
