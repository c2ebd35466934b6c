"""Times written and read by Go's layouts: `2006-01-02`, `Mon Jan _2 15:04:05 MST`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from argo.expressions.errors import ExpressionError

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Each part of a layout: how it is written, the name of what is read, and the pattern by which it is.
_PARTS: dict[str, tuple[Callable[[datetime], str], str, str]] = {
    "January": (lambda t: MONTHS[t.month - 1], "month_name", "|".join(MONTHS)),
    "Jan": (lambda t: MONTHS[t.month - 1][:3], "month_name", "|".join(name[:3] for name in MONTHS)),
    "Monday": (lambda t: DAYS[t.weekday()], "day_name", "|".join(DAYS)),
    "Mon": (lambda t: DAYS[t.weekday()][:3], "day_name", "|".join(name[:3] for name in DAYS)),
    "MST": (lambda t: str(t.tzname() or "UTC"), "zone", r"[A-Z]{3,4}(?:[+-]\d+)?"),
    "2006": (lambda t: f"{t.year:04d}", "year", r"\d{4}"),
    "06": (lambda t: f"{t.year % 100:02d}", "short_year", r"\d{2}"),
    "01": (lambda t: f"{t.month:02d}", "month", r"\d{2}"),
    "1": (lambda t: str(t.month), "month", r"\d{1,2}"),
    "002": (lambda t: f"{t.timetuple().tm_yday:03d}", "year_day", r"\d{3}"),
    "02": (lambda t: f"{t.day:02d}", "day", r"\d{2}"),
    "_2": (lambda t: f"{t.day:2d}", "day", r" ?\d{1,2}"),
    "2": (lambda t: str(t.day), "day", r"\d{1,2}"),
    "15": (lambda t: f"{t.hour:02d}", "hour", r"\d{2}"),
    "03": (lambda t: f"{(t.hour + 11) % 12 + 1:02d}", "hour12", r"\d{2}"),
    "3": (lambda t: str((t.hour + 11) % 12 + 1), "hour12", r"\d{1,2}"),
    "04": (lambda t: f"{t.minute:02d}", "minute", r"\d{2}"),
    "4": (lambda t: str(t.minute), "minute", r"\d{1,2}"),
    "05": (lambda t: f"{t.second:02d}", "second", r"\d{2}(?:\.\d+)?"),
    "5": (lambda t: str(t.second), "second", r"\d{1,2}(?:\.\d+)?"),
    "PM": (lambda t: "PM" if t.hour >= 12 else "AM", "half", "AM|PM"),
    "pm": (lambda t: "pm" if t.hour >= 12 else "am", "half", "am|pm"),
    "-0700": (lambda t: _offset(t, "", False), "offset", r"[+-]\d{4}"),
    "-07:00": (lambda t: _offset(t, ":", False), "offset", r"[+-]\d{2}:\d{2}"),
    "-07": (lambda t: _offset(t, ":", False)[:3], "offset", r"[+-]\d{2}"),
    "Z07:00": (lambda t: _offset(t, ":", True), "offset", r"Z|[+-]\d{2}:\d{2}"),
    "Z0700": (lambda t: _offset(t, "", True), "offset", r"Z|[+-]\d{4}"),
}
_PART = re.compile("|".join([*sorted(_PARTS, key=len, reverse=True), r"[.,](?:0+|9+)(?!\d)"]))


def format_time(moment: datetime, layout: str) -> str:
    """Go's `Time.Format`."""

    def write(match: re.Match[str]) -> str:
        part = match[0]
        if part in _PARTS:
            return _PARTS[part][0](moment)
        digits = f"{moment.microsecond:06d}000"[: len(part) - 1]
        if part[1] == "9":
            digits = digits.rstrip("0")
        return part[0] + digits if digits else ""

    return _PART.sub(write, layout)


def parse_layout(layout: str, value: str, location: tzinfo | None = None) -> datetime:
    """Go's `time.ParseInLocation`; a text without a zone is taken in `location` (UTC without one)."""
    match = _pattern(layout).fullmatch(value)
    try:
        if match is not None:
            return _moment({name: text for name, text in match.groupdict().items() if text}, location or UTC)
    except (ValueError, OverflowError):
        pass
    raise ExpressionError(f'parsing time "{value}" as "{layout}": cannot parse "{value}"')


@lru_cache(maxsize=256)
def _pattern(layout: str) -> re.Pattern[str]:
    parts, position, seen = [], 0, set()
    for match in _PART.finditer(layout):
        parts.append(re.escape(layout[position : match.start()]))
        position = match.end()
        if match[0] not in _PARTS:  # a fraction of seconds, which is read with them
            parts.append("" if "second" in seen else r"[.,]\d*")
            continue
        _, name, expression = _PARTS[match[0]]
        parts.append(f"(?:{expression})" if name in seen else f"(?P<{name}>{expression})")
        seen.add(name)
    return re.compile("".join([*parts, re.escape(layout[position:])]))


def _moment(read: dict[str, str], location: tzinfo) -> datetime:
    year, month, hour = (int(read.get(*part)) for part in (("year", "1"), ("month", "1"), ("hour", "0")))
    if "short_year" in read:
        year = int(read["short_year"])
        year += 1900 if year >= 69 else 2000
    if "month_name" in read:
        month = next(number for number, name in enumerate(MONTHS, 1) if name.startswith(read["month_name"][:3]))
    if "hour12" in read:
        hour = int(read["hour12"]) % 12 + (12 if read.get("half", "am").lower() == "pm" else 0)
    minute, second = int(read.get("minute", "0")), float(read.get("second", "0"))
    moment = datetime(
        year, month, int(read.get("day", "1")), hour, minute, int(second), round(second % 1 * 1_000_000),
        _zone(read, location),
    )  # fmt: skip
    if "year_day" in read:
        moment = moment.replace(month=1, day=1) + timedelta(days=int(read["year_day"]) - 1)
    return moment


def _zone(read: dict[str, str], default: tzinfo) -> tzinfo:
    offset = read.get("offset")
    if offset is None:
        return UTC if read.get("zone") in ("UTC", "GMT") else default
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if offset[0] == "-" else span)


def _offset(moment: datetime, colon: str, zulu: bool) -> str:
    total = int((moment.utcoffset() or timedelta()).total_seconds())
    if zulu and total == 0:
        return "Z"
    hours, minutes = divmod(abs(total) // 60, 60)
    return f"{'-' if total < 0 else '+'}{hours:02d}{colon}{minutes:02d}"
