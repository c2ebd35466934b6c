"""The rules of a parameter hold for whoever starts a run, whichever way: no value slips past its type or pattern."""

from __future__ import annotations

from typing import Any

import pytest

from argo.errors import UsageError
from argo.submission.arguments import set_parameters
from argo.submission.subject import subject_of
from compiler import pipeline
from tests.argo.serve.argo_api.serving import serving
from tests.argo.serve.workflow_api.conftest import unserved as unserved
from tests.argo.serve.workflow_api.serving import Served

RULED = """\
kind: ComputeAsset
name: ruled
version: 1.0.0
image: python:3.11-slim
command: [sh, -c, 'echo "$0"', "${{ params.word }}", "${{ params.count }}", "${{ params.slow }}", "${{ params.data }}"]
parameters:
  word: {type: string, pattern: "[a-z]+", default: a}
  count: {type: int, minimum: 0, maximum: 9, default: 1}
  slow: {type: string, pattern: "(a+)+", default: a}
  data: {type: json, default: {}}
"""
HOSTILE: list[dict[str, Any]] = [
    {"word": "abc; rm 7"},
    {"word": "abc\n"},
    {"word": "${{ params.x }}"},
    {"word": "é"},
    {"count": "٣"},
    {"count": " 7"},
    {"count": "1_0"},
    {"count": "7\n"},
    {"count": True},
    {"count": 1e400},
    {"count": [7]},
    {"slow": "a" * 5000 + "!"},
    {"data": "NaN"},
    {"data": "[" * 100_000},
]


@pytest.fixture
def ruled(unserved: Served) -> Served:
    (unserved.folder / "assets" / "ruled.yaml").write_text(RULED)
    return unserved.start()


def test_the_service_starts_nothing_with_a_value_that_breaks_a_rule(ruled: Served) -> None:
    import json

    client = ruled.client(ruled.consumer("a"))
    for values in HOSTILE:
        body = json.dumps({"asset": "ruled", "parameters": values})
        answer = client.post("/v1/runs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (values, answer.text)
    assert client.get("/v1/runs").json() == {"runs": []}
    shown = client.get("/v1/assets/ruled").json()["parameters"]
    assert shown["word"]["pattern"] == "^(?:[a-z]+)$", "a JSON Schema's pattern is searched for"


@pytest.mark.parametrize(
    "values",
    [values for values in HOSTILE if isinstance(next(iter(values.values())), str)],
    ids=lambda values: str(values)[:30],
)
def test_nor_does_any_way_that_submits_a_compiled_manifest(tmp_path: Any, values: dict[str, str]) -> None:
    (tmp_path / "ruled.yaml").write_text(RULED)
    objects = [*pipeline.compile([tmp_path / "ruled.yaml"]).objects()]
    with pytest.raises(UsageError, match="is refused"):
        set_parameters(subject_of(objects), values)


def test_nor_does_the_server_of_this_machine(tmp_path: Any) -> None:
    (tmp_path / "ruled.yaml").write_text(RULED)
    (template,) = pipeline.compile([tmp_path / "ruled.yaml"]).objects()
    with serving(tmp_path / "home") as server:
        made = server("POST", "/api/v1/workflow-templates/one", None, {"template": template})
        assert made.status == 200, made.body
        for values in HOSTILE:
            ((name, value),) = values.items()
            options = {"parameters": [f"{name}={value}"]}
            body = {"resourceKind": "WorkflowTemplate", "resourceName": "ruled", "submitOptions": options}
            answer = server("POST", "/api/v1/workflows/one/submit", None, body)
            assert (answer.status, "is refused" in answer.json()["message"]) == (400, True), (values, answer.body)
        assert not server("GET", "/api/v1/workflows/one").json().get("items")
