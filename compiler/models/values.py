"""Holds values against parameters: type, bounds, pattern, list. Used for defaults, bindings and `-p` alike.

Imports no pydantic: a command that starts a run reads the rules from the manifest.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from compiler import regex

REFERENCE: Final = "${{"


class Parameter(Protocol):
    """A parameter as far as values are held against it."""

    @property
    def type(self) -> str: ...
    @property
    def minimum(self) -> float | None: ...
    @property
    def maximum(self) -> float | None: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def enum(self) -> tuple[Any, ...] | None: ...


class Rules(NamedTuple):
    """A parameter as a manifest describes it (`labels.PARAMETERS`)."""

    type: str = "string"
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    enum: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Rules":
        """The rules in an entry of that annotation; fields of a newer release are not looked at."""
        rules = cls(**{name: described[name] for name in cls._fields if name in described})
        return rules._replace(enum=tuple(rules.enum)) if rules.enum is not None else rules


def conform(parameter: Parameter, value: Any) -> str | None:
    """Say what is wrong with a value for a parameter, or None. A text with a reference is not looked at."""
    return None if isinstance(value, str) and REFERENCE in value else _problem(parameter, value)


def _problem(parameter: Parameter, value: Any) -> str | None:
    problem = _TYPES[parameter.type](parameter, value)
    if problem is None and parameter.enum is not None and parameter.type != "enum":
        problem = _enum(parameter, value)
    return problem


def from_text(parameter: Parameter, text: str) -> Any:
    """A value given at run time as text (`-p name=text`), in the parameter's type.

    Raises ValueError with a sentence for what the parameter does not take, or what Argo would read as a template.
    """
    value: Any = text
    if opens_template(text):
        raise ValueError("Argo would take a part of it for a template of its own ({{…}}); an input file may hold it")
    if parameter.type in _READERS:
        expected, read = _READERS[parameter.type]
        try:
            value = read(text)
        except (ValueError, RecursionError):
            raise ValueError(f"expected {expected}, found '{text[:60]}'") from None
    elif parameter.type == "enum":
        value = next((choice for choice in parameter.enum or () if written(choice) == text), text)
    problem = _problem(parameter, value)
    if problem:
        raise ValueError(problem)
    return value


def fault(name: str, parameter: Parameter, text: str) -> str | None:
    """Why a text given at run time is refused as the value of a parameter, as a sentence; None where it is taken."""
    try:
        from_text(parameter, text)
    except ValueError as error:
        return f"the parameter {name} is refused: {error}; it takes {takes(parameter)}"
    return None


def takes(parameter: Parameter) -> str:
    """Say in words what a parameter takes: `a whole number, at least 1, at most 9`."""
    words = [_READERS[parameter.type][0] if parameter.type in _READERS else "text"]
    if parameter.enum:
        words = [f"one of {', '.join(map(written, parameter.enum))}"]
    if parameter.minimum is not None:
        words.append(f"at least {parameter.minimum:g}")
    if parameter.maximum is not None:
        words.append(f"at most {parameter.maximum:g}")
    if parameter.pattern is not None:
        words.append(f"all of it matching {parameter.pattern}")
    return ", ".join(words)


# A variable of Argo's or an expression, and braces that stay open: whatever follows would belong to them.
_TEMPLATE: Final = re.compile(
    r"\{\{\s*(=|(workflow|cronworkflow|inputs|outputs|tasks|steps|pod|node|item|lastRetry|retries)\b)"
    r"|\{\{(?!(?:(?!\{\{).)*\}\})",
    re.DOTALL,
)


def opens_template(text: str) -> bool:
    """True where Argo would substitute something in a text: it substitutes texts more than once, the last time with
    all variables (workflow/controller/workflowpod.go)."""
    return "{{" in text and _TEMPLATE.search(text) is not None


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

    def refused(word: str) -> None:
        raise ValueError(word)

    value = json.loads(text, parse_constant=refused)  # NaN and Infinity are no JSON
    if opens_template(json.dumps(value, ensure_ascii=False)):
        raise ValueError(text)
    return value


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "int": ("a whole number", _whole),
    "number": ("a number", _decimal),
    "bool": ("true or false", _truth),
    "json": ("JSON", _json),
}


def written(value: str | float) -> str:
    """A scalar as it stands in the file, where the loader has kept that in `.text`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return getattr(value, "text", None) or str(value)


def _string(parameter: Parameter, value: Any) -> str | None:
    if not isinstance(value, str | int | float):
        return f"expected text, found {describe(value)}"
    pattern = parameter.pattern
    if pattern is None:
        return None
    try:
        fitting = regex.fits(pattern, written(value))
    except regex.PatternError:  # reported where it stands
        return None
    return None if fitting else f"'{written(value)[:60]}' does not match the pattern {pattern}"


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
        return f"{written(value)} is below the minimum {parameter.minimum:g}"
    if parameter.maximum is not None and value > parameter.maximum:
        return f"{written(value)} is above the maximum {parameter.maximum:g}"
    return None


def _bool(_: Parameter, value: Any) -> str | None:
    return None if isinstance(value, bool) else f"expected true or false, found {describe(value)}"


def _enum(parameter: Parameter, value: Any) -> str | None:
    choices = parameter.enum or ()
    if any(type(choice) is type(value) and choice == value for choice in choices):
        return None
    if isinstance(value, str | int | float) and written(value) in [written(choice) for choice in choices]:
        return None
    found = f"'{written(value)[:60]}'" if isinstance(value, str | int | float) else describe(value)
    return f"expected one of {', '.join(map(written, choices))}, found {found}"


_TYPES: dict[str, Callable[[Parameter, Any], str | None]] = {
    "string": _string,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "enum": _enum,
    "json": lambda *_: None,
}


def describe(value: Any) -> str:
    """Name the kind of a value in a user's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    for types, words in _WORDS:
        if isinstance(value, types):
            return words
    return "a mapping" if hasattr(value, "model_fields_set") else f"a {type(value).__name__}"


_WORDS: Final[tuple[tuple[Any, str], ...]] = (
    (str, "text"),
    (int, "a whole number"),
    (float, "a number"),
    (Mapping, "a mapping"),
    ((list, tuple), "a list"),
)
