"""Values as Argo writes them: times in seconds, durations, parameters as text, JSON as encoding/json marshals it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from compiler.manifest_types import Artifact, Parameter

Named = TypeVar("Named", Parameter, Artifact)
_PARAMETER_FIELDS = ("name", "default", "value", "valueFrom", "globalName", "enum", "description")
_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_HTML_TABLE = str.maketrans(_HTML)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
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
    try:
        return _duration(text)
    except OverflowError as error:
        raise ValueError(f"unable to parse {text} as a duration") from error


def _duration(text: str) -> timedelta:
    value = text.strip()
    if _WHOLE.fullmatch(value):
        return timedelta(seconds=int(value))
    sign = -1.0 if value.startswith("-") else 1.0
    body = value.lstrip("+-")
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"unable to parse {text} as a duration")
    return timedelta(seconds=sign * sum(float(number) * _UNITS[unit] for number, unit in parts))


def text(value: Any) -> str:
    """A parameter's value as text (Argo: AnyString): numbers without exponent, booleans in lower case."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")
        return plain.removesuffix(".0")
    if isinstance(value, int):
        return str(value)
    return go_json(value)


def go_json(value: Any, sort: bool = True) -> str:
    """JSON as Go's encoding/json writes it: compact, keys of maps sorted, `<`, `>`, `&` escaped."""
    dumped = json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, sort_keys=sort)
    return dumped.translate(_HTML_TABLE)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value


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
    return go_json(rows, sort=False)


def named(entries: list[Named] | None, name: str) -> Named | None:
    """The entry of a list of named objects."""
    return next((entry for entry in entries or () if entry.get("name") == name), None)
