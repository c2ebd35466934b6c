"""The rules of a parameter hold for whoever starts a run, whichever way: no value slips past its type or pattern."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from argo.cli.app import cli
from argo.errors import UsageError
from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.submission.arguments import set_parameters
from argo.submission.subject import subject_of
from compiler import pipeline
from tests.argo.serve.argo_api.serving import serving
from tests.argo.serve.workflow_api.conftest import called as called
from tests.argo.serve.workflow_api.conftest import unserved as unserved
from tests.argo.serve.workflow_api.connector import Connector
from tests.argo.serve.workflow_api.serving import Served
from tests.argo.serve.workflow_api.test_edc import c1, signal
from tests.attacks.test_bounds import bring, played

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
    client = ruled.client(ruled.consumer("a"))
    for values in HOSTILE:
        body = json.dumps({"asset": "ruled", "parameters": values})
        answer = client.post("/v1/runs", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422, (values, answer.text)
    assert client.get("/v1/runs").json() == {"runs": []}
    shown = client.get("/v1/assets/ruled").json()["parameters"]
    assert shown["word"]["pattern"] == "^(?:[a-z]+)$", "a JSON Schema's pattern is searched for"


@pytest.mark.slow
def test_connectors_and_the_old_routes_bring_no_values(unserved: Served, called: Connector) -> None:
    """None of them knows parameters: whatever a caller adds to a request, its run has the defaults."""
    assets = unserved.folder / "assets"
    (assets / "ruled.yaml").write_text(RULED + "outputs: {said: {kind: file, path: /out/result}}\n")
    more = (
        "inputs: {env: {kind: env, optional: true}}\nparameters: {word: {type: string, pattern: '[a-z]+', default: a}}"
    )
    job = bring("job", "digest: false, command: false", more).replace("parameters: {size: {default: 900Gi}}\n", "")
    (assets / "job.yaml").write_text(job.replace("file, path: /out/result", "directory, path: /out") + "command: [x]\n")
    service = {"edc": {"callbacks": [called.url]}, "jobConfigs": "job"}
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump({"kind": "Project", "service": service}))
    unserved.variables = played(unserved.folder / "played")
    unserved.start()
    token = unserved.consumer("a", *(f"--scope={scope}" for scope in ("edc", "runs", "inputs")), "--runs", "99")
    client, at = unserved.client(token), f"{unserved.url}/edc/{token}"
    given = {"word": "abc; rm 7"}
    names = ("parameters", "properties", "arguments", "p", "extension", "request")
    added = {**given, **dict.fromkeys(names, given), "dataAddress": {"properties": given}}
    query = {**given, "parameters": "word=abc; rm 7", "p": "word=abc; rm 7"}
    c2 = {"type": "provision", "provisionResourceId": "r", "flowId": "f", "callbackAddress": called.url}
    answers = [
        httpx.post(f"{at}/c1", json={**added, **c1(called.url, "ruled")}, params=query),
        httpx.post(f"{at}/c2/ruled", json={**added, **c2}, params=query),
        httpx.post(f"{at}/c3/start", json={**added, **signal(called.url, "ruled")}, params=query),
        client.post("/services/ruled/workflow/execute", json=added, params=query),
        client.post("/services/ruled/workflow/execute", data=query),
    ]
    for text in ("", "word='abc; rm 7'\nPARAMETERS='word=abc; rm 7'\n"):
        config = {"config_data": ("job.env", f"WORKER_IMAGE=registry.example.com/partners/job:1\n{text}".encode())}
        answers.append(client.post("/job/deploy/", params=query, data=query, files=config))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    runs = client.get("/v1/runs").json()["runs"]
    assert [run["parameters"] for run in runs] == [{}] * len(answers)
    assert {run["asset"] for run in runs} == {"ruled", "job"}
    for run in runs:
        unserved.ended(client, run["id"])
    with closing(LocalBackend(Home.open(unserved.folder / "home"))) as backend:
        workflows = [str(backend.get(summary.ref)) for summary in backend.list()]
    assert len(workflows) == len(answers)
    assert "rm 7" not in "".join(workflows)


TEXTS = [values for values in HOSTILE if isinstance(next(iter(values.values())), str)]
each_text = pytest.mark.parametrize("values", TEXTS, ids=lambda values: str(values)[:30])


@each_text
def test_nor_does_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    (tmp_path / "ruled.yaml").write_text(RULED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARGOSY_HOME", str(tmp_path / "home"))
    for command in (["run"], ["submit"], ["submit", "--dry-run"], ["run", "--dry-run"]):
        ((name, value),) = values.items()
        asked = [*command, "ruled.yaml", "--executor", "process", "-p", f"{name}={value}"]
        ended = CliRunner().invoke(cli, asked)
        assert isinstance(ended.exception, UsageError), (command, ended.output)
        assert "is refused" in ended.exception.message
        assert ended.stdout == ""


@each_text
def test_nor_does_any_way_that_submits_a_compiled_manifest(tmp_path: Path, values: dict[str, str]) -> None:
    (tmp_path / "ruled.yaml").write_text(RULED)
    objects = [*pipeline.compile([tmp_path / "ruled.yaml"]).objects()]
    with pytest.raises(UsageError, match="is refused"):
        set_parameters(subject_of(objects), values)


def test_nor_does_the_server_of_this_machine(tmp_path: Path) -> None:
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


def test_nor_does_it_by_a_schedule_or_a_workflow_of_the_client_s(tmp_path: Path) -> None:
    (tmp_path / "ruled.yaml").write_text(RULED)
    (template,) = pipeline.compile([tmp_path / "ruled.yaml"]).objects()
    (whole,) = pipeline.compile([tmp_path / "ruled.yaml"], form="workflow").objects()
    reference = {"workflowTemplateRef": {"name": "ruled"}}
    schedule = {"metadata": {"name": "nightly"}, "spec": {"schedules": ["0 0 1 1 *"], "workflowSpec": reference}}
    with serving(tmp_path / "home") as server:
        for path, body in (
            ("workflow-templates", {"template": template}),
            ("cron-workflows", {"cronWorkflow": schedule}),
        ):
            assert server("POST", f"/api/v1/{path}/one", None, body).status == 200
        for values in TEXTS:
            ((name, value),) = values.items()
            given = {"arguments": {"parameters": [{"name": name, "value": value}]}}
            by_schedule = {
                "resourceKind": "cronwf", "resourceName": "nightly",
                "submitOptions": {"parameters": [f"{name}={value}"]},
            }  # fmt: skip
            referring = {"metadata": {"generateName": "mine-"}, "spec": {**reference, **given}}
            others = whole["spec"]["arguments"]["parameters"]
            all_of_them = [{**other, "value": value} if other["name"] == name else other for other in others]
            changed = {**whole, "spec": {**whole["spec"], "arguments": {"parameters": all_of_them}}}
            own: list[tuple[str, dict[str, Any]]] = [("", {"workflow": referring}), ("", {"workflow": changed})]
            for path, body in [("/submit", by_schedule), *(own if "{{" not in value else ())]:
                answer = server("POST", f"/api/v1/workflows/one{path}", None, body)
                assert (answer.status, "is refused" in answer.json()["message"]) == (400, True), (values, answer.body)
        assert not server("GET", "/api/v1/workflows/one").json().get("items")


def test_the_server_reads_no_file_that_a_client_s_workflow_names(tmp_path: Path) -> None:
    (tmp_path / "secret.env").write_text("KEY=secret")
    named = {"argosy.dev/uploads": f'{{"in": "{tmp_path}/secret.env"}}', "argosy.dev/inputs": '{"in": {"kind": "env"}}'}
    spec = {
        "entrypoint": "m", "templates": [{"name": "m", "container": {"image": "i", "command": ["true"]}}],
        "arguments": {"parameters": [{"name": "in", "value": "none"}]},
    }  # fmt: skip
    with serving(tmp_path / "home") as server:
        body = {"workflow": {"metadata": {"name": "w", "annotations": named}, "spec": spec}}
        answer = server("POST", "/api/v1/workflows/one", None, body)
        assert answer.status == 200
        assert answer.json()["spec"]["arguments"]["parameters"] == [{"name": "in", "value": "none"}]
