"""Nothing that a connector is asked by its own name leads elsewhere, and no log tells a token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import yaml

from argo.serve.refusal import Refusal
from argo.serve.workflow_api.edc.targets import below, check
from argo.serve.workflow_api.health import masked
from tests.argo.serve.workflow_api.conftest import called as called
from tests.argo.serve.workflow_api.conftest import unserved as unserved
from tests.argo.serve.workflow_api.connector import Connector
from tests.argo.serve.workflow_api.serving import Served
from tests.argo.serve.workflow_api.test_edc import c1, signal

ROOT = "https://connector.example.com/management"
IDS = [
    "../v3/assets", "..", ".", "a/../../b", "a/b", "a\\b", "%2e%2e", "..%2f..", "..;x", "a?b", "a#b", "a b",
    "a\r\nX: y", "a\0b",
]  # fmt: skip


@pytest.mark.parametrize("id_", IDS)
def test_an_id_is_one_part_of_a_path(id_: str) -> None:
    with pytest.raises(Refusal):
        below(f"{ROOT}/callback", ("transfers", id_, "dataflow"), [ROOT])


def test_ids_as_connectors_have_them_pass() -> None:
    for id_ in ("0b6a3a4e-5d1c-4f", "urn:uuid:0b6a", "a.b_c~d", "ä"):
        assert below(ROOT, (id_, "provision"), [ROOT]).startswith(f"{ROOT}/")


@pytest.mark.parametrize(
    "path", ["%252e%252e/x", "%25252e%25252e/x", "..;/x", "..;a=b/x", "%2e%2e;/x", "a/%5c..%5c..", "./x", "%2E./x"]
)
def test_no_address_leads_up(path: str) -> None:
    with pytest.raises(Refusal, match="not allowed"):
        check(f"{ROOT}/{path}", [ROOT])


@pytest.fixture
def served(unserved: Served, called: Connector) -> tuple[Served, str, Connector]:
    (unserved.folder / "key").write_text("the-connectors-key")
    edc = {"callbacks": [f"{called.url}/callback"], "apiKeyFile": "key"}
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump({"kind": "Project", "service": {"edc": edc}}))
    unserved.arguments = ("assets", "--root-path", "/argosy")
    unserved.start()
    return unserved, unserved.consumer("connector", "--scope", "edc", "--scope", "runs", "--scope", "outputs"), called


def test_a_process_cannot_name_another_route_of_the_connector(served: Any) -> None:
    service, token, connector = served
    at = f"{service.url}/edc/{token}"
    for id_ in IDS:
        answers = (
            httpx.post(f"{at}/c1", json=c1(f"{connector.url}/callback", "echo", process=id_)),
            httpx.post(f"{at}/c3/start", json=signal(f"{connector.url}/callback", "echo", id_)),
            httpx.post(f"{at}/c1", json={**c1(f"{connector.url}/callback", "echo"), "resourceDefinitionId": id_}),
        )
        assert all(400 <= answer.status_code < 500 for answer in answers), (id_, answers)
    assert httpx.post(f"{at}/c1", json=c1(f"{connector.url}/callback", "echo", process="p:1")).status_code == 200
    service.until(lambda: connector.told, "the callback")
    assert [(path, key) for path, _, key in connector.told] == [("/callback/p:1/provision", "the-connectors-key")]


def test_processes_whose_names_could_be_one_are_two(served: Any) -> None:
    service, token, connector = served
    for process, resource in (("a:b", "c"), ("a", "b:c")):
        body = {**c1(f"{connector.url}/callback", "echo", process=process), "resourceDefinitionId": resource}
        assert httpx.post(f"{service.url}/edc/{token}/c1", json=body).status_code == 200
    service.until(lambda: len(connector.told) == 2, "both callbacks")
    body = {**c1(f"{connector.url}/callback", "failing", process="a"), "resourceDefinitionId": "b:c"}
    assert httpx.post(f"{service.url}/edc/{token}/c1", json=body).status_code == 409


def test_no_log_tells_a_token(served: Any) -> None:
    service, token, _ = served
    odd = (
        f"/argosy/edc/{token}/c1", f"//edc/{token}/c1", f"/EDC/{token}/c1", f"/edc/{token}", f"/x/edc/{token}/c1",
        f"/edc/{token}/c1?token={token}", f"/v1/runs/{token}", f"/argosy/data/{token}", f"/{token}",
        f"/edc%2f{token}/c1",
    )  # fmt: skip
    for path in odd:
        for method in ("GET", "POST", "TRACE"):
            httpx.request(method, service.url + path, json={}, headers={"Authorization": f"Bearer {token}"})
    service.end()
    assert token not in service.log
    assert '"path": "/edc/{key}/c1"' in service.log


@pytest.mark.parametrize(
    "line",
    [
        "GET /edc/SECRETSECRET/c1", "at http://x/data/SECRETSECRET?a=b", "Authorization: Bearer SECRETSECRET",
        "GET /x?token=SECRETSECRET&y=1", "key argosy_SECRETSECRET", "eyJSECRETSECRET.eyJx.SECRETSECRET",
    ],
)  # fmt: skip
def test_what_looks_like_a_token_is_masked(line: str) -> None:
    assert "SECRETSECRET" not in masked(line)


def test_addresses_of_results_end_with_their_consumer(served: Any) -> None:
    service, token, _ = served
    client = service.client(token)
    run = client.post("/v1/runs", json={"asset": "echo"}, headers={"Idempotency-Key": "k"}).json()["id"]
    assert service.ended(client, run)["state"] == "succeeded"
    url = client.post(f"/v1/runs/{run}/shares", params={"output": "said"}).json()["url"]
    data = f"{service.url}/data/{url.rpartition('/')[2]}"
    assert httpx.get(data).text == "hello"
    service.command("consumers", "disable", "connector")
    assert httpx.get(data).status_code == 404
    service.command("consumers", "disable", "connector", "--again")
    assert httpx.get(data).text == "hello"
    again = {"Idempotency-Key": "k"}
    assert client.post("/v1/runs", json={"asset": "echo"}, headers=again).json()["id"] == run
    other = client.post("/v1/runs", json={"asset": "echo", "parameters": {"text": "x"}}, headers=again)
    assert (other.status_code, other.json()["error"]) == (422, "idempotency-key")
