"""Holds values against parameters: type, bounds, pattern, list. Used for defaults, bindings and `-p` alike."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, Final

from compiler.models.base import REFERENCE, describe
from compiler.models.parts import Parameter


def conform(parameter: Parameter, value: Any) -> str | None:
    """What is wrong with a value for a parameter, as a sentence, or None. A text with a reference is not looked at."""
    if isinstance(value, str) and REFERENCE in value:
        return None
    problem = _TYPES[parameter.type](parameter, value)
    if problem is None and parameter.enum is not None and parameter.type != "enum":
        problem = _enum(parameter, value)
    return problem


def from_text(parameter: Parameter, text: str) -> Any:
    """A value given as text (`-p name=text`) in the parameter's type; raises ValueError with a sentence."""
    value: Any = text
    if parameter.type in _READERS:
        expected, read = _READERS[parameter.type]
        try:
            value = read(text)
        except ValueError:
            raise ValueError(f"expected {expected}, found '{text[:60]}'") from None
    elif parameter.type == "enum":
        value = next((choice for choice in parameter.enum or () if _text(choice) == text), text)
    problem = conform(parameter, value)
    if problem:
        raise ValueError(problem)
    return value


def _whole(text: str) -> int:
    if not re.fullmatch(r"[-+]?\d{1,18}", text, re.ASCII):
        raise ValueError(text)
    return int(text)


def _decimal(text: str) -> int | float:
    if not re.fullmatch(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", text, re.ASCII):
        raise ValueError(text)
    return int(text) if re.fullmatch(r"[-+]?\d{1,18}", text) else float(text)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _json(text: str) -> Any:
    import json

    return json.loads(text)


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "int": ("a whole number", _whole),
    "number": ("a number", _decimal),
    "bool": ("true or false", _truth),
    "json": ("JSON", _json),
}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return getattr(value, "text", None) or str(value)


def _string(parameter: Parameter, value: Any) -> str | None:
    if not isinstance(value, str | int | float):
        return f"expected text, found {describe(value)}"
    pattern = parameter.pattern
    if pattern is None or explodes(pattern):  # reported where it stands
        return None
    try:
        fits = compiled(pattern).fullmatch(_text(value)) is not None
    except (re.error, RecursionError, OverflowError):  # the pattern itself is reported where it stands
        return None
    return None if fits else f"'{_text(value)[:60]}' does not match the pattern {pattern}"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A parameter's pattern; raises re.error, RecursionError or OverflowError. What a later Python may read otherwise
    is no matter here, so that nobody is warned of it."""
    with _no_warnings():
        return re.compile(pattern)


@contextmanager
def _no_warnings() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def explodes(pattern: str) -> bool:
    """Whether a pattern repeats without end what is nothing but a repetition: `(a+)+`, `(a|b*)*`, `(x*y*)+`.

    Such a pattern can be matched in more ways than can be tried.
    """
    try:
        with _no_warnings():
            tree = import_module("re._parser").parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return any(_is_ambiguous(body) for body in _endless(tree))


def _endless(tree: Any) -> Iterator[Any]:
    """The bodies of all repetitions without end in a parsed pattern."""
    for part in tree:
        operator, argument = str(part[0]), part[1]
        if operator in _REPEATS and int(argument[1]) >= _ENDLESS:
            yield argument[2]
        for inner in _inside(operator, argument):
            yield from _endless(inner)


def _inside(operator: str, argument: Any) -> tuple[Any, ...]:
    if operator in _REPEATS:
        return (argument[2],)
    if operator == "SUBPATTERN":
        return (argument[-1],)
    return tuple(argument[1]) if operator == "BRANCH" else ()


def _is_ambiguous(body: Any) -> bool:
    """Whether one repetition without end can be all that a body matches."""
    needed = [part for part in body if not (str(part[0]) in _REPEATS and int(part[1][0]) == 0)]
    loops = [part for part in body if str(part[0]) in _REPEATS and int(part[1][1]) >= _ENDLESS]
    if not needed:
        return bool(loops)
    operator, argument = str(needed[0][0]), needed[0][1]
    if len(needed) > 1:
        return False
    if operator in _REPEATS:
        return int(argument[1]) >= _ENDLESS or _is_ambiguous(argument[2])
    return any(map(_is_ambiguous, _inside(operator, argument)))


_REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT")
_ENDLESS: Final = 1000  # repetitions that might as well be without end


def _int(parameter: Parameter, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"expected a whole number, found {describe(value)}"
    return _bounds(parameter, value)


def _number(parameter: Parameter, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number, found {describe(value)}"
    if value != value or value in (float("inf"), float("-inf")):
        return "expected a finite number"
    return _bounds(parameter, value)


def _bounds(parameter: Parameter, value: float) -> str | None:
    if parameter.minimum is not None and value < parameter.minimum:
        return f"{_text(value)} is below the minimum {parameter.minimum:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"{_text(value)} is above the maximum {parameter.maximum:g}"
    return None


def _bool(_: Parameter, value: Any) -> str | None:
    return None if isinstance(value, bool) else f"expected true or false, found {describe(value)}"


def _enum(parameter: Parameter, value: Any) -> str | None:
    choices = parameter.enum or ()
    if any(type(choice) is type(value) and choice == value for choice in choices):
        return None
    if isinstance(value, str | int | float) and _text(value) in [_text(choice) for choice in choices]:
        return None
    found = f"'{_text(value)[:60]}'" if isinstance(value, str | int | float) else describe(value)
    return f"expected one of {', '.join(map(_text, choices))}, found {found}"


def _any(_: Parameter, value: Any) -> str | None:
    del value
    return None


_TYPES: dict[str, Callable[[Parameter, Any], str | None]] = {
    "string": _string,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "enum": _enum,
    "json": _any,
}
