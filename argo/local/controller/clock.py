"""Times and durations as Argo writes them: RFC 3339, Go durations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_time(text: str) -> datetime:
    """The inverse of `argo.values.format_time`; any RFC 3339 offset is taken."""
    return datetime.fromisoformat(text).astimezone(UTC)


def parse_duration(text: str) -> timedelta:
    """A Go duration (`1h30m`, `500ms`) or a whole number of seconds; ValueError otherwise.

    Argo: ParseStringToDuration.
    """
    value = text.strip()
    if re.fullmatch(r"[+-]?\d+", value):
        return timedelta(seconds=int(value))
    sign = -1.0 if value.startswith("-") else 1.0
    body = value.lstrip("+-")
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"unable to parse {text} as a duration")
    return timedelta(seconds=sign * sum(float(number) * _UNITS[unit] for number, unit in parts))


def humanize(duration: timedelta) -> str:
    """`1 minutes 30 seconds`, as Argo's humanize.Duration words a back-off."""
    seconds = int(duration.total_seconds())
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [(days, "days"), (hours, "hours"), (minutes, "minutes"), (seconds, "seconds")]
    shown = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(shown[:2]) if shown else "0 seconds"
