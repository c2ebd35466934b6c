"""How a cluster is reached: contexts, tokens that run out, commands for credentials, certificates."""

from __future__ import annotations

import json
import logging
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from argo.backends.kubernetes.api import KINDS, Cluster
from argo.backends.kubernetes.backend import ClusterBackend
from argo.backends.kubernetes.errors import GoneError
from argo.errors import ArgosyError, AuthError, NotFoundError, RemoteError, UsageError
from argo.target import ClusterAddress, Target
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.test_submit import submission
from tests.http_servers import answer, answering

SECRET = "s3cret-of-somebody"


def config(place: Place, path: Path, user: dict[str, Any], **cluster: Any) -> Path:
    """The place's kubeconfig with another user."""
    value = yaml.safe_load(place.kubeconfig.read_text())
    value["users"][0]["user"] = user
    value["clusters"][0]["cluster"].update(cluster)
    path.write_text(yaml.safe_dump(value))
    return path


def command(path: Path, body: str) -> dict[str, Any]:
    """A user whose credentials a command gives."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}


def credential(token: str) -> str:
    return json.dumps({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token},
    })  # fmt: skip


def test_a_token_that_ran_out_is_read_anew_from_its_file(place: Place, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("outdated")
    backend = place.backend(config(place, tmp_path / "config", {"tokenFile": str(token)}))
    with pytest.raises(AuthError, match="does not take the credentials"):
        backend.list()
    token.write_text(place.server.token)
    assert backend.list() == []


def test_a_token_that_ran_out_is_asked_for_again(place: Place, tmp_path: Path) -> None:
    first = tmp_path / "first"
    body = (
        f"[ -e {first} ] && echo '{credential(place.server.token)}' || echo '{credential('outdated')}'; touch {first}"
    )
    backend = place.backend(config(place, tmp_path / "config", command(tmp_path / "login", body)))
    assert backend.list() == []


@pytest.mark.parametrize("body", [f"echo {SECRET} >&2; exit 1", f"echo {SECRET}", f"echo '{{\"{SECRET}\": 1}}'"])
def test_a_command_that_gives_no_credentials(
    place: Place, tmp_path: Path, body: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AuthError, match="gave none") as failed:
        place.backend(config(place, tmp_path / "config", command(tmp_path / "login", body)))
    assert SECRET not in "".join([*failed.value.lines(), *capfd.readouterr()])


def test_an_unknown_context(place: Place) -> None:
    name = f"{place.namespace}x"
    with pytest.raises(UsageError, match=f"no context {name}") as unknown:
        ClusterBackend(Target(cluster=ClusterAddress(name, place.kubeconfig)))
    assert unknown.value.hint == f"did you mean {place.namespace}?"


def test_the_namespace_is_the_contexts_unless_it_is_given(place: Place) -> None:
    address = ClusterAddress(place.namespace, place.kubeconfig)
    assert ClusterBackend(Target(cluster=address)).namespace == place.namespace
    assert ClusterBackend(Target(namespace="other", cluster=address)).namespace == "other"


def test_kubeconfig_is_a_list_of_files(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
    monkeypatch.setenv("KUBECONFIG", f"{other}:{place.kubeconfig}")
    backend = ClusterBackend(Target(cluster=ClusterAddress(place.namespace)))
    assert backend.namespace == place.namespace
    assert backend.list() == []
    backend.close()


def test_a_certificate_that_nobody_vouches_for(place: Place, tmp_path: Path) -> None:
    value = yaml.safe_load(place.kubeconfig.read_text())
    del value["clusters"][0]["cluster"]["certificate-authority-data"]
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(RemoteError, match="certificate verify failed") as refused:
        place.backend(path).list()
    assert place.server.token not in "".join(refused.value.lines())
    value["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True
    path.write_text(yaml.safe_dump(value))
    assert place.backend(path).list() == []


def test_nothing_secret_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        given = submission("a")
        given.objects[0]["data"] = {"password": SECRET}
        place.backend().submit(given)
    assert SECRET not in caplog.text
    assert place.server.token not in caplog.text


def test_rights_that_are_missing_are_named(place: Place) -> None:
    path = place.server.kubeconfig(place.namespace, place.server.account(place.namespace))
    with pytest.raises(AuthError, match=r'cannot list resource "workflows"') as refused:
        place.backend(path).list()
    assert refused.value.hint == "argosy doctor says which rights are missing"


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-a", "A", "a" * 300, "ü"])
def test_what_cannot_be_a_name(place: Place, name: str) -> None:
    with pytest.raises(NotFoundError, match="no run named"):
        place.backend().find(name)


def test_a_cluster_without_argo(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "Workflow", ("/apis/argoproj.example/v1alpha1", "workflows"))
    backend = place.backend()
    for call in (backend.list, lambda: backend.find("a"), lambda: backend.submit(submission("a"))):
        with pytest.raises(RemoteError, match="does not know Argo's objects"):
            call()


def test_a_version_that_is_too_old_is_gone(place: Place) -> None:
    backend = place.backend()
    backend.submit(submission("a"))
    with pytest.raises(GoneError, match="too old resource version"):
        list(backend.cluster.watch("a", "1"))


def test_a_list_that_becomes_too_old_on_the_way_is_begun_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.backends.kubernetes.api._PAGE", 2)
    backend = place.backend()
    for number in range(5):
        backend.submit(submission(f"r{number}", f"k{number}", config_map=False))
    call = backend.cluster.json
    gone: list[str] = []

    def expires(method: str, path: str, what: str, body: Any = None, query: Any = None, **more: Any) -> Any:
        if "continue" in (query or {}) and not gone:
            gone.append(what)
            raise GoneError("The provided continue parameter is too old")
        return call(method, path, what, body, query, **more)

    monkeypatch.setattr(backend.cluster, "json", expires)
    assert sorted(line.ref.name for line in backend.list()) == [f"r{number}" for number in range(5)]
    assert gone


@pytest.mark.parametrize("size", [1_600_000, 2_097_152, 3_200_000])
def test_too_large_is_refused_and_leaves_nothing(place: Place, size: int) -> None:
    given = submission("a", templates=[{"name": "main", "suspend": {}, "metadata": {"annotations": {"x": "y" * size}}}])
    with pytest.raises(UsageError, match=r"too large|larger than max") as refused:
        place.backend().submit(given)
    assert refused.value.exit_code == 2
    assert place.workflows() == []


def test_the_store_is_the_profiles_the_runs_or_the_namespaces(place: Place) -> None:
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    with pytest.raises(UsageError, match="not known here where the run's artifacts lie"):
        backend.store(ref)
    repository = {"s3": {"endpoint": "minio:9000", "bucket": "of-the-namespace", "insecure": True}}
    place.server.call("POST", f"/api/v1/namespaces/{place.namespace}/configmaps", {
        "metadata": {
            "name": "artifact-repositories",
            "annotations": {"workflows.argoproj.io/default-artifact-repository": "mine"},
        },
        "data": {"mine": yaml.safe_dump(repository), "other": "s3: {bucket: other, endpoint: 'minio:9000'}"},
    })  # fmt: skip
    assert backend.places(ref) == {"artifacts": "s3://of-the-namespace at minio:9000"}
    other = backend.submit(submission("b", "k2", artifactRepositoryRef={"key": "other"})).ref
    assert backend.places(other) == {"artifacts": "s3://other at minio:9000"}
    place.status("a", {"artifactRepositoryRef": {"artifactRepository": {"s3": {**repository["s3"], "bucket": "run"}}}})
    assert backend.places(ref) == {"artifacts": "s3://run at minio:9000"}
    profile = Target(
        namespace=place.namespace, cluster=ClusterAddress(None, place.kubeconfig),
        store={"endpoint": "elsewhere:9000", "bucket": "profile"},
    )  # fmt: skip
    assert ClusterBackend(profile).places(ref) == {"artifacts": "s3://profile at elsewhere:9000"}


def test_every_error_is_one_of_argosys(place: Place, tmp_path: Path) -> None:
    """Something else than Kubernetes answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, 200, b"<html>log in first</html>")

    with answering(Handler) as url:
        path = config(place, tmp_path / "config", {}, server=url)
        with pytest.raises(ArgosyError, match="no object of Kubernetes"):
            Cluster(ClusterAddress(None, path), "n", 0.01).get("Workflow", "a")
