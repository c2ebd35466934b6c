"""Holds Kubernetes and Argo objects against the closed schema: unknown fields and wrong shapes, found by path.

The schema is generated (`scripts/manifest_schema.py`) from Hera's models of Argo's objects and a reviewed overlay.
Only the standard library is used, and the schema is read once, at the first object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in an object: where (`key` when the field's name is wrong, not its value), what, and what to do."""

    path: Path
    message: str
    hint: str = ""
    key: bool = False


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of the schema: its fields by name, and those that must be there."""

    name: str
    fields: Mapping[str, str]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Schema:
    kinds: Mapping[str, str]
    types: Mapping[str, _Type]


@cache
def _schema() -> _Schema:
    folder = __file__.removesuffix("manifest_schema.py")  # importlib.resources would cost more than the reading
    with open(f"{folder}_generated/manifest_schema.json", "rb") as file:  # noqa: PTH123
        data = json.load(file)
    types = {}
    for name, fields in data["types"].items():
        required = tuple(key[:-1] for key in fields if key[-1] == "!")
        types[name] = _Type(name, {key.rstrip("!"): reference for key, reference in fields.items()}, required)
    return _Schema(data["kinds"], types)


def kinds() -> Mapping[str, str]:
    """The kinds that the schema knows, each with its apiVersion."""
    return _schema().kinds


def fields_of(name: str) -> Mapping[str, str]:
    """The fields of a kind or type with their types (`[]T` a list, `{}T` a map); empty for a name it has not."""
    type_ = _schema().types.get(name)
    return type_.fields if type_ else {}


def check_object(obj: Any) -> list[Problem]:
    """Every mistake in the names and shapes of an object's fields, in the object's order; empty when there is none.

    `obj` is the JSON shape of one object. Values are held against their JSON type only; a null is a field left out,
    as the Kubernetes API takes it.
    """
    if not isinstance(obj, dict):
        return [Problem((), f"an object with apiVersion and kind is expected, this is {_named(obj)}")]
    kind, version = obj.get("kind"), obj.get("apiVersion")
    known = kinds()
    if kind is None:
        return [Problem((), "the object has no kind", f"known are {', '.join(known)}")]
    if not isinstance(kind, str) or kind not in known:
        return [Problem(("kind",), f"unknown kind {kind!r}", _nearest(str(kind), known))]
    problems = list(_walk(obj, kind, ()))
    if version != known[kind]:
        where: Path = ("apiVersion",) if "apiVersion" in obj else ()
        problems.append(Problem(where, f"{kind} has apiVersion {known[kind]}, not {version!r}"))
    return problems


def _walk(value: Any, reference: str, path: Path) -> Iterator[Problem]:
    """The problems of a value that should be as the reference says."""
    if value is None:
        return
    if scalar := _SCALARS.get(reference):
        types, words = scalar
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            yield Problem(path, f"{words} is expected, this is {_named(value)}", _quote(value, reference))
    elif reference.startswith("[]"):
        yield from _walk_list(value, reference[2:], path)
    elif reference.startswith("{}"):
        yield from _walk_map(value, reference[2:], path)
    else:
        yield from _walk_type(value, _schema().types[reference], path)


def _walk_list(value: Any, reference: str, path: Path) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, f"a list is expected, this is {_named(value)}")
        return
    for index, item in enumerate(value):
        yield from _walk(item, reference, (*path, index))


def _walk_map(value: Any, reference: str, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"a map is expected, this is {_named(value)}")
        return
    for key, item in value.items():
        yield from _walk(item, reference, (*path, key))


def _walk_type(value: Any, type_: _Type, path: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, f"an object ({type_.name}) is expected, this is {_named(value)}")
        return
    fields = type_.fields
    for key, item in value.items():
        reference = fields.get(key)
        if reference is None:
            message = f"{type_.name} has no field {key!r}"
            yield Problem((*path, key), message, _nearest(str(key), fields), key=True)
        else:
            yield from _walk(item, reference, (*path, key))
    for name in type_.required:
        if value.get(name) is None:
            yield Problem(path, f"{type_.name} needs the field {name!r}")


# What a scalar of the schema is, and in words; a boolean is no number.
_SCALARS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "a string"),
    "time": ((str,), "a time (RFC 3339)"),
    "integer": ((int,), "an integer"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "intOrString": ((int, str), "an integer or a string"),
    "quantity": ((int, float, str), "a quantity, such as 500m or 2Gi,"),
    "scalar": ((str, int, float, bool), "a single value"),
    "any": ((object, bool), ""),
}
_NAMES = {str: "a string", bool: "true or false", int: "an integer", float: "a number", list: "a list", dict: "a map"}


def _named(value: Any) -> str:
    return "nothing" if value is None else _NAMES.get(type(value), type(value).__name__)


def _quote(value: Any, reference: str) -> str:
    if reference != "string" or not isinstance(value, bool | int | float):
        return ""
    return f'quote it: "{json.dumps(value)}"'


def _nearest(name: str, known: Mapping[str, str]) -> str:
    from difflib import get_close_matches

    folded = {key.lower(): key for key in known}
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]!r}?" if close else ""
