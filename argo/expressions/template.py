"""`{{…}}` tags in a JSON-like structure replaced by values.

Facts: Argo util/template. Argo works on the structure's JSON text; here every text in it is treated on its own,
which differs only for an unclosed `{{`: it stays as it is where unresolved tags are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from argo.expressions.errors import ExpressionError, TemplateError

T = TypeVar("T")
PLACEHOLDER_PREFIX = "__argo__internal__placeholder-"
_PROBLEMATIC = re.compile(r"[^\x20-\x7e]")
_JSON_CONTROLS = frozenset("\b\f\n\r\t")
# Known only later: an expression which reads one of them is not evaluated before it is there.
_LATE = frozenset(
    {
        "item",
        "retries",
        "lastRetry.exitCode",
        "lastRetry.status",
        "lastRetry.duration",
        "lastRetry.message",
        "workflow.status",
        "workflow.failures",
    }
)


def substitute(
    tree: T,
    scope: Mapping[str, Any],
    allow_unresolved: bool = False,
    *,
    strict_prefixes: Iterable[str] | None = None,
) -> T:
    """A copy of `tree` with the tags of its texts (keys included) replaced; parts without tags are shared.

    `scope` maps dotted names to texts; None marks an absent optional output. `allow_unresolved` keeps tags whose
    name is unknown. With `strict_prefixes` only unknown names below one of these are errors (`tasks`, `steps`),
    and artifacts of outputs never are (Argo: ReplaceStrictAny). Raises TemplateError.
    """
    prefixes = tuple(strict_prefixes) if strict_prefixes is not None else () if allow_unresolved else None
    replaced: T = _Substitution(scope, prefixes).tree(tree)
    return replaced


def tags(text: str) -> list[tuple[int, str]]:
    """Every tag of a text as (offset of its content, content); an expression's content starts with `=`."""
    return [(offset, part) for is_tag, part, offset in _parts(text)[0] if is_tag]


def is_placeholder(value: Any) -> bool:
    """True where the value stands for one not known before the run (Argo: util/template/placeholder.go)."""
    return isinstance(value, str) and value.startswith(PLACEHOLDER_PREFIX)


@lru_cache(maxsize=16384)
def _parts(text: str) -> tuple[tuple[tuple[bool, str, int], ...], bool]:
    """(is tag, content, offset) in order, and whether every `{{` is closed."""
    parts: list[tuple[bool, str, int]] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            parts.append((False, text[position:], position))
            return tuple(parts), False
        if start > position:
            parts.append((False, text[position:start], position))
        parts.append((True, text[start + 2 : end], start + 2))
        position = end + 2
    if position < len(text):
        parts.append((False, text[position:], position))
    return tuple(parts), True


class _Substitution:
    """`prefixes` are those below which an unknown name is an error; None: every one is."""

    def __init__(self, scope: Mapping[str, Any], prefixes: tuple[str, ...] | None) -> None:
        self.scope = scope
        self.prefixes = prefixes
        self.lenient = prefixes == ()
        self.environment: dict[str, Any] | None = None

    def strict(self, name: str) -> bool:
        return self.prefixes is None or f"{name}.".startswith(tuple(f"{prefix}." for prefix in self.prefixes))

    def tree(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value) if "{{" in value else value
        made: Any = value
        if isinstance(value, dict):
            made = {self.tree(key): self.tree(item) for key, item in value.items()}
        elif isinstance(value, list):
            made = [self.tree(item) for item in value]
        return value if made == value else made

    def text(self, text: str) -> str:
        parts, closed = _parts(text)
        if not closed and self.prefixes is None:
            raise TemplateError(f'Cannot find end tag="}}}}" in the template={text!r}')
        return "".join([self.tag(part) if is_tag else part for is_tag, part, _ in parts])

    def tag(self, tag: str) -> str:
        return self.expression(tag[1:]) if tag.startswith("=") else self.simple(tag)

    def simple(self, tag: str) -> str:
        name = tag.strip()
        if name in self.scope:
            return _inserted(tag, self.scope[name])
        return self.nested(tag) or self.unresolved(tag, name)

    def nested(self, tag: str) -> str | None:
        """`{{outer-{{inner}}}}` is read as the tag `outer-{{inner`: the inner name is replaced first."""
        start = tag.rfind("{{")
        inner = tag[start + 2 :]
        if start <= 0 or inner not in self.scope:
            return None
        value = self.scope[inner]
        if value is None:
            raise TemplateError(f'unable to substitute nested tag {{{{{tag}}}}}: "{inner}" is an absent optional')
        return "{{" + tag[:start] + _quotable(value) if isinstance(value, str) else None

    def unresolved(self, tag: str, name: str) -> str:
        later = self.prefixes is not None and ".outputs.artifacts." in name
        if self.strict(name) and not later:
            raise TemplateError(f"failed to resolve {{{{{tag}}}}}", missing=True)
        return "{{" + tag + "}}"

    def expression(self, expression: str) -> str:
        from argo.expressions.environment import environment

        if self.environment is None:
            self.environment = environment(self.scope)
        kept = "{{=" + expression + "}}"
        try:
            missing = self.missing(expression)
            tolerant = bool(missing) or self.lenient
            if tolerant and not _LATE.isdisjoint(missing):
                return kept
            tolerant = tolerant or any(is_placeholder(value) for value in self.scope.values())
            result = self.result(expression, kept if tolerant else None)
        except ExpressionError as error:
            if self.lenient:
                return kept
            raise TemplateError(f"failed to evaluate expression: {error.message}") from error
        return result

    def missing(self, expression: str) -> list[str]:
        """Names that the scope has not, none of them strict."""
        from argo.expressions.evaluator import missing_names

        missing = missing_names(expression, self.environment or {})
        for name in missing:
            if self.strict(name):
                raise TemplateError(f"failed to evaluate expression: {name} is missing", missing=True)
        return missing

    def result(self, expression: str, unresolved: str | None) -> str:
        """The expression's value as it goes into a text; `unresolved`, where given, when there is none."""
        from argo.expressions.evaluator import evaluate
        from argo.expressions.gojson import marshal

        try:
            value = evaluate(expression, self.environment or {})
            if value is not None:
                return value if isinstance(value, str) else _unquoted(marshal(value))
        except ExpressionError:
            if unresolved is None:
                raise
        if unresolved is None:
            raise TemplateError(f'failed to evaluate expression "{expression}"')
        return unresolved


def _unquoted(text: str) -> str:
    """Argo drops the quotes of a result that is a text in JSON (a date)."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _inserted(tag: str, value: Any) -> str:
    if value is None:
        raise TemplateError(
            f"unable to substitute {{{{{tag}}}}}: output is an absent optional (skipped/omitted node with no default)"
        )
    if not isinstance(value, str):
        raise TemplateError(f"failed to resolve {{{{{tag}}}}} to string")
    return _quotable(value)


def _quotable(value: str) -> str:
    """The value, if Go's quoting of it is valid JSON: Argo cannot insert others (`\\x1b`, `\\a`, …)."""
    for match in _PROBLEMATIC.finditer(value):
        character = match[0]
        control = character < " " and character not in _JSON_CONTROLS
        if control or character == "\x7f" or (character > "\uffff" and not character.isprintable()):
            raise TemplateError("cannot finish template replacement because the result was invalid JSON")
    return value
