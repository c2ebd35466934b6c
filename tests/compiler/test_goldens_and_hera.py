"""Every golden manifest: passes the closed schema, loses nothing in Hera's models, is valid in Argo's JSON schema."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from compiler.manifest_schema import check_object
from scripts import manifest_schema

ROOT = Path(__file__).resolve().parents[1] / "golden" / "manifests"
ARGO = "argoproj.io/v1alpha1"


def _objects() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.relative_to(ROOT)}#{index}", document)
        for path in sorted(ROOT.rglob("*.yaml"))
        for index, document in enumerate(yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
        if isinstance(document, dict) and document.get("apiVersion") in (ARGO, "v1")
    ]


OBJECTS = _objects()
WORKFLOWS = [(name, document) for name, document in OBJECTS if document["apiVersion"] == ARGO]


def test_there_are_golden_manifests() -> None:
    assert len(WORKFLOWS) >= 5


@pytest.mark.parametrize("document", [item[1] for item in OBJECTS], ids=[item[0] for item in OBJECTS])
def test_the_closed_schema_knows_every_field(document: dict[str, Any]) -> None:
    assert check_object(document) == []


@pytest.mark.parametrize("document", [item[1] for item in WORKFLOWS], ids=[item[0] for item in WORKFLOWS])
def test_hera_loses_nothing_but_the_overlay_s_fields(document: dict[str, Any]) -> None:
    from hera.workflows.models.io.argoproj.workflow import v1alpha1

    model: type[BaseModel] = getattr(v1alpha1, document["kind"])
    kept = model.model_validate(document).model_dump(mode="json", by_alias=True, exclude_unset=True)
    overlay = {field for fields in manifest_schema.overlay()["fields"].values() for field in fields}
    assert {path for path in _lost(document, kept) if path[-1] not in overlay} == set()


def _lost(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """The paths of what the second value lacks or holds otherwise (numbers that stand for texts are the same)."""
    if isinstance(before, dict) and isinstance(after, dict):
        missing = {(*path, key) for key in before.keys() - after.keys()}
        return missing.union(*(_lost(before[key], after[key], (*path, key)) for key in before.keys() & after.keys()))
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return set().union(
            *(_lost(old, new, (*path, at)) for at, (old, new) in enumerate(zip(before, after, strict=True)))
        )
    return set() if before == after or str(before) == str(after) else {path}


@cache
def _schema(path: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


@pytest.mark.shared
@pytest.mark.parametrize("document", [item[1] for item in WORKFLOWS], ids=[item[0] for item in WORKFLOWS])
def test_argos_own_schema_takes_it(document: dict[str, Any], shared: Path) -> None:
    kind = f"#/definitions/io.argoproj.workflow.v1alpha1.{document['kind']}"
    whole = _schema(shared / "argo" / "argo-schema.json")
    validator = jsonschema.Draft202012Validator({"definitions": whole["definitions"], "$ref": kind})
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
