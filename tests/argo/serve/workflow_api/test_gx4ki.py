"""The calls of gx4ki's clients, as in the table of its Workflow API, on this machine and on Kubernetes."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import httpx
import pytest

from tests.argo.serve.workflow_api.serving import ASSET, ENTRYPOINT, Served

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
BASE = "/services/input-dummy"


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.txt", text)
    return made.getvalue()


def upload(client: httpx.Client, resource: str, data: bytes, filename: str = "file") -> httpx.Response:
    return client.put(f"{BASE}/input/{resource}", files={"input_file": (filename, data)})


def provide(client: httpx.Client, env: str = "WHO=me\nDATA=/data\n", part: str = "part\n") -> None:
    for resource, data in (
        ("env", env.encode()), ("input.zip", zipped(part=part)), ("entrypoint.sh", ENTRYPOINT.encode()),
    ):  # fmt: skip
        assert upload(client, resource, data, f"my-{resource}").json() == {"upload_file": f"my-{resource}"}


def execute(client: httpx.Client) -> str:
    answer = client.post(f"{BASE}/workflow/execute")
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["workflow_id"]
    return str(answer.json()["workflow_id"])


def status(client: httpx.Client, workflow: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{BASE}/workflow/status/{workflow}").json()
    assert (found["service_id"], found["workflow_id"]) == ("input-dummy", workflow)
    return dict(found["workflow_status"])


def finished(served: Served, client: httpx.Client, workflow: str) -> dict[str, Any]:
    seen: list[str] = []

    def look() -> Any:
        about = status(client, workflow)
        seen.append(about["phase"])
        return about if about["phase"] in ("FINISHED", "CANCELED") else None

    found: dict[str, Any] = served.until(look, "the workflow ends")
    assert set(seen) <= {"PREPARING", "RUNNING", "STORING", "FINISHED", "CANCELED"}
    return found


def test_the_calls_in_their_order(anywhere: Served) -> None:
    client = anywhere.start().client(anywhere.consumer("demo"))
    services = {entry["id"]: entry for entry in client.get("/services/").json()}
    assert services["input-dummy"] == {"id": "input-dummy", "start_date": None, "end_date:": None}
    assert client.get(f"{BASE}/info").json() == ASSET
    provide(client)
    first = execute(client)
    assert UUID4.fullmatch(first)
    ended = finished(anywhere, client, first)
    assert ended["phase"] == "FINISHED"
    worker = ended["worker_state"]
    assert (worker["event_type"], worker["pod_phase"]) == ("MODIFIED", "Succeeded")
    assert isinstance(worker["pod_state_condition"], list)
    assert worker["container_statuses"]["worker"]["state"] == "terminated"
    for level in (1, 2):
        log = client.get(f"{BASE}/workflow/status/{first}", params={"verbose_level": level})
        assert (log.text, log.headers["content-type"]) == ("working for me\n", "text/plain; charset=utf-8")
    result = client.get(f"{BASE}/output", params={"resource": "result"})
    assert (result.status_code, result.content) == (200, b"part\nme")
    assert result.headers["content-disposition"].startswith("attachment")
    packed = client.get(f"{BASE}/output", params={"resource": "all.zip"})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert [archive.read(name) for name in archive.namelist() if name.endswith("copy")] == [b"part\nme"]
    assert client.get(f"{BASE}/workflow/").json() == [first]

    # A second run has results of its own; the first one's stay.
    provide(client, "WHO=you\nDATA=/data\n")
    second = execute(client)
    assert finished(anywhere, client, second)["phase"] == "FINISHED"
    latest = client.get(f"{BASE}/output", params={"resource": "result"})
    assert latest.content == b"part\nyou"
    before = client.get(f"{BASE}/output", params={"resource": "result", "workflow_id": first})
    assert before.content == b"part\nme"
    assert client.get(f"{BASE}/workflow/").json() == [first, second]


def test_a_failure_counts_and_a_stop_is_one(anywhere: Served) -> None:
    client = anywhere.start().client(anywhere.consumer("demo"))
    provide(client, "WHO=me\nDATA=/data\nFAIL=yes\n")
    failed = execute(client)
    ended = finished(anywhere, client, failed)
    assert ended["phase"] == "FINISHED"
    details = ended["worker_state"]["container_statuses"]["worker"]["details"]
    assert details.startswith("FAILED: exit code 3")
    provide(client, "WHO=me\nDATA=/data\nSLEEP=60\n")
    stopped = execute(client)
    anywhere.until(lambda: status(client, stopped)["phase"] == "RUNNING", "it runs")
    assert client.post(f"{BASE}/workflow/stop/{stopped}").json() == {}
    assert finished(anywhere, client, stopped)["phase"] == "CANCELED"
    missing = client.get(f"{BASE}/output", params={"resource": "result", "workflow_id": stopped})
    assert (missing.status_code, missing.json()) == (404, {"detail": "requested resource not exists"})


def test_what_is_refused(service: Served) -> None:
    client = service.client(service.consumer("demo"))
    unknown = f"{BASE}/workflow/status/00000000-0000-4000-8000-000000000000"
    for answer, detail in (
        (client.get("/services/nothing/info"), "no valid service_id"),
        (client.put("/services/nothing/input/env", files={"input_file": b""}), "no valid service_id"),
        (client.post("/services/nothing/workflow/execute"), "no valid service_id"),
        (client.post("/services/expired/workflow/execute"), "no valid service_id"),
        (upload(client, "nothing", b""), "no valid resource provided"),
        (client.post(f"{BASE}/workflow/execute"), "service input not fulfilled"),
        (client.get(unknown), "invalid workflow_id"),
        (client.post(unknown.replace("status", "stop")), "invalid workflow_id"),
        (client.get(f"{BASE}/output", params={"resource": "nothing"}), "no valid resource provided"),
    ):
        assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    answer = client.get(f"{BASE}/output", params={"resource": "result"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "requested resource not exists"})
    for headers in ({}, {"access-token": "wrong"}):
        answer = httpx.get(f"{service.url}/services/", headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": "Could not validate API KEY"})


@pytest.mark.parametrize(
    ("resource", "data", "said"),
    [
        ("env", b"NO EQUALS", "is not a dotenv file"),
        ("env", b"A=\xff", "is not a dotenv file"),
        ("input.zip", b"no zip", "no tar or zip"),
        ("input.zip", zipped(**{"../out": "x"}), "reaches out of the folder"),
    ],
)
def test_inputs_that_are_none(service: Served, resource: str, data: bytes, said: str) -> None:
    client = service.client(service.consumer("demo"))
    answer = upload(client, resource, data)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
    assert "/tmp" not in answer.text


def test_the_old_configuration_with_its_token(unserved: Served) -> None:
    from tests.argo.serve.workflow_api.serving import CFG, OLD

    values = {"token": OLD, "endpoint": "127.0.0.1:1", "access": "planted-access", "secret": "planted-secret"}
    (unserved.folder / "workflow-api.cfg").write_text(CFG.format(**values))
    unserved.arguments = ("assets", "--config", "workflow-api.cfg", "--profile", "local")
    client = unserved.start().client(OLD)
    assert [entry["id"] for entry in client.get("/services/").json()] == ["echo", "expired", "input-dummy"]
    unserved.kill()
    assert unserved.start().client(OLD).get("/services/").status_code == 200
    assert "planted" not in unserved.log
    assert OLD not in unserved.log
    assert OLD.encode() not in (unserved.folder / "service.db").read_bytes()
