"""The templates that ship: scaffolds are valid definitions, pipelines valid YAML that checks and compiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from pydantic import BaseModel

from compiler.models import ComputeAsset, Dag, Project

ROOT = Path(__file__).resolve().parents[2] / "templates"


def _render(template: str, /, **variables: str) -> str:
    loader = jinja2.FileSystemLoader(ROOT)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)
    environment.keep_trailing_newline = True
    return environment.get_template(template).render(variables)


def _without_on(value: Any) -> Any:
    """YAML 1.1 reads the word `on` as true; definitions are read as YAML 1.2."""
    return {"on" if key is True else key: item for key, item in value.items()}


@pytest.mark.parametrize("schema", ["", "../schemas/definition.json"])
@pytest.mark.parametrize(
    ("name", "model", "variables"),
    [
        ("scaffold/asset.yaml.j2", ComputeAsset, {"name": "my-asset"}),
        ("scaffold/dag.yaml.j2", Dag, {"name": "my-dag"}),
        ("scaffold/argosy.yaml.j2", Project, {}),
    ],
)
def test_a_scaffold_is_a_valid_definition(
    name: str, model: type[BaseModel], variables: dict[str, str], schema: str
) -> None:
    text = _render(name, schema=schema, **variables)
    assert text.startswith(f"# yaml-language-server: $schema={schema}\n") == bool(schema)
    assert text.endswith("\n")
    definition = model.model_validate(_without_on(yaml.load(text, yaml.CSafeLoader)))
    if "name" in variables:
        assert definition.model_dump()["name"] == variables["name"]


@pytest.mark.parametrize("profile", ["", "prod"])
@pytest.mark.parametrize("name", ["ci/github.yaml.j2", "ci/gitlab.yaml.j2"])
def test_a_pipeline_checks_definitions_and_manifests(name: str, profile: str) -> None:
    text = _render(name, definitions="dags", manifests="manifests", profile=profile, requirement="argosy")
    assert isinstance(yaml.load(text, yaml.CSafeLoader), dict)
    flag = f" --profile {profile}" if profile else ""
    assert f"argosy check dags{flag}\n" in text
    assert f"argosy compile dags -d manifests{flag} --check\n" in text


def test_every_template_is_tested() -> None:
    known = {"scaffold/asset", "scaffold/dag", "scaffold/argosy", "ci/github", "ci/gitlab"}
    # What a namespace needs: tests/argo/setup.
    known |= {f"setup/{name}" for name in ("accounts", "store", "secrets", "network", "sessions", "quota", "demo")}
    known.add("pages/api.html")  # what the service says of its API: tests/argo/serve/workflow_api/test_v1.py
    assert {
        path.relative_to(ROOT).as_posix().removesuffix(".j2").removesuffix(".yaml") for path in ROOT.rglob("*.j2")
    } == known
