"""The base of every model and the scalar types that definitions share: names, durations, quantities, text."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
REFERENCE = "${{"
_DURATION = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_QUANTITY = re.compile(r"^\d+(\.\d+)?([eE][-+]?\d+|m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$")


class Model(BaseModel):
    """A frozen part of a definition: unknown fields are refused, YAML names are camelCase."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        defer_build=True,
        hide_input_in_errors=True,
    )


def as_text(value: Any) -> Any:
    """A scalar as the text that stands in the file: `1.10` stays "1.10" (the loader keeps it in `.text`)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return getattr(value, "text", None) or str(value)
    return value


def parse_duration(value: Any) -> Any:
    """`90s`, `10m`, `2h`, `1d`, `1h30m`, or whole seconds -> seconds."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("a duration is written like 90s, 10m, 2h, 1d or 1h30m")
    if isinstance(value, int):
        return value
    match = _DURATION.match(value)
    if not value or match is None:
        raise ValueError(f"'{value}' is not a duration; write 90s, 10m, 2h, 1d or 1h30m")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def parse_quantity(value: Any) -> Any:
    """A Kubernetes quantity (`500m`, `4`, `16Gi`) as text; a `${{ … }}` reference is left to the checker."""
    text = as_text(value)
    if not isinstance(text, str) or not (_QUANTITY.match(text) or REFERENCE in text):
        raise ValueError(f"'{text}' is not a quantity; write 500m, 4 or 16Gi")
    return text


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=40)]
Text = Annotated[str, BeforeValidator(as_text), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Duration = Annotated[
    int, BeforeValidator(parse_duration), WithJsonSchema({"type": ["string", "integer"], "examples": ["90s", "10m", "2h", "1d"]})
]
Quantity = Annotated[str, BeforeValidator(parse_quantity), WithJsonSchema({"type": ["string", "number"], "examples": ["500m", "16Gi"]})]
