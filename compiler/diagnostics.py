"""Diagnostics: what is wrong with a definition, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from compiler.codes import REGISTRY, Severity
from compiler.source import Path, SourceFile, Span


class Related(NamedTuple):
    """Another place that has to do with a mistake."""

    span: Span
    message: str


class Diagnostic(NamedTuple):
    """A mistake (or a warning, or a note) at a place. Sorts by file, line, column and code."""

    code: str
    message: str
    span: Span | None = None
    severity: Severity = "error"
    related: tuple[Related, ...] = ()
    hint: str | None = None

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        span = self.span
        place = (span.file, span.line, span.column) if span else ("", 0, 0)
        return (*place, self.code, self.message)

    def __lt__(self, other: Diagnostic) -> bool:  # type: ignore[override]  # it is sorted among its like only
        return self.sort_key < other.sort_key


class Located(Protocol):
    """An object with a place in a file: `compiler.program.Origin`."""

    @property
    def source(self) -> SourceFile: ...

    @property
    def path(self) -> Path: ...


def diagnostic(
    code: str,
    origin: Located,
    message: str,
    *,
    hint: str | None = None,
    key: bool = False,
    within: tuple[int, int] | None = None,
    related: Iterable[Related] = (),
) -> Diagnostic:
    """A diagnostic at an origin; its severity is the registry's. `key` and `within`: see `SourceFile.span`."""
    span = origin.source.span(origin.path, key, within)
    return Diagnostic(code, message, span, REGISTRY[code].severity, tuple(related), hint)


def at(
    code: str, span: Span | None, message: str, *, hint: str | None = None, related: Iterable[Related] = ()
) -> Diagnostic:
    """A diagnostic at a span that is known already."""
    return Diagnostic(code, message, span, REGISTRY[code].severity, tuple(related), hint)


_MANY, _MOST = 100, 2000


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """The hint `did you mean 'x'?` for the nearest of the known names, or None.

    Of many names only those that begin or end alike are looked at, and of thousands, which a program wrote, none: each
    of thousands of mistakes would be held against all of them.
    """
    from difflib import get_close_matches

    names = set(candidates)
    if len(names) > _MOST:
        return None
    if len(names) > _MANY:
        names = {other for other in names if other[:2] == name[:2] or other[-2:] == name[-2:]}
    known = sorted(names)
    matches = get_close_matches(name, known, n=1, cutoff=0.6)
    if not matches:  # camelCase for snake_case and its like
        bare = {candidate.replace("_", "").replace("-", "").lower(): candidate for candidate in known}
        found = bare.get(name.replace("_", "").replace("-", "").lower())
        matches = [found] if found else []
    return f"did you mean '{matches[0]}'?" if matches else None


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(item.severity == "error" for item in diagnostics)
