"""Files of other systems: what they come to, and that every mistake has its place in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argo.shipped import folder
from compiler import pipeline
from compiler.load.files import File
from compiler.load.foreign import workflow_api
from compiler.load.foreign.base import Slugs, slug
from compiler.load.foreign.convert import convert
from compiler.load.workspace import load
from compiler.lower.text import LAST
from compiler.models.base import check_name
from compiler.report import text

SHIPPED = folder("assets").parent
GX4KI = {
    "service_id": "Input_Dummy",
    "inputs": [
        {"resource_name": "env", "type": 1, "description": "variables"},
        {"resource_name": "input.zip", "type": 3, "mount_path": "/data/"},
        {"resource_name": "entrypoint.sh", "type": 2, "mount_path": "/app/"},
    ],
    "outputs": [{"resource_name": "result", "type": 2}, {"resource_name": "all.zip", "type": 3}],
    "workflow_resource": {
        "worker_image": "imlahso/dummy-job:1.0",
        "worker_image_output_directory": "/output/",
        "worker_image_command": ["/bin/sh"],
        "worker_image_args": ["entrypoint.sh", "${{ not ours }}"],
        "gpu": True,
    },
    "end_date": "2027-01-31",
}
CFG = """\
[workflow_api]
workflow_api_user = demo
workflow_api_access_token = planted-token
workflow_backend_namespace = gx4ki
workflow_backend_kubeconfig = /etc/kube
workflow_backend_image_pull_secret = imla
[minio]
endpoint = minio:9000
access_key = planted-access
secret_key = planted-secret
secure = False
"""


def asset_of(path: Path) -> Any:
    workspace, found = load([path], shipped=SHIPPED)
    assert not [item for item in found if item.severity == "error"], text(found)
    (versions,) = workspace.assets.values()
    return versions[0].model


def test_a_gx4ki_asset_is_a_compute_asset(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(GX4KI))
    asset = asset_of(tmp_path / "old.json")
    assert (asset.name, asset.title, asset.image) == ("input-dummy", "Input_Dummy", "imlahso/dummy-job:1.0")
    assert asset.args == ("${{ inputs.entrypoint-sh.path }}", "${{ '${{' }} not ours }}")
    inputs = {name: (given.kind, given.path, given.resource) for name, given in asset.inputs.items()}
    assert inputs == {
        "env": ("env", None, "env"),
        "input-zip": ("archive", "/data", "input.zip"),
        "entrypoint-sh": ("file", "/app/entrypoint.sh", "entrypoint.sh"),
    }
    outputs = {name: (output.kind, output.path, output.resource) for name, output in asset.outputs.items()}
    assert outputs == {
        "result": ("file", "/output/result", "result"),
        "all-zip": ("archive", "/output/all", "all.zip"),
    }
    assert asset.resources.gpu.count == 1
    assert asset.valid.until.isoformat() == "2027-01-31"


def test_an_asset_alone_compiles_to_a_dag_of_one_task(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(GX4KI))
    result = pipeline.compile([tmp_path / "old.json"])
    (workflow,) = result.objects()
    assert workflow["kind"] == "WorkflowTemplate"
    results = json.loads(workflow["metadata"]["annotations"]["argosy.dev/results"])
    assert sorted(results) == ["all-zip", "result"]
    inputs = json.loads(workflow["metadata"]["annotations"]["argosy.dev/inputs"])
    assert {name: given["kind"] for name, given in inputs.items()} == {
        "env": "env", "input-zip": "archive", "entrypoint-sh": "file",
    }  # fmt: skip
    container = workflow["spec"]["templates"][1]["container"]
    assert container["args"][1] == f"${LAST} not ours }}}}"


def test_arguments_mean_the_input_of_their_own_name(tmp_path: Path) -> None:
    data = {
        "service_id": "a",
        "inputs": [{"resource_name": name, "type": 2, "mount_path": "/in"} for name in ("a.b", "a-b")],
        "workflow_resource": {
            "worker_image": "x/y:1", "worker_image_command": ["a-b"], "worker_image_args": ["a-b", "a.b"]
        },
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(data))
    workspace, found = load([tmp_path / "a.json"])
    assert found == []
    asset = workspace.assets["a"][0].model
    assert [given.path for given in asset.inputs.values()] == ["/in/a.b", "/in/a-b"]
    assert asset.command == ("${{ inputs.a-b-2.path }}",)
    assert asset.args == ("${{ inputs.a-b-2.path }}", "${{ inputs.a-b.path }}")


def test_assets_beside_a_dag_are_no_dags(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(GX4KI))
    given_ = "{env: {text: 'A=1'}, input-zip: {key: a}, entrypoint-sh: {text: ''}}"
    (tmp_path / "dag.yaml").write_text(f"kind: Dag\nname: main\ntasks: {{a: {{asset: input-dummy, with: {given_}}}}}\n")
    result = pipeline.compile([tmp_path / "old.json", tmp_path / "dag.yaml"])
    assert [item.message for item in result.diagnostics if item.severity == "error"] == []
    assert [document.name for document in result.documents if document.kind == "WorkflowTemplate"] == ["main"]


ATOM = """\
name: Nightly run
steps:
  - id: last
    task: {imageUri: 'x/last:1', args: {lr: 0.10, mode: fast}}
    dependsOn: [join]
  - id: join
    dependsOn: [step_1, step_2]
  - id: step_1
    description: first
    task: {name: one, imageUri: 'x/hello', args: [a, 1], scaleTier: BASIC, masterType: n1, labels: {k: v}}
  - id: step_2
    task: {engine: edge, url: 'https://edge.example.com'}
"""


def test_an_atom_dag_is_a_dag_of_jobs(tmp_path: Path) -> None:
    (tmp_path / "Fork_DAG.yaml").write_text(ATOM)
    workspace, found = load([tmp_path / "Fork_DAG.yaml"], shipped=SHIPPED)
    assert found == []
    dag = workspace.dags["nightly-run"].model
    assert dag.title == "Nightly run"
    assert {name: task.needs for name, task in dag.tasks.items()} == {
        "last": ("step-1", "step-2"), "step-1": (), "step-2": (),
    }  # fmt: skip
    jobs = {name: task.with_["job"] for name, task in dag.tasks.items()}
    assert jobs["step-1"] == {
        "job_name": "one", "imageUri": "x/hello", "args": ["a", "1"], "scaleTier": "BASIC", "masterType": "n1",
        "labels": {"k": "v", "workflow": "fork_dag", "type": "step"},
    }  # fmt: skip
    assert jobs["last"]["args"] == {"lr": "0.10", "mode": "fast"}
    assert jobs["step-2"]["imageUri"] == ""
    assert jobs["step-2"]["url"] == "https://edge.example.com"


def test_all_steps_share_one_template(tmp_path: Path) -> None:
    (tmp_path / "dag.yaml").write_text(ATOM)
    (workflow,) = pipeline.compile([tmp_path / "dag.yaml"], shipped=SHIPPED).objects()
    assert [template["name"] for template in workflow["spec"]["templates"]] == ["nightly-run", "task-runner"]


@pytest.mark.parametrize(
    "document",
    [
        "steps: [{id: a, run: echo}]",  # of another CI system
        "steps: [{uses: actions/checkout}]",
        "steps: []",
        "steps: {a: b}",
        "apiVersion: v1\nkind: ConfigMap\nsteps: [{id: a, task: {imageUri: x}}]",
    ],
)
def test_other_files_with_steps_are_not_taken_for_atoms(tmp_path: Path, document: str) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "x.yaml").write_text(document)
    workspace, found = load([tmp_path / "dags"])
    assert (dict(workspace.dags), found) == ({}, [])


def test_a_job_config_is_an_asset(tmp_path: Path) -> None:
    config = "# job\nWORKER_IMAGE=registry.example.com/carla:0.9\nexport GPU=true\nRESULT_DIRECTORY=/opt/carla/bag\n"
    (tmp_path / "carla-job.env").write_text(config)
    asset = asset_of(tmp_path / "carla-job.env")
    assert (asset.name, asset.image, asset.resources.gpu.count) == ("carla-job", "registry.example.com/carla:0.9", 1)
    assert asset.outputs["result"].path == "/opt/carla/bag"
    assert asset.inputs["env"].optional


def test_what_is_imported_means_the_same(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(GX4KI))
    converted = convert(File(str(tmp_path / "old.json"), "old.json", named=True))
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(converted.definitions[0]))
    assert asset_of(tmp_path / "new.yaml") == asset_of(tmp_path / "old.json")


def test_workflow_api_cfg_is_a_profile_without_secrets() -> None:
    settings, found = workflow_api.read("workflow-api.cfg", CFG.encode())
    assert found == []
    assert settings is not None
    assert (settings.token, settings.access_key, settings.secret_key) == (
        "planted-token", "planted-access", "planted-secret",
    )  # fmt: skip
    assert settings.profile("k3s") == {
        "engine": {"context": "k3s", "kubeconfig": "/etc/kube"},
        "namespace": "gx4ki",
        "imagePullSecrets": ["imla"],
        "store": {"endpoint": "minio:9000", "bucket": "demo-storage", "insecure": True},
    }
    assert "planted" not in repr(settings) + str(settings.profile("k3s"))


@pytest.mark.parametrize(
    ("given_", "line", "code"),
    [
        (CFG.replace("demo", ""), 2, "A121"),
        (CFG.replace("[workflow_api]\n", ""), 1, "A104"),
        (CFG.replace("[workflow_api]", "[other]"), 1, "A121"),
        (CFG.replace("secure = False", "secure = maybe"), 11, "A122"),
        (CFG.replace("endpoint", "endpont"), 8, "A170"),
        (CFG + "endpoint = again\n", 12, "A104"),
        (CFG.replace("[minio]", "workflow_backend = docker\n[minio]"), 7, "A123"),
        (CFG.replace("[minio]", "workflow_k8s_backend_job_storage_type = NFS\n[minio]"), 7, "A123"),
    ],
)
def test_mistakes_of_a_cfg_have_their_line(given_: str, line: int, code: str) -> None:
    _, found = workflow_api.read("workflow-api.cfg", given_.encode())
    assert [(item.code, item.span and item.span.line) for item in found] == [(code, line)]
    assert "planted" not in text(found)


@pytest.mark.parametrize("line", ["workflow_api_acces_token = planted-x", "planted-x", "  secret_key: planted-x"])
def test_no_excerpt_of_a_cfg_shows_a_secret(line: str) -> None:
    _, found = workflow_api.read("workflow-api.cfg", CFG.replace("[minio]", f"[minio]\n{line}").encode())
    assert found
    assert "planted" not in text(found)


@given(st.lists(st.text(max_size=60), min_size=1, max_size=20))
def test_slugs_are_names_and_differ(names: list[str]) -> None:
    slugs = Slugs()
    made = [slugs.name(name) for name in names]
    assert [check_name(name) for name in made] == made
    assert len(set(made)) == len(set(names))
    assert [slugs.name(name) for name in names] == made


def test_a_name_that_is_one_stays() -> None:
    assert slug("carla-sim2") == "carla-sim2"
