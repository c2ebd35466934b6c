"""Extended assets through the service: within bounds, never as a mere process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.argo.serve.workflow_api.serving import Served
from tests.argo.serve.workflow_api.test_v1 import zipped

DIGEST = "sha256:" + "b" * 64
BRING = """\
kind: ComputeAsset
name: bring
version: 1.0.0
mode: extended
bounds: {registries: [registry.example.com/partners], cpu: 1, memory: 1Gi, timeout: 5m}
inputs: {code: {kind: archive, path: /code, optional: true}}
outputs: {result: {kind: file, path: /out/result}}
"""
GIVEN = {
    "image": f"registry.example.com/partners/job@{DIGEST}",
    "command": ["sh", "/code/main.sh"],
    "args": ["{{name}} é"],
    "memory": "64Mi",
}


def test_code_and_command_of_a_consumer(anywhere: Served) -> None:
    (anywhere.folder / "assets" / "bring.yaml").write_text(BRING)
    client = anywhere.start().client(anywhere.consumer("a"))
    body: dict[str, Any] = {"asset": "bring", "extension": GIVEN}
    code = zipped(**{"main.sh": b'printf "%s" "$1" > /out/result\n'})
    assert client.put("/v1/assets/bring/inputs/code", content=code).status_code == 201
    answer = client.post("/v1/runs", json=body)
    if not (anywhere.folder / "argosy.yaml").exists():  # this machine, by mere processes
        assert (answer.status_code, answer.json()["error"]) == (409, "bounds:executor")
        return
    assert answer.status_code == 202, answer.text
    run = anywhere.ended(client, answer.json()["id"])
    assert run["state"] == "succeeded", run["message"]
    assert client.get(f"/v1/runs/{run['id']}/outputs/result").content == "{{name}} é".encode()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"image": f"evil.example/job@{DIGEST}"}, "bounds:registry"),
        ({"image": "registry.example.com/partners/job:1"}, "bounds:digest"),
        ({"image": ""}, "bounds:image"),
        ({"args": ["{{workflow.name}}"]}, "bounds:tag"),
        ({"memory": "2Gi"}, "bounds:memory"),
        ({"cpu": "2"}, "bounds:cpu"),
        ({"gpu": 1}, "bounds:gpu"),
        ({"timeout": "1h"}, "bounds:timeout"),
    ],
)
def test_what_breaks_the_bounds_is_refused_by_name(isolated: Served, change: dict[str, Any], rule: str) -> None:
    client = isolated.client(isolated.consumer(f"a{abs(hash(rule)) % 10**6}"))
    answer = client.post("/v1/runs", json={"asset": "bring", "extension": {**GIVEN, **change}})
    assert (answer.status_code, answer.json()["error"]) == (422, rule)
    assert client.get("/v1/runs").json() == {"runs": []}


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service whose runs would go to a cluster; nothing is sent there."""
    import yaml

    from tests.argo.serve.workflow_api.serving import write_assets

    folder = tmp_path_factory.mktemp("service")
    write_assets(folder / "assets")
    (folder / "assets" / "bring.yaml").write_text(BRING)
    profile: dict[str, Any] = {
        "engine": {"server": "http://127.0.0.1:1"},
        "store": {"endpoint": "127.0.0.1:1", "bucket": "b"},
    }
    profile["enforces"] = ["egress"]
    project = {"kind": "Project", "default": "far", "profiles": {"far": profile}}
    (folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    served = Served(folder, arguments=("assets", "--no-work")).start()
    yield served
    served.close()


def test_nothing_can_be_brought_to_an_ordinary_asset(isolated: Served) -> None:
    client = isolated.client(isolated.consumer("b"))
    answer = client.post("/v1/runs", json={"asset": "echo", "extension": {"cpu": "1"}})
    assert (answer.status_code, answer.json()["error"]) == (422, "bounds:mode")
