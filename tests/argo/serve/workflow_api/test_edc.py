"""Connectors: what is provisioned, called back, refused, given up."""

from __future__ import annotations

import json
import secrets
import sqlite3
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from argo.serve.refusal import Refusal
from argo.serve.workflow_api.edc.targets import check
from tests.argo.serve.workflow_api.connector import Connector
from tests.argo.serve.workflow_api.serving import Served

ALLOWED = ["https://connector.example.com/management", "http://127.0.0.1:8282"]
FAILING = """\
kind: ComputeAsset
name: failing
version: 1.0.0
image: python:3.11-slim
command: [sh, -c, "echo no >&2; exit 4"]
outputs: {said: {kind: file, path: /out/said}}
"""
SLOW = FAILING.replace("failing", "slow").replace("echo no >&2; exit 4", "sleep 60")


@pytest.mark.parametrize(
    "url",
    [
        "https://connector.example.com/management",
        "https://connector.example.com/management/callback/",
        "https://CONNECTOR.example.com:443/management/x",
        "http://127.0.0.1:8282/anything",
    ],
)
def test_callbacks_that_are_allowed(url: str) -> None:
    assert check(url, ALLOWED) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://connector.example.com/other",
        "https://connector.example.com/management-x",
        "https://connector.example.com/management/../other",
        "https://connector.example.com/management/%2e%2e/other",
        "http://connector.example.com/management",
        "https://connector.example.com:8443/management",
        "https://connector.example.com.evil.example/management",
        "https://connector.example.com@evil.example/management",
        "https://user@connector.example.com/management",
        "https://evil.example/?https://connector.example.com/management",
        "https://connector.example.com/management?to=x",
        "https://connector.example.com/management#x",
        "https://connector.example.com\\@evil.example/management",
        "https://connector.example.com/management\r\nHost: x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:8283/",
        "file:///etc/passwd",
        "//connector.example.com/management",
        "http://[::1]:8282/",
        "http://127.0.0.1:99999/",
        "",
    ],
)
def test_callbacks_that_are_not(url: str) -> None:
    with pytest.raises(Refusal, match="not allowed"):
        check(url, ALLOWED)


def serve(served: Served, called: Connector, **more: Any) -> tuple[Served, str]:
    for name, text in (("failing", FAILING), ("slow", SLOW)):
        (served.folder / "assets" / f"{name}.yaml").write_text(text)
    project = {"kind": "Project", "service": {"edc": {"callbacks": [called.url], **more}}}
    (served.folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    return served.start(), served.consumer("connector", "--scope", "edc", "--scope", "runs")


def c1(url: str, asset: str, type_: str = "provision", process: str = "p1") -> dict[str, Any]:
    return {
        "assetId": asset, "transferProcessId": process, "policy": {"permissions": []}, "callbackAddress": url,
        "type": type_, "resourceDefinitionId": "r1",
    }  # fmt: skip


def signal(url: str, asset: str, process: str = "p1") -> dict[str, Any]:
    return {"processId": process, "datasetId": asset, "callbackAddress": url, "messageId": "m"}


def test_a_callback_that_is_not_allowed_starts_nothing(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    for url in ("http://127.0.0.1:1/", "http://169.254.169.254/"):
        answer = httpx.post(f"{service.url}/edc/{token}/c1", json=c1(url, "echo"))
        assert (answer.status_code, answer.json()["error"]) == (403, "callback")
    assert service.client(token).get("/v1/runs").json() == {"runs": []}


def test_what_connectors_ask_wrongly(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    at = f"{service.url}/edc/{token}"
    c2 = {"type": "provision", "provisionResourceId": "r", "flowId": "f", "callbackAddress": called.url}
    for path, body, status in (
        ("c1", {}, 422),
        ("c1", c1(called.url, "nothing"), 404),
        ("c1", c1(called.url, "expired"), 409),
        ("c1", c1(called.url, "input-dummy"), 409),  # two outputs: which one?
        ("c1", c1(called.url, "echo", "deprovision"), 404),
        ("c1", c1(called.url, "echo", "other"), 400),
        ("c1", c1(called.url, "echo", process="x" * 300), 400),
        ("c2/nothing", c2, 404),
        ("c3/begin", signal(called.url, "echo"), 404),
        ("c3/p9/suspend", {}, 404),
    ):
        assert httpx.post(f"{at}/{path}", json=body).status_code == status, (path, body)
    assert httpx.post(f"{service.url}/edc/wrong/c1", json=c1(called.url, "echo")).status_code == 401
    in_header = {"x-api-key": token}
    assert httpx.post(f"{service.url}/edc/-/c1", json=c1(called.url, "echo"), headers=in_header).status_code == 200


def test_a_repeated_request_is_the_same_one(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    for _ in range(3):
        assert httpx.post(f"{service.url}/edc/{token}/c1", json=c1(called.url, "echo")).status_code == 200
    service.until(lambda: called.told, "the callback")
    assert len(service.client(token).get("/v1/runs").json()["runs"]) == 1
    assert len(called.told) == 1


def test_a_failed_run_is_told_where_the_protocol_has_a_form(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    httpx.post(f"{service.url}/edc/{token}/c1", json=c1(called.url, "failing"))
    httpx.post(f"{service.url}/edc/{token}/c3/start", json=signal(called.url, "failing", "p3"))
    (body,) = service.until(lambda: called.of("/transfers/p3/dataflow/errored"), "the error is told")
    assert (body["state"], "exit code 4" in body["error"]) == ("TERMINATED", True)
    assert len(called.told) == 1
    again = httpx.post(f"{service.url}/edc/{token}/c3/start", json=signal(called.url, "failing", "p3")).json()
    assert (again["state"], "exit code 4" in again["error"]) == ("TERMINATED", True)


def test_callbacks_are_tried_again_and_given_up(unserved: Served, called: Connector) -> None:
    called.answer = lambda _path, _body: None if len(called.told) % 2 else 503
    service, token = serve(unserved, called, attempts=3)
    httpx.post(f"{service.url}/edc/{token}/c1", json=c1(called.url, "echo"))
    service.until(lambda: len(called.told) == 3, "three attempts")

    def dead() -> Any:
        with sqlite3.connect(service.folder / "service.db") as database:
            return database.execute("SELECT error FROM jobs WHERE state = 'dead' AND kind = 'callback'").fetchall()

    assert service.until(dead, "it is given up")
    assert len(called.told) == 3
    addresses = {json.dumps(body["contentDataAddress"]) for _, body, _ in called.told}
    assert len(addresses) == 3, "each attempt has an address of its own"
    assert 'argosy_jobs{kind="callback",state="dead"} 1.0' in httpx.get(f"{service.url}/metrics").text


def test_no_redirect_of_a_callback_is_followed(unserved: Served, called: Connector) -> None:
    called.answer = lambda _path, _body: 307 if len(called.told) < 1 else 200
    service, token = serve(unserved, called)
    httpx.post(f"{service.url}/edc/{token}/c1", json=c1(called.url, "echo"))
    service.until(lambda: len(called.told) == 2, "it is tried again")


def test_deprovision_stops_what_runs(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    at = f"{service.url}/edc/{token}/c1"
    httpx.post(at, json=c1(called.url, "slow"))
    client = service.client(token)
    service.until(lambda: client.get("/v1/runs", params={"state": "running"}).json()["runs"], "it runs")
    for _ in range(2):
        assert httpx.post(at, json=c1(called.url, "slow", "deprovision")).status_code == 200
    (body,) = service.until(lambda: called.of("/p1/deprovision"), "the end is told")
    assert body == {"provisionedResourceId": "r1", "inProcess": False, "error": False, "errorMessage": None}
    assert client.get("/v1/runs").json() == {"runs": []}
    assert [path for path, _, _ in called.told] == ["/p1/deprovision"]


def test_a_data_flow_through_its_states(unserved: Served, called: Connector) -> None:
    service, token = serve(unserved, called)
    at = f"{service.url}/edc/{token}/c3"
    begun = httpx.post(f"{at}/prepare", json=signal(called.url, "echo"))
    assert (begun.status_code, begun.json()["state"], begun.json()["dataAddress"]) == (202, "PREPARING", None)
    (body,) = service.until(lambda: called.of("/transfers/p1/dataflow/prepared"), "it is prepared")
    assert body["state"] == "PREPARED"
    started = httpx.post(f"{at}/start", json=signal(called.url, "echo"))
    assert (started.status_code, started.json()["state"], started.json()["error"]) == (200, "STARTED", None)
    address = started.json()["dataAddress"]
    assert (address["@type"], address["endpointProperties"][0]["@type"]) == ("DataAddress", "EndpointProperty")
    assert httpx.get(address["endpoint"]).content == b"hello"
    assert httpx.post(f"{at}/p1/started", json={}).json()["state"] == "STARTED"
    assert httpx.post(f"{at}/p1/suspend", json={}).json()["state"] == "SUSPENDED"
    assert httpx.get(address["endpoint"]).status_code == 404
    resumed = httpx.post(f"{at}/p1/resume", json={}).json()
    assert resumed["state"] == "STARTED"
    assert httpx.get(resumed["dataAddress"]["endpoint"]).content == b"hello"
    assert httpx.get(f"{at}/p1/status").json()["state"] == "STARTED"
    assert httpx.post(f"{at}/p1/completed", json={}).json()["state"] == "COMPLETED"
    assert httpx.get(resumed["dataAddress"]["endpoint"]).status_code == 404
    assert httpx.post(f"{at}/p1/resume", json={}).json()["state"] == "COMPLETED"


@pytest.mark.parametrize("data", ["presigned", "s3"])
def test_addresses_of_the_store_itself(unserved: Served, called: Connector, minio: Any, data: str) -> None:
    bucket = f"edc-{secrets.token_hex(4)}"
    minio.store(bucket).put_bytes("other", b"not for them")
    store = {"endpoint": minio.endpoint, "bucket": bucket, "insecure": True}
    project = {
        "kind": "Project", "default": "here", "profiles": {"here": {"engine": "local", "store": store}},
        "service": {"edc": {"callbacks": [called.url], "data": data, "lifetime": "1h"}},
    }  # fmt: skip
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    unserved.variables = {"AWS_ACCESS_KEY_ID": minio.access_key, "AWS_SECRET_ACCESS_KEY": minio.secret_key}
    service = unserved.start()
    token = service.consumer("connector", "--scope", "edc")
    httpx.post(f"{service.url}/edc/{token}/c1", json=c1(called.url, "echo"))
    service.until(lambda: called.told, "the callback")
    given = called.told[0][1]["contentDataAddress"]["properties"]
    if data == "presigned":
        assert urlsplit(given["baseUrl"]).netloc == minio.endpoint
        assert httpx.get(given["baseUrl"]).content == b"hello"
        return
    from argo.storage import Denied, S3Config, S3Store
    from argo.storage.credentials import Credentials

    assert (given["type"], given["bucketName"]) == ("AmazonS3", bucket)
    assert minio.access_key not in json.dumps(given)
    keys = Credentials(given["accessKeyId"], given["secretAccessKey"], given["sessionToken"])
    config = S3Config(minio.endpoint, bucket, secure=False, region=given["region"], credentials=keys)
    with S3Store(config).open(given["objectName"]) as file:
        assert file.read() == b"hello"
    with pytest.raises(Denied):
        S3Store(config).open("other")
    with pytest.raises(Denied):
        S3Store(config).put_bytes(given["objectName"], b"changed")
