"""A second consumer reaches nothing of the first, by whatever route; tokens do what they say and no more."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.argo.serve.workflow_api.serving import Served
from tests.argo.serve.workflow_api.test_gx4ki import provide
from tests.argo.serve.workflow_api.test_imla import JOB
from tests.files import contents

PUBLIC = {"/health/live", "/health/ready", "/metrics", "/data/{token}"}


@pytest.fixture
def two(unserved: Served) -> Any:
    """A service, a consumer with a run, and another one with every scope."""
    (unserved.folder / "assets" / "job.yaml").write_text(JOB)
    (unserved.folder / "argosy.yaml").write_text("service: {jobConfigs: job}\n")
    unserved.start()
    first = unserved.client(unserved.consumer("first"))
    scopes = ("--scope", "assets", "--scope", "inputs", "--scope", "runs", "--scope", "outputs", "--scope", "edc")
    second = unserved.consumer("second", *scopes)
    provide(first)
    run = first.post("/v1/runs", json={"asset": "input-dummy"}).json()["id"]
    unserved.ended(first, run)
    assert first.get(f"/v1/runs/{run}/outputs/result").content == b"part\nme"
    return unserved, first, second, run


def test_every_route_is_shut_to_others(two: Any) -> None:
    service, first, second, run = two
    client = service.client(second)
    document = client.get("/openapi.json").json()
    tried = 0
    uploads = [entry["id"] for entry in first.get("/v1/assets/input-dummy/inputs").json()["inputs"]]
    for path, operations in document["paths"].items():
        filled = path.replace("{run}", run).replace("{wid}", run).replace("{process}", run).replace("{key}", second)
        filled = filled.replace("{sid}", "input-dummy").replace("{asset}", "input-dummy").replace("{token}", run)
        filled = filled.replace("{resource}", "result").replace("{name}", "result").replace("{verb}", "terminate")
        filled = re.sub(r"\{name:path\}", "result", filled).replace("{upload}", uploads[0])
        for method in operations:
            answer = client.request(method, filled, params={"resource": "result", "output": "result"}, json={})
            tried += 1
            assert answer.status_code < 500, (method, path, answer.text)
            assert b"part\nme" not in answer.content, (method, path)
            if run in filled:
                assert answer.status_code in (400, 404, 422), (method, path, answer.status_code)
            elif answer.status_code == 200 and path not in PUBLIC:
                shown = answer.text
                assert run not in shown, (method, path)
                assert not any(upload in shown for upload in uploads), (method, path)
    assert tried > 25
    assert first.get(f"/v1/runs/{run}/outputs/result").content == b"part\nme", "nothing was removed"
    answer = client.post("/v1/runs", json={"asset": "input-dummy", "inputs": {"env": uploads[0]}})
    assert answer.status_code == 422
    assert client.post("/services/input-dummy/workflow/execute").status_code == 400
    assert client.get("/services/input-dummy/output", params={"resource": "result"}).status_code == 404
    assert client.get("/services/input-dummy/output", params={"resource": "result", "workflow_id": run}).json() == {
        "detail": "invalid workflow_id"
    }


def test_every_route_wants_a_token(two: Any) -> None:
    service, _, _, run = two
    for path, operations in httpx.get(f"{service.url}/openapi.json").json()["paths"].items():
        for method in operations:
            if path in PUBLIC:
                continue
            filled = re.sub(r"\{[^}]*\}", run, path)
            for headers in ({}, {"Authorization": "Bearer argosy_wrong"}, {"Authorization": "Basic eDp5"}):
                answer = httpx.request(method, service.url + filled, headers=headers, json={})
                assert answer.status_code in (401, 403, 422), (method, path, answer.status_code)
                if answer.status_code == 422:  # the body was read first; nothing else was done
                    assert answer.json()["error"] == "invalid"


def test_a_token_does_what_its_scopes_say(service: Served) -> None:
    token = service.consumer("a", "--scope", "assets")
    client = service.client(token)
    assert client.get("/v1/assets").status_code == 200
    for method, path in (("GET", "/v1/runs"), ("PUT", "/v1/assets/input-dummy/inputs/env")):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert client.post(f"/edc/{token}/c1", json={}).status_code in (403, 422)


def test_tokens_expire_and_are_revoked(service: Served) -> None:
    short = service.consumer("a", "--lasts", "1s")
    lasting = service.command("consumers", "token", "a", "--note", "ci").strip()
    assert service.client(lasting).get("/v1/me").json()["name"] == "a"
    service.until(lambda: service.client(short).get("/v1/me").status_code == 401, "the token has expired")
    listed = service.command("consumers", "list")
    (line,) = [line for line in listed.splitlines() if line.endswith("ci")]
    service.command("consumers", "revoke", re.findall(r"[0-9a-f-]{36}", line)[0])
    assert service.client(lasting).get("/v1/me").status_code == 401
    again = service.command("consumers", "token", "a").strip()
    service.command("consumers", "disable", "a")
    assert service.client(again).get("/v1/me").status_code == 401
    service.command("consumers", "disable", "a", "--again")
    assert service.client(again).get("/v1/me").status_code == 200


def test_no_token_is_kept_or_told(two: Any) -> None:
    service, first, second, _ = two
    tokens = [first.headers["access-token"], second]
    service.client(second).get(f"/edc/{second}/c3/x/status")
    shared = first.post(f"/v1/runs/{two[3]}/shares", params={"output": "result"}).json()["url"].rpartition("/")[2]
    httpx.get(f"{service.url}/data/{shared}")
    service.end()
    kept = b"".join(text for _, text in contents(service.folder))
    for token in (*tokens, shared):
        assert token.encode() not in kept
