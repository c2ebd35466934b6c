"""Times read by Go's layouts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.times import _DAYS, _LAYOUT, _MONTHS, Time, Zone, as_time, zone

DEFAULT_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)
_SHORT_MONTHS = [name[:3] for name in _MONTHS]
_READ = {
    "January": ("month_name", "|".join(_MONTHS)),
    "Jan": ("month_short", "|".join(_SHORT_MONTHS)),
    "Monday": ("day_name", "|".join(_DAYS)),
    "Mon": ("day_short", "|".join(name[:3] for name in _DAYS)),
    "MST": ("zone", r"[A-Z]{3,4}(?:[+-]\d+)?"),
    "2006": ("year", r"\d{4}"),
    "06": ("short_year", r"\d{2}"),
    "01": ("month", r"\d{2}"),
    "1": ("month", r"\d{1,2}"),
    "002": ("year_day", r"\d{3}"),
    "02": ("day", r"\d{2}"),
    "_2": ("day", r" ?\d{1,2}"),
    "2": ("day", r"\d{1,2}"),
    "15": ("hour", r"\d{2}"),
    "03": ("hour12", r"\d{2}"),
    "3": ("hour12", r"\d{1,2}"),
    "04": ("minute", r"\d{2}"),
    "4": ("minute", r"\d{1,2}"),
    "05": ("second", r"\d{2}(?:\.\d+)?"),
    "5": ("second", r"\d{1,2}(?:\.\d+)?"),
    "PM": ("half", "AM|PM"),
    "pm": ("half", "am|pm"),
    "-0700": ("offset", r"[+-]\d{4}"),
    "-07:00": ("offset", r"[+-]\d{2}:\d{2}"),
    "-07": ("offset", r"[+-]\d{2}"),
    "Z07:00": ("offset", r"Z|[+-]\d{2}:\d{2}"),
    "Z0700": ("offset", r"Z|[+-]\d{4}"),
}


@lru_cache(maxsize=256)
def _pattern(layout: str) -> re.Pattern[str]:
    parts, position, seen = [], 0, set()
    for match in _LAYOUT.finditer(layout):
        parts.append(re.escape(layout[position : match.start()]))
        position = match.end()
        if match[0][0] in ".,":
            parts.append("" if "second" in seen else r"[.,]\d*")
            continue
        name, expression = _READ[match[0]]
        parts.append(f"(?:{expression})" if name in seen else f"(?P<{name}>{expression})")
        seen.add(name)
    return re.compile("".join([*parts, re.escape(layout[position:])]))


def parse_any(value: str, location: tzinfo | None) -> Time:
    """By the first of expr's default layouts that fits."""
    for layout in DEFAULT_LAYOUTS:
        try:
            return parse_layout(layout, value, location)
        except ExpressionError:
            continue
    raise ExpressionError(f"invalid date {value}")


def parse_layout(layout: str, value: str, location: tzinfo | None) -> Time:
    """Go's `time.ParseInLocation`; a text without a zone is taken in `location` (UTC without one)."""
    match = _pattern(layout).fullmatch(value)
    wrong = ExpressionError(f'parsing time "{value}" as "{layout}": cannot parse "{value}"')
    if match is None:
        raise wrong
    fields = {name: text for name, text in match.groupdict().items() if text is not None}
    try:
        second = float(fields.get("second", "0"))
        moment = datetime(
            _year(fields), _month(fields), int(fields.get("day", "1")), _hour(fields),
            int(fields.get("minute", "0")), int(second), round(second % 1 * 1_000_000),
            tzinfo=_zone(fields, location or UTC),
        )  # fmt: skip
        if "year_day" in fields:
            moment = moment.replace(month=1, day=1) + timedelta(days=int(fields["year_day"]) - 1)
    except (ValueError, OverflowError):
        raise wrong from None
    return as_time(moment)


def _year(fields: dict[str, str]) -> int:
    if "short_year" in fields:
        year = int(fields["short_year"])
        return year + (1900 if year >= 69 else 2000)
    return int(fields.get("year", "1"))


def _month(fields: dict[str, str]) -> int:
    if "month_name" in fields:
        return _MONTHS.index(fields["month_name"]) + 1
    if "month_short" in fields:
        return _SHORT_MONTHS.index(fields["month_short"]) + 1
    return int(fields.get("month", "1"))


def _hour(fields: dict[str, str]) -> int:
    if "hour12" not in fields:
        return int(fields.get("hour", "0"))
    return int(fields["hour12"]) % 12 + (12 if fields.get("half", "am").lower() == "pm" else 0)


def _zone(fields: dict[str, str], default: tzinfo) -> tzinfo:
    offset = fields.get("offset")
    if offset is None:
        return UTC if fields.get("zone") in ("UTC", "GMT") else default
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if offset[0] == "-" else span)


def parse_date(*arguments: Any) -> Time:
    """Expr's `date([zone,] text[, layout[, zone]])`."""
    location: tzinfo | None = None
    rest = list(arguments)
    if rest and isinstance(rest[0], Zone):
        location = rest.pop(0).info
    if not rest or not all(isinstance(item, str) for item in rest):
        raise ExpressionError("date wants texts")
    if len(rest) == 3:
        location = zone(rest[2])
    return parse_any(rest[0], location) if len(rest) == 1 else parse_layout(rest[1], rest[0], location)
