"""Reads and writes values as Argo does: times in seconds, durations, parameters as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import marshal, positional
from compiler.manifest_types import Artifact, Parameter

Named = TypeVar("Named", Parameter, Artifact)
_PARAMETER_FIELDS = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def format_time(moment: datetime) -> str:
    """`2026-01-02T03:04:05Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`; any RFC 3339 offset is taken."""
    return datetime.fromisoformat(text).astimezone(UTC)


def whole(text: str) -> int:
    """A whole number as Go reads it: ASCII digits, no blanks, no underscores. Raises ValueError."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'strconv.Atoi: parsing "{text[:60]}": invalid syntax')
    return int(text)


def parse_duration(text: str) -> timedelta:
    """A Go duration (`1h30m`, `500ms`) or a whole number of seconds; ValueError otherwise.

    Argo: ParseStringToDuration.
    """
    from argo.expressions import times

    value = text.strip()
    try:
        if _WHOLE.fullmatch(value):
            return timedelta(seconds=int(value))
        return timedelta(microseconds=times.parse_duration(value) / 1000)
    except (ExpressionError, OverflowError) as error:
        raise ValueError(f"unable to parse {text} as a duration") from error


def text(value: Any) -> str:
    """A parameter's value as text (Argo: AnyString): numbers without exponent, booleans in lower case."""
    if isinstance(value, str):
        return value
    return positional(value) if isinstance(value, float) else marshal(value)


def parameters_json(parameters: list[Parameter]) -> str:
    """A list of parameters as JSON, fields in the order of Argo's Parameter struct."""
    rows = []
    for parameter in parameters:
        given: Mapping[str, object] = parameter
        row = {field: given[field] for field in _PARAMETER_FIELDS if field in given}
        for field in ("default", "value"):
            if row.get(field) is not None:
                row[field] = text(row[field])
        rows.append(row)
    return marshal(rows, sort=False)


def named(entries: list[Named] | None, name: str) -> Named | None:
    """The entry of a list of named objects."""
    return next((entry for entry in entries or () if entry.get("name") == name), None)


def put_named(entries: list[Named], entry: Named) -> None:
    """Add a named object to a list, in place of the one of the same name."""
    for position, present in enumerate(entries):
        if present["name"] == entry["name"]:
            entries[position] = entry
            return
    entries.append(entry)
