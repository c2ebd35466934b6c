"""Prints for all commands: JSON, YAML, diagnostics, tables."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argo.cli.streams import takes_unicode
from argo.errors import ConflictError, EnvironmentFailure

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic


def emit(value: Any, form: str) -> None:
    """Print a value as JSON or YAML on stdout."""
    if form == "yaml":
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        text = yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=takes_unicode(), width=120)
        click.echo(text, nl=False)
    else:
        click.echo(json_text(value, indent=2))


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON that stdout can take: readable in UTF-8, escaped in any other encoding."""
    if takes_unicode():
        text = json.dumps(value, indent=indent, ensure_ascii=False)
        if text.isascii() or _is_unicode(text):
            return text
    return json.dumps(value, indent=indent)


def _is_unicode(text: str) -> bool:
    """False for text that holds bytes of a file name that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def say(*lines: str) -> None:
    """Lines on stderr, about what is done. That nobody reads them changes nothing."""
    with suppress(OSError):
        for line in lines:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def write_file(path: Path, data: str | bytes, *, new: bool = False) -> None:
    """Write a file: whole under its name, or not at all. With `new` raises ConflictError where there is one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        if not new:
            temporary.replace(path)
        elif not _link(temporary, path):
            raise ConflictError(
                f"{path} exists already", known="it was not touched", hint="choose another name, or move it away"
            )
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write {path}: {error.strerror or error}",
            known="nothing is half written",
            hint="make space" if error.errno == errno.ENOSPC else "look at the folder and its rights",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _link(source: Path, target: Path) -> bool:
    """Give a file a second name; False where there is a file of that name."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        return False
    return True


def print_diagnostics(diagnostics: Iterable[Diagnostic], form: str = "text") -> None:
    """Diagnostics on stderr as text with excerpts, or on stdout in a machine's form (json, github, sarif)."""
    found = sorted(diagnostics)
    if form == "text" and not found:
        return
    import compiler.report as report

    if form == "json":
        emit(report.json_list(found), "json")
    elif form == "text":
        say(report.text(found, color=color(sys.stderr)))
    else:
        value = getattr(report, form)(found)
        click.echo(value if isinstance(value, str) else json_text(value, indent=2))


def color(stream: Any) -> bool:
    """True where the stream is a terminal that wants colour (NO_COLOR is respected)."""
    return bool(stream.isatty()) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Left-aligned columns, two spaces apart, as kubectl prints them."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
