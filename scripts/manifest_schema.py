"""Derives the closed schema of the manifests from Hera's models and the reviewed overlay beside this script.

Writes compiler/_generated/manifest_schema.json: {"kinds": {kind: apiVersion}, "types": {type: {field: reference}}}.
A reference is a scalar's name, a type's name, `[]reference` (list) or `{}reference` (map); a field that ends in `!`
is required. Writes the same types for type checkers, too: compiler/_generated/manifest_types.pyi, a TypedDict each, in
which no field is required, as what is read may be unfinished or in part. `--check` says whether the files are current
(exit code 1 when one is not).
"""

from __future__ import annotations

import json
import keyword
import sys
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import AwareDatetime, BaseModel, RootModel

HERE = Path(__file__).resolve().parent
OVERLAY = HERE / "manifest_overlay.yaml"
TARGET = HERE.parent / "compiler" / "_generated" / "manifest_schema.json"
STUB = TARGET.with_name("manifest_types.pyi")

Fields = dict[str, str]
Types = dict[str, Fields]
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", AwareDatetime: "time", Any: "any"}
_ROOTS = {"IntOrString": "intOrString", "Quantity": "quantity"}
_IN_PYTHON = {
    "string": "str",
    "time": "str | None",  # Argo writes null for a time that has not come
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "any": "Any",
    "scalar": "str | float | bool",
    "intOrString": "int | str",
    "quantity": "str | float",
}


class OverlayError(ValueError):
    """The overlay contradicts Hera's models: an entry is outdated or names what does not exist."""


class _Reader:
    """Hera's models -> types, each under its class name (module-qualified where two classes share one)."""

    def __init__(self) -> None:
        self.types: Types = {}
        self._names: dict[type, str] = {}

    def reference(self, annotation: Any) -> str:
        """The reference for a field's annotation; the types it needs are read on the way."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin in (types.UnionType, typing.Union):
            present = [item for item in arguments if item is not types.NoneType]
            return self.reference(present[0])
        if origin is typing.Annotated:
            return self.reference(arguments[0])
        if origin is list:
            return "[]" + self.reference(arguments[0])
        if origin is dict:
            return "{}" + self.reference(arguments[1])
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        return self._model(annotation)

    def _model(self, model: type[BaseModel]) -> str:
        if issubclass(model, RootModel):
            return _ROOTS.get(model.__name__) or self.reference(model.model_fields["root"].annotation)
        if model in self._names:
            return self._names[model]
        name = model.__name__
        if name in self.types:
            name = ".".join((*model.__module__.split(".")[-2:], name))
        self._names[model] = name
        self.types[name] = fields = {}
        for attribute, info in model.model_fields.items():
            key = (info.alias or attribute) + ("!" if info.is_required() else "")
            fields[key] = self.reference(info.annotation)
        return name


def hera_types() -> Types:
    """The types of Argo's four kinds and all that is nested in them, as Hera models them."""
    from hera.workflows.models.io.argoproj.workflow import v1alpha1
    from hera.workflows.models.io.k8s.api.core import v1

    reader = _Reader()
    for kind in ("Workflow", "WorkflowTemplate", "CronWorkflow", "ClusterWorkflowTemplate"):
        reader.reference(getattr(v1alpha1, kind))
    reader.reference(v1.ServicePort)
    return reader.types


def overlay() -> dict[str, Any]:
    """The reviewed overlay: fields, types, wider, optional, kinds."""
    loaded: dict[str, Any] = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    return loaded


def merge(hera: Types, extra: dict[str, Any]) -> Types:
    """Hera's types with the overlay over them; raises OverlayError on an entry that is outdated or hangs in the air."""
    merged: dict[str, Any] = {name: dict(fields) for name, fields in hera.items()}
    for name, fields in extra["types"].items():
        if name in merged:
            raise OverlayError(f"Hera knows the type {name}: remove it from the overlay")
        merged[name] = dict(fields)
    for name, fields in extra["fields"].items():
        known = {key.rstrip("!") for key in hera[name]}
        if outdated := known.intersection(fields):
            raise OverlayError(f"Hera knows {name}.{outdated.pop()}: remove it from the overlay")
        merged[name].update(fields)
    _widen(merged, extra["wider"])
    _loosen(merged, extra["optional"])
    return merged


def _loosen(merged: dict[str, Any], optional: dict[str, list[str]]) -> None:
    for name, fields in optional.items():
        for field in fields:
            if f"{field}!" not in merged.get(name, {}):
                raise OverlayError(f"{name}.{field} is not required: remove it from the overlay")
            merged[name][field] = merged[name].pop(f"{field}!")


def _widen(merged: dict[str, Any], wider: dict[str, Any]) -> None:
    for name, change in wider.items():
        if name not in merged:
            raise OverlayError(f"no type {name} to widen")
        if isinstance(change, str):
            del merged[name]
            _replace(merged, name, change)
            continue
        if unknown := set(change) - set(merged[name]):
            raise OverlayError(f"no field {name}.{unknown.pop()} to widen")
        merged[name].update(change)


def _replace(merged: dict[str, Any], name: str, reference: str) -> None:
    for fields in merged.values():
        for key, value in fields.items():
            if value.lstrip("[]{}") == name:
                fields[key] = value.removesuffix(name) + reference


def build() -> str:
    """The schema as it is stored: sorted, one type a line, so that a change of Hera's shows as a small difference."""
    extra = overlay()
    merged = merge(hera_types(), extra)
    lines = [f"{json.dumps(name)}:{_compact(fields)}" for name, fields in sorted(merged.items())]
    return f'{{"kinds":{_compact(extra["kinds"])},"types":{{\n' + ",\n".join(lines) + "\n}}\n"


def stub(schema: str) -> str:
    """The types of a stored schema for type checkers, and `Object`, which has the fields of all kinds."""
    stored = json.loads(schema)
    types: Types = {**stored["types"], "Object": _of_all([stored["types"][kind] for kind in stored["kinds"]])}
    head = "# Generated by scripts/manifest_schema.py.\n\nfrom typing import Any, TypedDict\n"
    return head + "".join(_typed_dict(_class_name(name), fields) for name, fields in sorted(types.items()))


def _of_all(kinds: Sequence[Fields]) -> Fields:
    """The fields of all kinds; one whose type differs among them is `any`."""
    merged: Fields = {}
    for fields in kinds:
        for key, reference in fields.items():
            name = key.rstrip("!")
            merged[name] = reference if merged.get(name, reference) == reference else "any"
    return dict(sorted(merged.items()))


def _typed_dict(name: str, fields: Fields) -> str:
    typed = {key.rstrip("!"): _python(reference) for key, reference in fields.items()}
    if any(map(keyword.iskeyword, typed)):
        rows = ", ".join(f'"{key}": {type_}' for key, type_ in typed.items())
        return f'\n{name} = TypedDict("{name}", {{{rows}}}, total=False)\n'
    body = "".join(f"    {key}: {type_}\n" for key, type_ in typed.items()) or "    pass\n"
    return f"\nclass {name}(TypedDict, total=False):\n{body}"


def _python(reference: str) -> str:
    if reference.startswith("[]"):
        return f"list[{_python(reference[2:])}]"
    if reference.startswith("{}"):
        return f"dict[str, {_python(reference[2:])}]"
    return _IN_PYTHON.get(reference) or _class_name(reference)


def _class_name(name: str) -> str:
    return "".join(part[0].upper() + part[1:] for part in name.split("."))


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def main(arguments: list[str]) -> int:
    """Write the schema and the types, or with `--check` compare them with what is stored."""
    schema = build()
    outdated = 0
    for target, text in ((TARGET, schema), (STUB, stub(schema))):
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target.name}: {len(text)} bytes")
            continue
        current = target.exists() and target.read_text(encoding="utf-8") == text
        outdated += not current
        print(f"{target.name} is {'current' if current else 'out of date: run scripts/manifest_schema.py'}")
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
