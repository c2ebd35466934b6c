"""Diagnostics -> text for a terminal, JSON, GitHub annotations, SARIF."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from compiler.codes import REGISTRY
from compiler.diagnostics import Diagnostic
from compiler.source import SourceFile, Span

MAX_WIDTH = 120  # columns of an excerpt
TAB = 4

_COLORS = {"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "note": "\x1b[1;36m"}
_BLUE, _BOLD, _RESET = "\x1b[1;34m", "\x1b[1m", "\x1b[0m"
_MARKS = {"error": "^", "warning": "^", "note": "-"}


def text(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceFile] | None = None, color: bool = False
) -> str:
    """Each diagnostic with its place, an excerpt with a caret under the mistake, and its hint; then a summary.

    `sources` (by file name) are needed only for spans that do not know their own.
    """
    items = sorted(diagnostics)
    blocks = [_block(item, sources or {}, color) for item in items]
    if not blocks:
        return ""
    return "\n\n".join([*blocks, summary(items)]) + "\n"


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    counts = dict.fromkeys(("error", "warning", "note"), 0)
    for item in diagnostics:
        counts[item.severity] += 1
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items() if count)


def json_list(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The diagnostics as data: code, severity, file, line, column, message, hint."""
    return [
        {
            "code": item.code,
            "severity": item.severity,
            "file": item.span.file if item.span else None,
            "line": item.span.line if item.span else None,
            "column": item.span.column if item.span else None,
            "message": item.message,
            "hint": item.hint,
        }
        for item in sorted(diagnostics)
    ]


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that GitHub shows beside the changed lines."""
    lines = []
    for item in sorted(diagnostics):
        level = "notice" if item.severity == "note" else item.severity
        properties = [f"title={_property(item.code)}"]
        if item.span:
            span = item.span
            properties = [f"file={_property(span.file)}", f"line={span.line}", f"col={span.column}", *properties]
        message = item.message + (f"\n{item.hint}" if item.hint else "")
        lines.append(f"::{level} {','.join(properties)}::{_command_data(message)}\n")
    return "".join(lines)


def _command_data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _command_data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(diagnostics: Iterable[Diagnostic], version: str = "0") -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run; `version` is Argosy's."""
    items = sorted(diagnostics)
    codes = sorted({item.code for item in items})
    rules = [{"id": code, "shortDescription": {"text": REGISTRY[code].title}} for code in codes if code in REGISTRY]
    driver = {"name": "argosy", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(item) for item in items],
            }
        ],
    }


def _sarif_result(item: Diagnostic) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": item.code,
        "level": item.severity,
        "message": {"text": item.message + (f" ({item.hint})" if item.hint else "")},
    }
    if item.span:
        result["locations"] = [_sarif_location(item.span)]
    if item.related:
        result["relatedLocations"] = [
            {**_sarif_location(related.span), "message": {"text": related.message}} for related in item.related
        ]
    return result


def _sarif_location(span: Span) -> dict[str, Any]:
    from urllib.parse import quote

    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    return {"physicalLocation": {"artifactLocation": {"uri": quote(span.file)}, "region": region}}


def _block(item: Diagnostic, sources: Mapping[str, SourceFile], color: bool) -> str:
    head = _paint(f"{item.severity}[{item.code}]", _COLORS[item.severity], color)
    lines = [head + _paint(f": {escape(item.message)}", _BOLD, color)]
    spans = [item.span, *(related.span for related in item.related)]
    gutter = max((len(str(span.line)) for span in spans if span), default=1)
    if item.span:
        lines += _excerpt(item.span, sources, gutter, _MARKS[item.severity], _COLORS[item.severity], color)
    for related in item.related:
        lines.append(" " * gutter + _paint(" = note: ", _BLUE, color) + escape(related.message))
        lines += _excerpt(related.span, sources, gutter, "-", _BLUE, color)
    if item.hint:
        lines.append(" " * gutter + _paint(" = hint: ", _BLUE, color) + escape(item.hint))
    return "\n".join(lines)


def _excerpt(
    span: Span, sources: Mapping[str, SourceFile], gutter: int, mark: str, paint: str, color: bool
) -> list[str]:
    place = f"{escape(span.file)}:{span.line}:{span.column}"
    lines = [" " * gutter + _paint("--> ", _BLUE, color) + place]
    source = span.source or sources.get(span.file)
    if source is None or (not source.text and span.line == 1):
        return lines
    shown, start, width = _cut(source.line(span.line), span)
    bar = _paint("|", _BLUE, color)
    lines.append(" " * gutter + f" {bar}")
    lines.append(_paint(str(span.line).rjust(gutter), _BLUE, color) + f" {bar} {shown}".rstrip())
    lines.append(" " * gutter + f" {bar} {' ' * start}{_paint(mark * width, paint, color)}")
    return lines


def _cut(line: str, span: Span) -> tuple[str, int, int]:
    """A line as it is shown, cut around the span where it is long; the column and width of the span in it."""
    first = min(span.column - 1, len(line))
    last = min(max(span.end_column - 1, first + 1), len(line)) if span.end_line == span.line else len(line)
    cells = [escape(character) for character in line]
    if _width("".join(cells)) <= MAX_WIDTH:
        return "".join(cells), _width("".join(cells[:first])), max(_width("".join(cells[first:last])), 1)
    before, inside, after = cells[:first], cells[first : max(last, first)], cells[max(last, first) :]
    inside_text, cut_inside = _take("".join(inside), MAX_WIDTH)
    room = MAX_WIDTH - _width(inside_text)
    tail, cut_after = _take("".join(after), max(room // 2, 10))
    head = "".join(before)
    start = _width(head)
    room -= _width(tail)
    if start > max(room, 20):
        kept, _ = _take(head[::-1], max(room - 1, 19))
        head = "…" + kept[::-1]
        start = _width(head)
    tail = "" if cut_inside else tail
    shown = head + inside_text + tail + ("…" if cut_inside or cut_after else "")
    return shown, start, max(_width(inside_text), 1)


def _take(value: str, width: int) -> tuple[str, bool]:
    """The beginning of a text that fits into a width, and whether something was left out."""
    used = 0
    for index, character in enumerate(value):
        used += char_width(character)
        if used > width:
            return value[:index], True
    return value, False


def escape(value: str) -> str:
    """Text for a terminal: control and formatting characters as escapes, so that input cannot steer it."""
    if value.isascii() and value.isprintable():
        return value
    return "".join(_escaped(character) for character in value)


def _escaped(character: str) -> str:
    if character == "\t":
        return " " * TAB
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character


def char_width(character: str) -> int:
    """The columns that a character takes: 2 for wide ones, 0 for those that combine."""
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _width(value: str) -> int:
    return len(value) if value.isascii() else sum(map(char_width, value))


def _paint(value: str, paint: str, color: bool) -> str:
    return f"{paint}{value}{_RESET}" if color else value
