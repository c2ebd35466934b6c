"""JSON Schemas for editors: current, valid, and in agreement with what is loaded.

`pytest --snapshot-update` writes the committed ones anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compiler.editor_schema import KINDS, file_name, json_schema
from compiler.load.reader import decode, read

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "compiler" / "_generated" / "schemas"
DEFINITIONS = sorted([*(ROOT / "assets").glob("*.yaml"), *(ROOT / "dags").glob("*.yaml")])


def problems(path: Path) -> list[str]:
    documents, _ = read(decode(path.name, path.read_bytes())[0])
    validators = {kind: Draft202012Validator(json_schema(kind)) for kind in KINDS}
    return [
        f"{list(error.path)}: {error.message}"
        for data in documents
        for error in validators[data.get("kind", "Project")].iter_errors(data)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_committed_schema_is_current(kind: str, pytestconfig: pytest.Config) -> None:
    made = (json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n").encode()
    path = COMMITTED / file_name(kind)
    if pytestconfig.getoption("update_snapshots", default=False):
        path.write_bytes(made)
    assert path.read_bytes() == made


def test_no_schema_is_orphaned() -> None:
    assert sorted(path.name for path in COMMITTED.iterdir()) == sorted(map(file_name, KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_schema_is_valid_and_named(kind: str) -> None:
    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/v1/{file_name(kind)}")
    assert schema["title"] == kind
    assert schema["description"]


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_what_ships_fits(path: Path) -> None:
    assert problems(path) == []


@pytest.mark.shared
def test_the_sample_fits(shared: Path) -> None:
    sample = shared / "design" / "sample"
    for path in [*sample.glob("assets/*.yaml"), *sample.glob("dags/*.yaml"), sample / "argosy.yaml"]:
        assert problems(path) == []


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("Dag", {"kind": "Dag", "name": "a", "tasks": {"b": {"aset": "c"}}}),
        ("Dag", {"kind": "Dag", "name": "a", "tasks": {"Bad Name": {"asset": "c"}}}),
        ("Dag", {"kind": "Dag", "name": "a"}),
        ("Dag", {"name": "a", "tasks": {}}),
        ("ComputeAsset", {"kind": "ComputeAsset", "name": "a", "resources": {"gpu": {"cuont": 1}}}),
        ("ComputeAsset", {"kind": "ComputeAsset", "name": "a", "env": {"A": {"secret": "a/b", "x": 1}}}),
        ("Project", {"profiles": {"a": {"store": {"endpoint": "x"}}}}),
    ],
)
def test_mistakes_are_found(kind: str, data: dict[str, Any]) -> None:
    assert list(Draft202012Validator(json_schema(kind)).iter_errors(data))
