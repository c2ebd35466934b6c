"""Go's time: durations in nanoseconds, moments and their zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, ClassVar

from argo.expressions.errors import ExpressionError
from argo.expressions.layouts import DAYS, MONTHS, format_time, parse_layout

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_AMOUNT = r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
_DATE_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)


class Named(int):
    """A number with a name, as Go's months and days of the week."""

    name: str

    @classmethod
    def of(cls, number: int, name: str) -> Named:
        named = cls(number)
        named.name = name
        return named

    def __str__(self) -> str:
        return self.name


class Duration(int):
    """A length of time in nanoseconds."""

    go_type = "time.Duration"
    methods: ClassVar[dict[str, Callable[..., Any]]] = {
        "Hours": lambda d: d / _UNITS["h"],
        "Minutes": lambda d: d / _UNITS["m"],
        "Seconds": lambda d: d / _UNITS["s"],
        "Milliseconds": lambda d: int(d / _UNITS["ms"]),
        "Microseconds": lambda d: int(d / _UNITS["us"]),
        "Nanoseconds": int,
        "String": str,
    }

    def __str__(self) -> str:
        return format_duration(self)

    __repr__ = __str__


class Zone:
    """A time zone by its name."""

    go_type = "*time.Location"

    def __init__(self, name: str) -> None:
        self.name = name or "UTC"
        self.info = zone(self.name)

    def __str__(self) -> str:
        return self.name

    def marshal(self) -> str:
        return "{}"


def _added(moment: Any, duration: int) -> Time:
    return as_time(moment + timedelta(microseconds=int(duration) / 1000))


def _moved(moment: Time, years: int, months: int, days: int) -> Time:
    month = moment.month - 1 + months
    first = moment.replace(year=moment.year + years + month // 12, month=month % 12 + 1, day=1)
    return as_time(first + timedelta(days=moment.day - 1 + days))


class Time(datetime):
    """A moment with its zone, to the microsecond."""

    go_type = "time.Time"
    methods: ClassVar[dict[str, Callable[..., Any]]] = {
        "Year": lambda t: t.year,
        "Month": lambda t: Named.of(t.month, MONTHS[t.month - 1]),
        "Day": lambda t: t.day,
        "Hour": lambda t: t.hour,
        "Minute": lambda t: t.minute,
        "Second": lambda t: t.second,
        "Nanosecond": lambda t: t.microsecond * 1000,
        "Weekday": lambda t: Named.of(t.isoweekday() % 7, DAYS[t.weekday()]),
        "YearDay": lambda t: t.timetuple().tm_yday,
        "Unix": lambda t: int(t.timestamp() // 1),
        "UnixMilli": lambda t: int(t.timestamp() * 1000 // 1),
        "UTC": lambda t: as_time(t.astimezone(UTC)),
        "In": lambda t, location: as_time(t.astimezone(location.info)),
        "Format": format_time,
        "String": str,
        "Add": _added,
        "Sub": lambda t, other: add_times("-", t, other),
        "AddDate": _moved,
        "Before": lambda t, other: t < other,
        "After": lambda t, other: t > other,
        "Equal": lambda t, other: t == other,
        "IsZero": lambda t: t.year == 1 and t.timetuple().tm_yday == 1,
    }

    def __str__(self) -> str:
        return format_time(self, "2006-01-02 15:04:05.999999999 -0700 MST")

    def marshal(self) -> str:
        return '"' + format_time(self, "2006-01-02T15:04:05.999999999Z07:00") + '"'


def zone(name: str) -> tzinfo:
    """The zone of a name in the time zone database; `UTC` and `` are UTC."""
    import zoneinfo

    if name in ("", "UTC"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ExpressionError(f"unknown time zone {name}") from None


def as_time(moment: datetime) -> Time:
    return Time(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond,
        moment.tzinfo or UTC, fold=moment.fold,
    )  # fmt: skip


def now(location: Any = None) -> Time:
    if location is not None and not isinstance(location, Zone):
        raise ExpressionError("invalid number of arguments (expected 0, got 1)")
    return as_time(datetime.now(location.info if location else UTC))


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
    for layout in _DATE_LAYOUTS if len(rest) == 1 else rest[1:2]:
        try:
            return as_time(parse_layout(layout, rest[0], location))
        except ExpressionError:
            if len(rest) > 1:
                raise
    raise ExpressionError(f"invalid date {rest[0]}")


def add_times(symbol: str, left: Any, right: Any) -> Any:
    """Time - time, time ± duration; None where that is not defined."""
    if symbol == "-" and isinstance(left, date) and isinstance(right, date):
        return Duration((left - right) // timedelta(microseconds=1) * 1000)
    if isinstance(right, date) and symbol == "+":
        left, right = right, left
    if isinstance(left, date) and isinstance(right, Duration) and symbol in "+-":
        return _added(left, right if symbol == "+" else -right)
    return None


def parse_duration(value: str) -> Duration:
    """`1h15m30.5s` (Go: time.ParseDuration)."""
    if not re.fullmatch(rf"[+-]?(?:0|(?:{_AMOUNT})+)", value):
        raise ExpressionError(f'time: invalid duration "{value}"')
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in re.findall(_AMOUNT, value))
    return Duration(-total if value.startswith("-") else total)


def format_duration(value: int) -> str:
    """Go's text of a duration: `1h15m30.5s`, `1.5ms`, `0s`."""
    nanoseconds, sign = abs(int(value)), "-" if value < 0 else ""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 10**9:
        unit = "ns" if nanoseconds < 10**3 else "µs" if nanoseconds < 10**6 else "ms"
        return f"{sign}{_fraction(nanoseconds, _UNITS[unit])}{unit}"
    hours, rest = divmod(nanoseconds, _UNITS["h"])
    minutes, rest = divmod(rest, _UNITS["m"])
    text = f"{_fraction(rest, 10**9)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return sign + (f"{hours}h{text}" if hours else text)


def _fraction(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
