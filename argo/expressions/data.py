"""JSON and base64 as Go reads them."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import Number


def parse_json(document: str, number: type[float | Number] = float) -> Any:
    """`json.Unmarshal` into an `any`: every number is a float, or stays as it is written. Raises ExpressionError."""
    try:
        return json.loads(document, parse_int=number, parse_float=number, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ExpressionError(f"invalid JSON: {error}") from None


def _constant(name: str) -> Any:
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


def encode_base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()


def decode_base64(value: str) -> str:
    """Standard base64 with padding; bytes that are no UTF-8 come back as U+FFFD."""
    try:
        return base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise ExpressionError("illegal base64 data") from None
