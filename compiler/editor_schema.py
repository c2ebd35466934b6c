"""JSON Schemas of the definitions for editors, made from the models (draft 2020-12)."""

from __future__ import annotations

from typing import Any

_FILES = {"ComputeAsset": "compute-asset.json", "Dag": "dag.json", "Project": "project.json"}
KINDS = tuple(_FILES)
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://argosy.dev/schemas/v1/"


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind of definition (`Project` is argosy.yaml); raises KeyError for any other."""
    from compiler import models

    identity = f"{BASE}{file_name(kind)}"
    model = getattr(models, kind)
    model.build()
    made = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_generator())
    definitions = {name: _tidy(part) for name, part in sorted(made.pop("$defs", {}).items())}
    schema = {"$schema": DRAFT, "$id": identity, **_tidy(made)}
    if kind != "Project":
        schema["required"] = ["kind", *schema.get("required", [])]
    if definitions:
        schema["$defs"] = definitions
    return schema


def file_name(kind: str) -> str:
    """The file of a kind's schema: `dag.json`."""
    return _FILES[kind]


def _generator() -> Any:
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        """Leaves out the defaults that are no JSON: the empty mapping that all models share."""

        ignored_warning_kinds = {  # noqa: RUF012  (as in the base class)
            *GenerateJsonSchema.ignored_warning_kinds,
            "non-serializable-default",
        }

    return Generator


def _tidy(schema: Any) -> Any:
    """Without what says nothing to an editor: titles made of field names, defaults that are null."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items()}
    if "propertyNames" in tidy and len(tidy.get("patternProperties", {})) == 1:
        ((pattern, part),) = tidy.pop("patternProperties").items()  # names that do not match are to be mistakes
        tidy["propertyNames"]["pattern"] = pattern
        tidy["additionalProperties"] = part
    if isinstance(tidy.get("properties"), dict):
        tidy["properties"] = {name: _told(part) for name, part in tidy["properties"].items()}
    return tidy


def _told(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    return {key: value for key, value in part.items() if key != "title" and (key != "default" or value is not None)}
