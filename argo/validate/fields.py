"""Every field of an object held against the schema and the table of what the engine supports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from argo.validate.created import check_resource
from argo.validate.place import Place
from argo.validate.table import FIELDS
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic
from compiler.manifest_schema import check_object


@cache
def schema() -> Mapping[str, Mapping[str, str]]:
    """Types of the manifests: name -> field -> type (`[]` a list, `{}` a map of it)."""
    data = json.loads((files("compiler") / "_generated" / "manifest_schema.json").read_bytes())
    return {name: {key.rstrip("!"): kind for key, kind in fields.items()} for name, fields in data["types"].items()}


def shapes(document: ManifestDocument) -> list[Diagnostic]:
    """Unknown fields and wrong shapes."""
    return [
        Place(document, None, problem.path).problem("A710", problem.message, hint=problem.hint, key=problem.key)
        for problem in check_object(_without_status(document.object))
    ]


def _without_status(obj: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key != "status"}


def unsupported(document: ManifestDocument) -> list[Diagnostic]:
    """Fields that the engine refuses, and resources other than the one form it executes."""
    root = Place(document, _without_status(document.object), ())
    return list(_walk(root, document.kind))


def _walk(place: Place, kind: str) -> Iterator[Diagnostic]:
    if kind.startswith(("[]", "{}")) and isinstance(place.value, (list, dict)):
        parts = place.value if isinstance(place.value, dict) else range(len(place.value))
        for part in parts:
            yield from _walk(place.child(part), kind[2:])
    elif kind in schema() and isinstance(place.value, dict):
        yield from _walk_type(place, kind)


def _walk_type(place: Place, kind: str) -> Iterator[Diagnostic]:
    table = FIELDS.get(kind)
    types = schema()[kind]
    for name, value in place.value.items():
        if table is not None and name in table.ignored:
            continue
        child = place.child(name)
        if table is not None and name in table.refused and value not in (None, False):
            message = f"`{name}` is not supported by the engine on this machine: {table.refused[name]}"
            yield child.problem("A711", message, key=True)
        else:
            yield from _walk(child, types.get(name, "any"))
    if kind == "ResourceTemplate":
        yield from check_resource(place)
