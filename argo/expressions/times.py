"""Go's time: durations in nanoseconds, moments, layouts like `2006-01-02`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from argo.expressions.errors import ExpressionError

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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

    def __str__(self) -> str:
        return format_duration(self)

    def __repr__(self) -> str:
        return str(self)

    def method(self, name: str) -> Any:
        methods: dict[str, Callable[[], Any]] = {
            "Hours": lambda: self / _UNITS["h"],
            "Minutes": lambda: self / _UNITS["m"],
            "Seconds": lambda: self / _UNITS["s"],
            "Milliseconds": lambda: int(int(self) / _UNITS["ms"]),
            "Microseconds": lambda: int(int(self) / _UNITS["us"]),
            "Nanoseconds": lambda: int(self),
            "String": lambda: str(self),
        }
        if name not in methods:
            raise ExpressionError(f"cannot fetch {name} from time.Duration")
        return methods[name]


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


def zone(name: str) -> tzinfo:
    """The zone of a name in the time zone database; `UTC` and `` are UTC."""
    import zoneinfo

    if name in ("", "UTC"):
        return UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ExpressionError(f"unknown time zone {name}") from None


class Time(datetime):
    """A moment with its zone, to the microsecond."""

    go_type = "time.Time"

    def __str__(self) -> str:
        return format_time(self, "2006-01-02 15:04:05.999999999 -0700 MST")

    def marshal(self) -> str:
        return '"' + format_time(self, "2006-01-02T15:04:05.999999999Z07:00") + '"'

    def method(self, name: str) -> Any:
        if name not in _METHODS:
            raise ExpressionError(f"cannot fetch {name} from time.Time")
        function = _METHODS[name]
        return lambda *arguments: function(self, *arguments)


def as_time(moment: datetime) -> Time:
    return Time(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond,
        moment.tzinfo or UTC, fold=moment.fold,
    )  # fmt: skip


def now(location: Any = None) -> Time:
    if location is not None and not isinstance(location, Zone):
        raise ExpressionError("invalid number of arguments (expected 0, got 1)")
    return as_time(datetime.now(location.info if location else UTC))


def add_times(symbol: str, left: Any, right: Any) -> Any:
    """Time - time, time ± duration; None where that is not defined."""
    if symbol == "-" and isinstance(left, date) and isinstance(right, date):
        return Duration((left - right) // timedelta(microseconds=1) * 1000)
    if isinstance(right, date) and symbol == "+":
        left, right = right, left
    if isinstance(left, date) and isinstance(right, Duration) and symbol in "+-":
        return _added(left, right if symbol == "+" else Duration(-right))
    return None


def _added(moment: Any, duration: Any) -> Time:
    return as_time(moment + timedelta(microseconds=int(duration) / 1000))


def parse_duration(value: str) -> Duration:
    """`1h15m30.5s` (Go: time.ParseDuration)."""
    sign, rest = (-1, value[1:]) if value.startswith("-") else (1, value.removeprefix("+"))
    if rest == "0":
        return Duration(0)
    total, end = 0, 0
    for match in _DURATION.finditer(rest):
        if match.start() != end:
            break
        from decimal import Decimal

        total += int(Decimal(match[1]) * _UNITS[match[2]])
        end = match.end()
    if not rest or end != len(rest):
        raise ExpressionError(f'time: invalid duration "{value}"')
    return Duration(sign * total)


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


def _offset(moment: datetime, colon: str, zulu: bool) -> str:
    total = int((moment.utcoffset() or timedelta()).total_seconds())
    if zulu and total == 0:
        return "Z"
    hours, minutes = divmod(abs(total) // 60, 60)
    return f"{'-' if total < 0 else '+'}{hours:02d}{colon}{minutes:02d}"


_LAYOUT = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|-07:00|-0700|-07|Z07:00|Z0700|[.,]0+(?!\d)|[.,]9+(?!\d)|002|_2|01|02|03|04|05|06|15"
    r"|PM|pm|1|2|3|4|5"
)
_WRITE: dict[str, Callable[[datetime], str]] = {
    "January": lambda t: _MONTHS[t.month - 1],
    "Jan": lambda t: _MONTHS[t.month - 1][:3],
    "Monday": lambda t: _DAYS[t.weekday()],
    "Mon": lambda t: _DAYS[t.weekday()][:3],
    "MST": lambda t: "UTC" if t.tzname() in (None, "UTC") else str(t.tzname()),
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "02": lambda t: f"{t.day:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "2": lambda t: str(t.day),
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{(t.hour + 11) % 12 + 1:02d}",
    "3": lambda t: str((t.hour + 11) % 12 + 1),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "-0700": lambda t: _offset(t, "", False),
    "-07:00": lambda t: _offset(t, ":", False),
    "-07": lambda t: _offset(t, ":", False)[:3],
    "Z07:00": lambda t: _offset(t, ":", True),
    "Z0700": lambda t: _offset(t, "", True),
}


def format_time(moment: datetime, layout: str) -> str:
    """Go's `Time.Format`."""

    def write(match: re.Match[str]) -> str:
        part = match[0]
        if part[0] not in ".,":
            return _WRITE[part](moment)
        digits = f"{moment.microsecond:06d}000"[: len(part) - 1]
        if part[1] == "9":
            digits = digits.rstrip("0")
        return part[0] + digits if digits else ""

    return _LAYOUT.sub(write, layout)


def _moved(moment: Time, years: int, months: int, days: int) -> Time:
    month = moment.month - 1 + months
    first = moment.replace(year=moment.year + years + month // 12, month=month % 12 + 1, day=1)
    return as_time(first + timedelta(days=moment.day - 1 + days))


_METHODS: dict[str, Callable[..., Any]] = {
    "Year": lambda t: t.year,
    "Month": lambda t: Named.of(t.month, _MONTHS[t.month - 1]),
    "Day": lambda t: t.day,
    "Hour": lambda t: t.hour,
    "Minute": lambda t: t.minute,
    "Second": lambda t: t.second,
    "Nanosecond": lambda t: t.microsecond * 1000,
    "Weekday": lambda t: Named.of(t.isoweekday() % 7, _DAYS[t.weekday()]),
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
