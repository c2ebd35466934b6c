"""What commands print: JSON, YAML, diagnostics, tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic


def emit(value: Any, form: str) -> None:
    """Print a value as JSON or YAML on stdout."""
    if form == "yaml":
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)
        click.echo(text, nl=False)
    else:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_diagnostics(diagnostics: Iterable[Diagnostic], form: str = "text") -> None:
    """Diagnostics on stderr as text with excerpts, or on stdout in a machine's form (json, github, sarif)."""
    found = sorted(diagnostics)
    if form == "text" and not found:
        return
    import compiler.report as report

    if form == "json":
        emit(report.json_list(found), "json")
    elif form == "text":
        click.echo(report.text(found, color=color(sys.stderr)), err=True)
    else:
        value = getattr(report, form)(found)
        click.echo(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def color(stream: Any) -> bool:
    """Whether the stream is a terminal that wants colour (NO_COLOR is respected)."""
    import os

    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Left-aligned columns, two spaces apart, as kubectl prints them."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
