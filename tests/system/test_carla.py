"""The CARLA demo: a connector asks, a job runs with its job-config and dotenv file, its recording is stored in MinIO,
the connector is called back, and the data at the address that it was given are the recording, byte for byte.

On the way the service is killed at five points: nothing is lost, no run is doubled, the callback is delivered.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.argo.serve.workflow_api.connector import Connector, connector
from tests.argo.serve.workflow_api.serving import Served
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.waiting import HANG

JOB_CONFIG = """\
# job-config of the CARLA demo
WORKER_IMAGE=registry.example.com/gx4ki/carla:0.9.15
GPU=false
RESULT_DIRECTORY=/opt/carla/rosbag
"""
DOTENV = 'CARLA_TOWN=Town04\nCARLA_NOTE="a note # with a hash"\nSECONDS_TO_DRIVE=3\n'
DRIVE = """\
import hashlib, os, pathlib, time
time.sleep(float(os.environ["SECONDS_TO_DRIVE"]))
seed = (os.environ["CARLA_TOWN"] + os.environ["CARLA_NOTE"]).encode()
data = b"#ROSBAG V2.0\\n" + bytes(range(256)) + b"".join(
    hashlib.sha512(seed + str(i).encode()).digest() for i in range(50_000))
pathlib.Path("/opt/carla/rosbag/run.bag").write_bytes(data)
print("drove through", os.environ["CARLA_TOWN"])
"""


def recording() -> bytes:
    seed = b"Town04a note # with a hash"
    parts = (hashlib.sha512(seed + str(i).encode()).digest() for i in range(50_000))
    return b"#ROSBAG V2.0\n" + bytes(range(256)) + b"".join(parts)


@pytest.fixture
def called() -> Iterator[Connector]:
    with connector() as known:
        yield known


@pytest.fixture
def service(tmp_path: Path, minio: Minio, called: Connector) -> Iterator[Served]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "carla.env").write_text(JOB_CONFIG)
    (tmp_path / "api-key").write_text("planted-api-key")
    bucket = f"carla-{secrets.token_hex(4)}"
    minio.store(bucket)
    project = {
        "kind": "Project",
        "default": "demo",
        "profiles": {
            "demo": {
                "engine": "local",
                "store": {"endpoint": minio.endpoint, "bucket": bucket, "insecure": True},
                "images": {"registry.example.com/gx4ki/carla:0.9.15": {"entrypoint": ["python3", "-c", DRIVE]}},
            }
        },
        "service": {
            "assets": ["assets/carla.env"],
            "edc": {"callbacks": [f"{called.url}/management"], "apiKeyFile": "api-key"},
        },
    }
    (tmp_path / "argosy.yaml").write_text(yaml.safe_dump(project))
    variables = {"AWS_ACCESS_KEY_ID": minio.access_key, "AWS_SECRET_ACCESS_KEY": minio.secret_key}
    served = Served(tmp_path, variables=variables)
    yield served
    served.close()
    assert "planted" not in served.log


REQUESTS: dict[str, Any] = {
    "c1": (
        "c1",
        lambda url: {
            "assetId": "carla", "transferProcessId": "process-1", "policy": {}, "callbackAddress": url,
            "type": "provision", "resourceDefinitionId": "resource-1",
        },
        "/management/process-1/provision",
    ),
    "c2": (
        "c2/carla",
        lambda url: {
            "type": "provision", "provisionResourceId": "resource-1", "flowId": "process-1", "callbackAddress": url,
        },
        "/management/process-1/resource-1/provision",
    ),
    "c3": (
        "c3/start",
        lambda url: {
            "messageId": "m", "participantId": "p", "counterPartyId": "c", "dataspaceContext": "d",
            "processId": "process-1", "agreementId": "a", "datasetId": "carla", "callbackAddress": url,
            "profile": "HttpData-PULL", "labels": [], "metadata": {}, "claims": {},
        },
        "/management/transfers/process-1/dataflow/started",
    ),
}  # fmt: skip


def address(generation: str, body: Any) -> str:
    if generation == "c1":
        assert body["edctype"] == "dataspaceconnector:provisioner-callback-request"
        assert (body["assetId"], body["resourceDefinitionId"]) == ("carla", "resource-1")
        url = body["contentDataAddress"]["properties"]["baseUrl"]
    elif generation == "c2":
        url = body["dataAddress"]["properties"]["baseUrl"]
    else:
        assert (body["state"], body["dataAddress"]["@type"]) == ("STARTED", "DataAddress")
        url = body["dataAddress"]["endpoint"]
    return str(url)


@pytest.mark.parametrize("generation", ["c1", "c2", "c3"])
def test_the_demo_end_to_end(service: Served, called: Connector, generation: str) -> None:
    route, request, back = REQUESTS[generation]
    token = service.consumer("connector", "--scope", "edc", "--scope", "inputs", "--scope", "runs")
    body = request(f"{called.url}/management/")

    # Asked while nobody does the work, and killed: the request is not lost.
    service.arguments = ("--no-work",)
    service.start()
    client = service.client(token)
    assert client.put("/v1/assets/carla/inputs/env", content=DOTENV).status_code == 201
    asked = client.post(f"/edc/{token}/{route}", json=body)
    assert asked.status_code in (200, 202), asked.text
    service.kill()

    # Killed while the job runs. The connector asks again, as it does when it was not answered.
    service.arguments = ()
    service.start()
    assert client.post(f"/edc/{token}/{route}", json=body).status_code in (200, 202)
    running = service.until(
        lambda: [run for run in client.get("/v1/runs").json()["runs"] if run["tasks"]], "the job runs"
    )
    assert len(running) == 1
    service.kill()

    # Killed when it has ended and the connector does not answer.
    called.answer = lambda _path, _body: 503
    service.start()
    service.until(lambda: called.told, "the connector is called")
    service.kill()

    # Killed between the connector's taking the callback and its answer.
    taken = len(called.told)

    def kill(_path: str, _body: Any) -> int | None:
        service.kill()
        return None

    called.answer = kill
    service.start()
    service.until(lambda: len(called.told) > taken, "the connector takes the callback")
    assert service.process is not None
    service.process.wait()

    # Killed when all is done: the address is still good.
    called.answer = lambda _path, _body: 200
    told = len(called.told)
    service.start()
    service.until(lambda: len(called.told) > told, "the callback is delivered")
    service.kill()
    service.start()

    path, last, key = called.told[-1]
    assert (path, key) == (back, "planted-api-key")
    url = address(generation, last)
    data = httpx.get(url, timeout=HANG)
    assert data.status_code == 200, data.text
    with tarfile.open(fileobj=io.BytesIO(data.content)) as tar:
        (member,) = [entry for entry in tar.getmembers() if entry.isfile()]
        content = tar.extractfile(member)
        assert content is not None
        assert content.read() == recording()
    (run,) = client.get("/v1/runs").json()["runs"]
    assert run["state"] == "succeeded"
    deprovision(service, called, token, generation, body, url)


def deprovision(service: Served, called: Connector, token: str, generation: str, body: Any, url: str) -> None:
    """The end of a transfer: the address opens nothing any more, what was stored is gone."""
    client = service.client(token)
    if generation == "c3":
        assert client.post(f"/edc/{token}/c3/process-1/terminate", json={}).json()["state"] == "TERMINATED"
    else:
        route = REQUESTS[generation][0]
        ended = client.post(f"/edc/{token}/{route}", json={**body, "type": "deprovision"})
        assert ended.status_code == 200
        (answer,) = service.until(lambda: called.of("/deprovision"), "the end is told")
        assert answer == ({} if generation == "c2" else {
            "provisionedResourceId": "resource-1", "inProcess": False, "error": False, "errorMessage": None,
        })  # fmt: skip
    assert httpx.get(url).status_code == 404
    assert client.get("/v1/runs").json()["runs"] == []
    service.until(lambda: service.command("list", "-o", "json").strip() == "[]", "the run is removed")
