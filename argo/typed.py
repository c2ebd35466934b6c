"""Values of parameters given as text at run time, held against what the DAG declares."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from argo.errors import UsageError

if TYPE_CHECKING:
    from compiler.models.parts import Parameter

_WHOLE = re.compile(r"[-+]?\d+")


def check_values(declared: Mapping[str, Parameter], values: Mapping[str, str]) -> None:
    """Raises UsageError for the first value that its parameter does not take. Unknown names are left to others."""
    for name, value in values.items():
        wrong = mistake(declared[name], value) if name in declared else None
        if wrong:
            raise UsageError(
                f"the parameter {name} cannot be {value!r}: {wrong}", known="nothing was started", hint=f"-p {name}=…"
            )


def mistake(parameter: Parameter, value: str) -> str | None:
    """What is wrong with a value, None where nothing is."""
    wrong = _type_mistake(parameter.type, value)
    if wrong:
        return wrong
    allowed = [_text(entry) for entry in parameter.enum or ()]
    if allowed and value not in allowed:
        return f"it is one of {', '.join(allowed)}"
    if parameter.pattern is not None and re.search(parameter.pattern, value) is None:
        return f"it does not match {parameter.pattern}"
    if parameter.type in ("int", "number"):
        if parameter.minimum is not None and float(value) < parameter.minimum:
            return f"it is at least {parameter.minimum:g}"
        if parameter.maximum is not None and float(value) > parameter.maximum:
            return f"it is at most {parameter.maximum:g}"
    return None


def _type_mistake(kind: str, value: str) -> str | None:
    if kind == "int":
        return None if _WHOLE.fullmatch(value) else "it is a whole number"
    if kind == "number":
        return None if _is_number(value) else "it is a number"
    if kind == "bool":
        return None if value in ("true", "false") else "it is true or false"
    if kind == "json":
        try:
            json.loads(value)
        except ValueError as error:
            return f"it is not JSON ({error})"
    return None


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value)) and "_" not in value
    except ValueError:
        return False


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(getattr(value, "text", None) or value)
