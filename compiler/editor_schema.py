"""JSON Schemas of the definitions for editors, made from the models (draft 2020-12)."""

from __future__ import annotations

from typing import Any

KINDS = ("ComputeAsset", "Dag", "Project")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://argosy.dev/schemas/v1/"


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind of definition (`Project` is argosy.yaml); raises KeyError for any other."""
    model = _model(kind)
    model.build()
    made = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_generator())
    definitions = {name: _tidy(part) for name, part in sorted(made.pop("$defs", {}).items())}
    schema = {"$schema": DRAFT, "$id": f"{BASE}{file_name(kind)}", **_tidy(made)}
    if kind != "Project":
        schema["required"] = ["kind", *schema.get("required", [])]
    if definitions:
        schema["$defs"] = definitions
    return schema


def file_name(kind: str) -> str:
    """The file of a kind's schema: `dag.json`."""
    return {"ComputeAsset": "compute-asset", "Dag": "dag", "Project": "project"}[kind] + ".json"


def _generator() -> Any:
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        """Leaves out the defaults that are no JSON: the empty mapping that all models share."""

        ignored_warning_kinds = {  # noqa: RUF012  (as in the base class)
            *GenerateJsonSchema.ignored_warning_kinds,
            "non-serializable-default",
        }

    return Generator


def _model(kind: str) -> Any:
    if kind == "ComputeAsset":
        from compiler.models.asset import ComputeAsset

        return ComputeAsset
    if kind == "Dag":
        from compiler.models.dag import Dag

        return Dag
    if kind == "Project":
        from compiler.models.project import Project

        return Project
    raise KeyError(kind)


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
    if "properties" in tidy and isinstance(tidy["properties"], dict):
        for part in tidy["properties"].values():
            if isinstance(part, dict):
                part.pop("title", None)
                if part.get("default", ...) is None:
                    part.pop("default")
    return tidy
