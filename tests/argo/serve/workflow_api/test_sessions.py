"""Interactive runs by the service's own API."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import httpx
import pytest
import yaml

from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.cli.test_connect import DESK
from tests.argo.serve.workflow_api.serving import Served


def desk(served: Served) -> Served:
    """Offer an interactive asset, which listens on a free port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (served.folder / "assets" / "desk.yaml").write_text(DESK.replace("PORT", str(port)))
    return served


def listening(served: Served, client: httpx.Client, run: str) -> Any:
    def look() -> Any:
        (found,) = client.get(f"/v1/runs/{run}/sessions").json()["sessions"] or [{}]
        return found if found.get("listening") else None

    return served.until(look, "the task listens")


def test_a_session_is_started_used_and_ends_by_itself(unserved: Served) -> None:
    served = desk(unserved).start()
    client = served.client(served.consumer("a"))
    started = client.post("/v1/runs", json={"asset": "desk"})
    assert started.status_code == 202, started.text
    run = started.json()["id"]
    found = listening(served, client, run)
    url, token = found["urls"]["web"], found["token"]
    assert url.endswith(f"/lab?t={token}")
    assert httpx.get(url).text == "welcome"
    assert httpx.get(url.partition("?")[0]).status_code == 403
    assert token not in client.get(f"/v1/runs/{run}").text
    assert served.ended(client, run)["state"] == "succeeded"
    assert client.get(f"/v1/runs/{run}/outputs/notes").text == "used"
    assert client.get(f"/v1/runs/{run}/sessions").status_code == 409
    assert token not in served.log


def test_a_session_is_stopped_and_nobody_else_s(unserved: Served) -> None:
    served = desk(unserved).start()
    client, other = served.client(served.consumer("a")), served.client(served.consumer("b"))
    run = client.post("/v1/runs", json={"asset": "desk"}).json()["id"]
    url = listening(served, client, run)["urls"]["web"]
    assert other.get(f"/v1/runs/{run}/sessions").status_code == 404
    assert client.post(f"/v1/runs/{run}/stop").status_code == 202
    assert served.ended(client, run)["state"] == "canceled"
    with pytest.raises(httpx.TransportError):
        httpx.get(url)


def test_other_routes_and_other_runs_have_none(unserved: Served) -> None:
    served = desk(unserved).start()
    token = served.consumer("a")
    client = served.client(token)
    assert client.post("/services/desk/workflow/execute").status_code == 400
    run = client.post("/v1/runs", json={"asset": "echo"}).json()["id"]
    found = client.get(f"/v1/runs/{run}/sessions")
    assert found.status_code == 409 or found.json() == {"sessions": []}
    assert client.get("/v1/runs/none/sessions").status_code == 404


@pytest.mark.parametrize(("host", "status"), [("s.example.com", 202), ("", 409)])
def test_on_a_cluster_it_takes_a_host(unserved: Served, place: Place, host: str, status: int) -> None:
    profile = {
        "engine": {"context": place.namespace, "kubeconfig": str(place.kubeconfig)}, "namespace": place.namespace,
        **({"sessions": {"host": host}} if host else {}),
    }  # fmt: skip
    project = {"kind": "Project", "default": "k8s", "profiles": {"k8s": profile}}
    (unserved.folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    served = desk(unserved).start()
    client = served.client(served.consumer("a"))
    started = client.post("/v1/runs", json={"asset": "desk"})
    assert started.status_code == status, started.text
    if status != 202:
        assert "no host" in started.json()["message"]
        return
    run = started.json()["id"]
    path = f"/apis/networking.k8s.io/v1/namespaces/{place.namespace}/ingresses"
    (way,) = served.until(lambda: place.server.call("GET", path)["items"], "the Ingress is made")
    assert way["spec"]["rules"][0]["host"].endswith(".s.example.com")
    served.until(lambda: client.get(f"/v1/runs/{run}").json()["state"] == "running", "it is submitted")
    assert client.get(f"/v1/runs/{run}/sessions").json() == {"sessions": [{"task": "desk", "listening": False}]}
