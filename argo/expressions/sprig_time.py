"""Sprig's functions on times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.layouts import format_time, parse_layout
from argo.expressions.sprig_math import whole
from argo.expressions.times import (
    Duration,
    Time,
    add_times,
    as_time,
    format_duration,
    now,
    parse_duration,
    zone,
)


def _moment(value: Any) -> Time:
    if isinstance(value, Time):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return as_time(datetime.fromtimestamp(value, UTC))
    return now()


def _in_zone(layout: str, value: Any, name: str) -> str:
    try:
        location: tzinfo = zone(name)
    except ExpressionError:
        location = UTC
    return format_time(_moment(value).astimezone(location), layout)


def _must_date(layout: str, value: str) -> Time:
    return as_time(parse_layout(layout, value))


def _to_date(layout: str, value: str) -> Time:
    try:
        return _must_date(layout, value)
    except ExpressionError:
        return Time(1, 1, 1, tzinfo=UTC)


def _ago(value: Any) -> str:
    seconds = int((now() - _moment(value)).total_seconds())
    return format_duration(Duration(seconds * 10**9))


def _fail(message: str) -> Any:
    raise ExpressionError(message)


TIME: dict[str, Callable[..., Any]] = {
    "fail": _fail,
    "now": now,
    "ago": _ago,
    "date": lambda layout, value: format_time(_moment(value), layout),
    **dict.fromkeys(("dateInZone", "date_in_zone"), _in_zone),
    **dict.fromkeys(
        ("dateModify", "date_modify", "mustDateModify", "must_date_modify"),
        lambda change, moment: add_times("+", moment, parse_duration(change)),
    ),
    "duration": lambda seconds: format_duration(Duration((whole(seconds) if isinstance(seconds, str) else 0) * 10**9)),
    "htmlDate": lambda value: format_time(_moment(value), "2006-01-02"),
    "htmlDateInZone": lambda value, name: _in_zone("2006-01-02", value, name),
    "toDate": _to_date,
    "mustToDate": _must_date,
    "unixEpoch": lambda value: str(int(value.timestamp())),
}
