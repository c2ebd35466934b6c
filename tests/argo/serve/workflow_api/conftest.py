"""Services over the engine of this machine, and over a real Kubernetes API."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.serve.workflow_api.connector import Connector, connector
from tests.argo.serve.workflow_api.controller import Controller
from tests.argo.serve.workflow_api.serving import Served, write_assets
from tests.fixtures_kubernetes import kubernetes as kubernetes
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.fixtures_postgres import postgres as postgres


@pytest.fixture
def called() -> Iterator[Connector]:
    with connector() as known:
        yield known


@pytest.fixture
def unserved(tmp_path: Path) -> Iterator[Served]:
    """A service over this machine, not started yet."""
    write_assets(tmp_path / "assets")
    served = Served(tmp_path, arguments=("assets",))
    yield served
    served.close()


@pytest.fixture
def service(unserved: Served) -> Served:
    """A service over this machine."""
    return unserved.start()


@pytest.fixture(params=["local", "cluster"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A service over this machine, and one over a real Kubernetes API with a controller; not started yet."""
    write_assets(tmp_path / "assets")
    if request.param == "local":
        served = Served(tmp_path, arguments=("assets",))
        yield served
        served.close()
        return
    minio_: Minio = request.getfixturevalue("minio")
    where = request.getfixturevalue("place")
    bucket = f"service-{secrets.token_hex(4)}"
    objects = minio_.store(bucket)
    profile = {
        "engine": {"context": where.namespace, "kubeconfig": str(where.kubeconfig)},
        "namespace": where.namespace,
        "executorEgress": ["10.96.0.1/32"],
        "store": {"endpoint": minio_.endpoint, "bucket": bucket, "insecure": True},
    }
    project = {"kind": "Project", "default": "k8s", "profiles": {"k8s": profile}}
    (tmp_path / "argosy.yaml").write_text(yaml.safe_dump(project))
    variables = {"AWS_ACCESS_KEY_ID": minio_.access_key, "AWS_SECRET_ACCESS_KEY": minio_.secret_key}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        settings = {"endpoint": minio_.endpoint, "bucket": bucket, "insecure": True}
        controller = Controller(where, tmp_path / "controller", settings, objects)
        served = Served(tmp_path, variables=variables, arguments=("assets",))
        try:
            yield served
        finally:
            served.close()
            controller.close()
