"""`argosy doctor` finds what is wrong, says what to do, and tells no secret."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argo.setup.checks import Check
from argo.setup.doctor import examine
from argo.setup.rights import SUBMITTER, rules
from argo.target import ClusterAddress, ServerAddress, Target
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.serve.argo_api.serving import Server, serving
from tests.fixtures_kubernetes import kubernetes as kubernetes
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.system.conftest import Argosy
from tests.system.conftest import argosy as argosy


def looked(target: Target) -> dict[str, Check]:
    found = {check.name: check for check in examine(target)}
    for check in found.values():
        assert check.found
        if check.state == "failed":
            assert check.hint, check
    return found


@pytest.fixture
def bucket(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    name = f"b-{uuid.uuid4().hex[:12]}"
    minio.store(name)
    return {"endpoint": minio.endpoint, "bucket": name, "insecure": True}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("api") / "home") as found:
        yield found


def cluster(place: Place, config: Path | None = None, **more: Any) -> Target:
    return Target(namespace=place.namespace, cluster=ClusterAddress(None, config or place.kubeconfig), **more)


def test_a_cluster_where_all_is_well(place: Place, bucket: dict[str, Any], task_results: None) -> None:
    found = looked(cluster(place, store=bucket))
    assert {name: check.state for name, check in found.items()} == {
        "installation": "ok",
        "cluster": "ok", "token": "ok", "argo": "ok", "rights": "ok", "interactive assets": "ok",
        "extended assets": "ok", "network policies": "warning", "controller": "warning", "accounts": "warning",
        "artifact repository": "ok", "gpus": "warning", "store": "ok",
    }  # fmt: skip
    assert "admin" in found["token"].found


def test_rights_that_are_missing_are_named(place: Place, bucket: dict[str, Any]) -> None:
    token = place.server.account(place.namespace, "somebody", rules(SUBMITTER[:3]))
    found = looked(cluster(place, place.server.kubeconfig(place.namespace, token), store=bucket))
    assert found["rights"].state == "failed"
    assert "delete workflows" in found["rights"].found
    assert "configmaps" in found["rights"].found
    assert "argosy setup" in found["rights"].hint
    assert found["interactive assets"].state == "skipped"
    assert "create/get secrets" in found["interactive assets"].found
    assert {found[name].state for name in ("controller", "accounts", "gpus")} == {"skipped"}


def test_a_token_that_is_not_taken(place: Place) -> None:
    found = looked(cluster(place, place.server.kubeconfig(place.namespace, "planted-secret")))
    assert found["cluster"].state == "failed" or found["token"].state == "failed"
    assert "planted-secret" not in str(found)
    assert found["rights"].state == "skipped"


def test_a_cluster_that_is_not_there(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text(place.kubeconfig.read_text().replace(place.server.url, "https://127.0.0.1:1"))
    target = Target(namespace="x", cluster=ClusterAddress(None, config))
    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    found = looked(target)
    assert found["cluster"].state == "failed"
    assert {check.state for name, check in found.items() if name not in ("installation", "cluster")} == {"skipped"}
    nothing = looked(Target(cluster=ClusterAddress("no-such", place.kubeconfig)))
    assert nothing["cluster"].state == "failed"


def test_an_argo_server(server: Server, bucket: dict[str, Any]) -> None:
    address = ServerAddress(server.url, lambda: f"Bearer {server.token}")
    found = looked(Target(namespace="team", server=address, store=bucket))
    assert {name: check.state for name, check in found.items()} == {
        "installation": "ok", "server": "ok", "token": "ok", "rights": "ok", "check of manifests": "ok",
        "network policies": "skipped", "store": "ok",
    }  # fmt: skip
    refused = looked(Target(namespace="team", server=ServerAddress(server.url, lambda: "Bearer planted-secret")))
    assert refused["token"].state == "failed"
    assert refused["rights"].state == "skipped"
    assert refused["store"].state == "warning"
    assert "planted-secret" not in str(refused)


def test_an_argo_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    found = looked(Target(server=ServerAddress("http://127.0.0.1:1", lambda: "")))
    assert found["server"].state == "failed"
    assert found["rights"].state == "skipped"


def test_stores_that_are_wrong(bucket: dict[str, Any], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def store(**change: Any) -> Check:
        address = ServerAddress(server.url, lambda: f"Bearer {server.token}")
        return looked(Target(namespace="t", server=address, store={**bucket, **change}))["store"]

    assert store().state == "ok"
    assert store(bucket="absent-bucket").state == "failed"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    wrong = store()
    assert (wrong.state, "planted-secret" in str(wrong)) == ("failed", False)
    assert "AWS_SECRET_ACCESS_KEY" in wrong.hint


def test_this_machine(argosy: Argosy) -> None:
    found = {check["check"]: check["state"] for check in argosy.json("doctor")}
    assert found == {"installation": "ok", "home": "ok", "executor": "ok", "store": "ok"}
    said = argosy("doctor").stdout
    assert said.count("✔") == 4
    argosy.home.mkdir(exist_ok=True)


def test_the_commands(argosy: Argosy, minio: Minio) -> None:
    (argosy.cwd / "argosy.yaml").write_text(
        "kind: Project\ndefault: lab\nprofiles:\n  lab:\n    engine: {server: 'http://127.0.0.1:1'}\n"
        "    namespace: physics\n    store: {endpoint: 'h:1', bucket: results}\n"
    )
    made = argosy("setup", "--gpus", "4")
    assert "requests.nvidia.com/gpu" in made.stdout
    assert "kubectl create namespace physics" in made.stderr
    argosy("setup", "-d", "out")
    assert (argosy.cwd / "out" / "role-argosy-submitter.yaml").exists()
    assert "--gpus x" in argosy("setup", "--gpus", "x", code=2).stderr
    assert "no profile lap" in argosy("setup", "--profile", "lap", code=2).stderr
