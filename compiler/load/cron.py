"""Cron schedules as Argo reads them: five fields, names of months and days, @daily and its like."""

from __future__ import annotations

import re

_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_EVERY = re.compile(r"@every (?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\*|\?|\w+)(?:-(\w+))?(?:/(\w+))?", re.ASCII)


def problem(text: str) -> str | None:
    """Say what is wrong with a cron schedule, or None. (Argo: robfig/cron's standard parser.)"""
    if text.startswith("@"):
        known = text in _MACROS or _EVERY.fullmatch(text) is not None
        return None if known else f"'{text[:60]}' is none of {', '.join(_MACROS)} and @every 1h30m"
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"a schedule has five fields, this has {len(fields)}"
    for (name, low, high, names), field in zip(_FIELDS, fields, strict=True):
        for part in field.split(","):
            wrong = _part(part, low, high, names)
            if wrong:
                return f"{name}: {wrong}"
    return None


def _part(text: str, low: int, high: int, names: tuple[str, ...]) -> str | None:
    match = _PART.fullmatch(text)
    if match is None:
        return f"'{text[:30]}' is not a value, a range or a step"
    first, last, step = match.groups()
    if step is not None and not (step.isdigit() and int(step[:9]) > 0):
        return f"the step '{step[:30]}' is not a number above 0"
    if first in ("*", "?"):
        return f"'{text[:30]}' is not a range" if last is not None else None
    values = [_number(word, low, names) for word in (first, last) if word is not None]
    for word, value in zip((first, last), values, strict=False):
        if value is None or not low <= value <= high:
            return f"'{(word or '')[:30]}' is not between {low} and {high}"
    if len(values) == 2 and values[0] is not None and values[1] is not None and values[0] > values[1]:
        return f"the range '{text[:30]}' runs backwards"
    return None


def _number(word: str, low: int, names: tuple[str, ...]) -> int | None:
    if word.lower() in names:
        return names.index(word.lower()) + low
    return int(word) if word.isdigit() and len(word) < 9 else None
