"""withSequence: the list of texts it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from argo.expressions.errors import TemplateError

MAXIMUM_ITEMS = 1_000_000
_INTEGER = re.compile(r"[+-]?[0-9]+")
_VERB = re.compile(r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<verb>.)", re.DOTALL)


def resolve_sequence(sequence: Mapping[str, Any]) -> list[str]:
    """Items of a withSequence whose tags are replaced (Argo: workflow/controller/operator.go, expandSequence).

    Raises TemplateError for a bound that is no integer, or when neither `end` nor `count` is given.
    """
    start = _integer(sequence.get("start"), 0)
    if sequence.get("end") is not None:
        end = _integer(sequence["end"], 0)
    elif sequence.get("count") is not None:
        count = _integer(sequence["count"], 0)
        if count == 0:
            return []
        end = start + count - 1
    else:
        raise TemplateError("neither end nor count was specified in withSequence")
    if abs(end - start) >= MAXIMUM_ITEMS:
        raise TemplateError(f"withSequence has more than {MAXIMUM_ITEMS} items")
    numbers = range(start, end + 1) if start <= end else range(start, end - 1, -1)
    layout = sequence.get("format") or "%d"
    return [go_format(layout, number) for number in numbers]


def _integer(value: Any, default: int) -> int:
    if value is None:
        return default
    text = str(value)
    if not _INTEGER.fullmatch(text):
        raise TemplateError(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def go_format(layout: str, number: int) -> str:
    """`fmt.Sprintf(layout, number)` for one integer, Go's marks for a wrong or missing verb included."""
    used = False

    def verb(match: re.Match[str]) -> str:
        nonlocal used
        if match["verb"] == "%":
            return "%"
        if used:
            return f"%!{match['verb']}(MISSING)"
        used = True
        return _formatted(match, number)

    text = _VERB.sub(verb, layout)
    return text if used else f"{text}%!(EXTRA int={number})"


def _formatted(match: re.Match[str], number: int) -> str:
    flags, verb = match["flags"], match["verb"]
    if verb not in _DIGITS:
        return f"%!{verb}(int={number})"
    digits = _DIGITS[verb](abs(number), "#" in flags)
    if match["precision"] is not None:
        digits = digits.rjust(int(match["precision"] or 0), "0")
    sign = "-" if number < 0 else "+" if "+" in flags else " " if " " in flags else ""
    width = int(match["width"] or 0)
    if "-" in flags:
        return (sign + digits).ljust(width)
    if "0" in flags and match["precision"] is None:
        return sign + digits.rjust(width - len(sign), "0")
    return (sign + digits).rjust(width)


_DIGITS: Mapping[str, Callable[[int, bool], str]] = {
    "d": lambda value, _: str(value),
    "v": lambda value, _: str(value),
    "b": lambda value, alternative: format(value, "#b" if alternative else "b"),
    "o": lambda value, alternative: ("0" if alternative else "") + format(value, "o"),
    "O": lambda value, _: "0o" + format(value, "o"),
    "x": lambda value, alternative: ("0x" if alternative else "") + format(value, "x"),
    "X": lambda value, alternative: ("0X" if alternative else "") + format(value, "X"),
    "c": lambda value, _: chr(value) if value < 0x110000 else "\ufffd",
}
