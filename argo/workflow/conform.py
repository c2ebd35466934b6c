"""Gives an object the form in which Argo reads it: its names of fields, and text where text is wanted.

Go's decoder takes the name of a field in any case, and sigs.k8s.io/yaml makes text of a number or boolean where a
string is wanted (`args: [exit, 1]`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.manifest_schema import fields_of


def conform(obj: dict[str, Any]) -> dict[str, Any]:
    """The object in that form; the parts that have it already are shared. What is unknown stays as it is."""
    result = _value(obj, str(obj.get("kind")))
    return result if isinstance(result, dict) else obj


def _value(value: Any, reference: str) -> Any:
    if reference == "string":
        return _text(value)
    if reference.startswith("[]"):
        return [_value(item, reference[2:]) for item in value] if isinstance(value, list) else value
    if not isinstance(value, dict):
        return value
    if reference.startswith("{}"):
        return {key: _value(item, reference[2:]) for key, item in value.items()}
    fields = fields_of(reference)
    return _object(value, fields) if fields else value


def _object(value: dict[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key
        if key not in fields:
            name = next((known for known in fields if known.lower() == str(key).lower() and known not in value), key)
        result[name] = _value(item, fields.get(name, "any"))
    return result


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        from argo.expressions.gojson import plain_float

        return plain_float(value)
    return value
