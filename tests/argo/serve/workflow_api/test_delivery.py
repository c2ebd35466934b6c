"""Results in the consumer's own storage: with credentials of that run alone; a delivery that fails loses nothing."""

from __future__ import annotations

import io
import json
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from argo.storage import Denied, S3Config, S3Store
from argo.storage.credentials import Credentials
from tests.argo.serve.workflow_api.serving import Served, write_assets
from tests.argo.serve.workflow_api.test_gx4ki import provide
from tests.fixtures_minio import Minio


@pytest.fixture
def with_minio(tmp_path: Path, minio: Minio) -> Iterator[tuple[Served, Minio, str]]:
    """A service over this machine and MinIO; the name of a bucket that a consumer may have."""
    write_assets(tmp_path / "assets")
    bucket = f"service-{secrets.token_hex(4)}"
    minio.store(bucket)
    store = {"endpoint": minio.endpoint, "bucket": bucket, "insecure": True}
    project = {"kind": "Project", "default": "here", "profiles": {"here": {"engine": "local", "store": store}}}
    (tmp_path / "argosy.yaml").write_text(yaml.safe_dump(project))
    variables = {"AWS_ACCESS_KEY_ID": minio.access_key, "AWS_SECRET_ACCESS_KEY": minio.secret_key}
    served = Served(tmp_path, variables=variables, arguments=("assets",))
    yield served, minio, f"alice-{secrets.token_hex(4)}"
    served.close()


def alice(with_minio: tuple[Served, Minio, str]) -> tuple[Served, Minio, str, httpx.Client]:
    """The same, started, with a consumer who has the bucket."""
    service, minio, bucket = with_minio
    service.start()
    return service, minio, bucket, service.client(service.consumer("alice", "--bucket", bucket))


def test_results_come_into_the_consumers_bucket(with_minio: tuple[Served, Minio, str]) -> None:
    service, minio, bucket, client = alice(with_minio)
    provide(client)
    runs = []
    for _ in range(2):
        runs.append(client.post("/v1/runs", json={"asset": "input-dummy"}).json()["id"])
        ended = service.ended(client, runs[-1])
        assert ended["state"] == "succeeded", ended["message"]
        assert ended["delivered"] == {"bucket": bucket, "prefix": f"input-dummy/{runs[-1]}"}
    theirs = minio.store(bucket)
    keys = sorted(info.key for info in theirs.list(""))
    assert keys == sorted(f"input-dummy/{run}/{name}" for run in runs for name in ("result", "all.zip"))
    with theirs.open(f"input-dummy/{runs[0]}/result") as file:
        assert file.read() == b"part\nme"
    with theirs.open(f"input-dummy/{runs[0]}/all.zip") as file, zipfile.ZipFile(io.BytesIO(file.read())) as archive:
        assert [archive.read(name) for name in archive.namelist() if name.endswith("copy")] == [b"part\nme"]
    assert client.get(f"/v1/runs/{runs[0]}/outputs/result").content == b"part\nme"
    status = client.get(f"/services/input-dummy/workflow/status/{runs[0]}").json()["workflow_status"]
    assert status["phase"] == "FINISHED"


def secret_of(service: Served) -> dict[str, str]:
    """The credentials of the only run."""
    (folder,) = (service.folder / "home" / "runs").glob("*/secrets/*-storage")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_credentials_write_below_one_prefix_and_stand_nowhere_else(with_minio: tuple[Served, Minio, str]) -> None:
    service, minio, bucket, client = alice(with_minio)
    run = client.post("/v1/runs", json={"asset": "echo"}).json()["id"]
    assert service.ended(client, run)["state"] == "succeeded"
    given = secret_of(service)
    assert given["accesskey"] != minio.access_key
    keys = Credentials(given["accesskey"], given["secretkey"], given["sessiontoken"])
    store = S3Store(S3Config(minio.endpoint, bucket, secure=False, region="us-east-1", credentials=keys))
    store.put_bytes(f"echo/{run}/more", b"x")
    for key in ("other", f"echo/{run}x/more", "echo/other/said"):
        with pytest.raises(Denied):
            store.put_bytes(key, b"x")
    with pytest.raises(Denied):
        store.open(f"echo/{run}/said")
    own = yaml.safe_load((service.folder / "argosy.yaml").read_text())["profiles"]["here"]["store"]["bucket"]
    with pytest.raises(Denied):
        store.with_bucket(own).put_bytes("x", b"")
    name = json.loads(service.command("list", "-o", "json"))[0]["name"]
    manifest = service.command("get", name) + service.log
    for secret in (given["secretkey"], given["sessiontoken"], minio.secret_key):
        assert secret not in manifest
        for path in service.folder.rglob("*.db*"):
            assert secret.encode() not in path.read_bytes()


def test_a_delivery_that_fails_fails_the_run_and_loses_nothing(with_minio: tuple[Served, Minio, str]) -> None:
    service, minio, bucket, client = alice(with_minio)
    provide(client, "WHO=me\nDATA=/data\nSLEEP=4\n")
    run = client.post("/v1/runs", json={"asset": "input-dummy"}).json()["id"]

    def working() -> Any:
        return client.get(f"/v1/runs/{run}").json()["tasks"].get("input-dummy", {}).get("phase") == "Running"

    service.until(working, "it runs")
    minio.store(bucket)._client.remove_bucket(bucket)  # the consumer's storage is gone
    ended = service.ended(client, run)
    assert (ended["state"], ended["delivered"]) == ("failed", None)
    assert "failed to save outputs" in ended["message"] or bucket in ended["message"]
    assert client.get(f"/v1/runs/{run}/outputs/result").content == b"part\nme", "the data is kept"


def test_an_exit_code_counts(with_minio: tuple[Served, Minio, str]) -> None:
    service, minio, bucket, client = alice(with_minio)
    provide(client, "WHO=me\nDATA=/data\nFAIL=yes\n")
    run = client.post("/v1/runs", json={"asset": "input-dummy"}).json()["id"]
    ended = service.ended(client, run)
    assert (ended["state"], "exit code 3" in ended["message"]) == ("failed", True)
    assert list(minio.store(bucket).list("")) == []
