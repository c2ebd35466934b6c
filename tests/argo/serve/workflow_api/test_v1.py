"""The service's own API: assets, inputs, runs, results, limits."""

from __future__ import annotations

import hashlib
import html
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import ExitStack, closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.argo.serve.workflow_api.serving import Served
from tests.waiting import HANG


def configured(served: Served, **service: Any) -> Served:
    (served.folder / "argosy.yaml").write_text(yaml.safe_dump({"kind": "Project", "service": service}))
    return served.start()


def started(client: httpx.Client, asset: str = "echo", **more: Any) -> str:
    answer = client.post("/v1/runs", json={"asset": asset, **more})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_assets_and_their_versions(service: Served) -> None:
    client = service.client(service.consumer("a"))
    found = {asset["name"]: asset for asset in client.get("/v1/assets").json()["assets"]}
    assert {name: asset["version"] for name, asset in found.items()} == {
        "echo": "2.1.0", "expired": "1.0.0", "input-dummy": "0.0.0",
    }  # fmt: skip
    assert (found["expired"]["valid"], found["expired"]["validUntil"]) == (False, "2020-01-31")
    assert client.get("/v1/assets/echo").json()["versions"] == ["2.1.0", "1.0.0"]
    old = client.get("/v1/assets/echo", params={"version": "1"}).json()
    assert old["version"] == "1.0.0"
    assert old["parameters"]["count"] == {
        "type": "int", "required": False, "description": None, "default": 1, "minimum": 0, "maximum": 9,
    }  # fmt: skip
    assert client.get("/v1/assets/nothing").status_code == 404


def test_a_run_with_its_results(anywhere: Served) -> None:
    client = anywhere.start().client(anywhere.consumer("a"))
    run = started(client, version="1", parameters={"text": "a \"b\" {{c}} 'd' ü", "count": 3})
    ended = anywhere.ended(client, run)
    assert (ended["state"], ended["version"], ended["message"]) == ("succeeded", "1.0.0", "")
    assert ended["createdAt"] <= ended["finishedAt"] + 1
    outputs = {entry["name"]: entry for entry in client.get(f"/v1/runs/{run}/outputs").json()["outputs"]}
    assert outputs["count"] == {"name": "count", "kind": "value", "ready": True, "value": "3"}
    data = "a \"b\" {{c}} 'd' ü".encode()
    assert (outputs["said"]["size"], outputs["said"]["mediaType"]) == (len(data), "text/plain")
    got = client.get(f"/v1/runs/{run}/outputs/said")
    assert (got.status_code, got.content, got.headers["accept-ranges"]) == (200, data, "bytes")
    assert client.get("/v1/runs").json()["runs"][0]["id"] == run
    assert client.get(f"/v1/runs/{run}/outputs/count").status_code == 409
    assert client.get(f"/v1/runs/{run}/outputs/nothing").status_code == 404


def test_a_gate_that_was_decided_is_shown_with_who_and_why(service: Served) -> None:
    """Assets have none; what a Workflow has is kept, and shown, all the same."""
    from argo.serve.workflow_api.progress import worker
    from tests.argo.workflow.test_gates import REJECTED

    client = service.client(service.consumer("a"))
    run = started(client)
    service.ended(client, run)
    with closing(sqlite3.connect(service.folder / "service.db")) as store, store:
        store.execute("UPDATE runs SET worker = ?", [json.dumps(worker(REJECTED))])
    gate = {"question": "Is it good?", "decision": "rejected", "by": "ann", "reason": "too dark", "outputs": {}}
    message = "by ann: too dark (asked: Is it good?)"
    expected = {"gate": {"phase": "Succeeded", "message": message, "gate": gate}}
    assert client.get(f"/v1/runs/{run}").json()["tasks"] == expected
    assert client.get("/v1/runs").json()["runs"][0]["tasks"] == expected


@pytest.mark.parametrize(
    ("asked", "status", "stretch"),
    [
        ("bytes=0-0", 206, slice(0, 1)),
        ("bytes=2-", 206, slice(2, None)),
        ("bytes=1-3", 206, slice(1, 4)),
        ("bytes=3-99", 206, slice(3, None)),
        ("bytes=-2", 206, slice(-2, None)),
        ("bytes=-99", 206, slice(0, None)),
        ("bytes=5-", 416, None),
        ("bytes=9-10", 416, None),
        ("bytes=-", 200, slice(0, None)),
        ("bytes=0-1,3-4", 200, slice(0, None)),
        ("lines=1-2", 200, slice(0, None)),
    ],
)
def test_ranges(anywhere_run: tuple[httpx.Client, str], asked: str, status: int, stretch: slice | None) -> None:
    client, run = anywhere_run
    answer = client.get(f"/v1/runs/{run}/outputs/said", headers={"Range": asked})
    assert answer.status_code == status
    if stretch is not None:
        assert answer.content == b"hello"[stretch]
    if status == 206:
        assert answer.headers["content-range"].endswith("/5")


@pytest.fixture(scope="module")
def anywhere_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client and a run that has ended."""
    from tests.argo.serve.workflow_api.serving import write_assets

    folder = tmp_path_factory.mktemp("service")
    write_assets(folder / "assets")
    served = Served(folder, arguments=("assets",)).start()
    client = served.client(served.consumer("a"))
    run = started(client)
    served.ended(client, run)
    yield client, run
    served.close()


def test_what_was_not_modified(anywhere_run: tuple[httpx.Client, str]) -> None:
    client, run = anywhere_run
    etag = client.get(f"/v1/runs/{run}/outputs/said").headers["etag"]
    assert client.get(f"/v1/runs/{run}/outputs/said", headers={"If-None-Match": etag}).status_code == 304
    other = {"Range": "bytes=1-", "If-Range": '"another"'}
    assert client.get(f"/v1/runs/{run}/outputs/said", headers=other).content == b"hello"


def test_a_share_opens_one_result_for_a_time(anywhere_run: tuple[httpx.Client, str]) -> None:
    client, run = anywhere_run
    shared = client.post(f"/v1/runs/{run}/shares", params={"output": "said", "lasts": 60}).json()
    assert httpx.get(shared["url"]).content == b"hello"
    assert httpx.get(shared["url"], headers={"Range": "bytes=1-2"}).content == b"el"
    assert httpx.get(shared["url"][:-2] + "xx").status_code == 404
    assert client.post(f"/v1/runs/{run}/shares", params={"output": "count"}).status_code == 409


def test_the_same_key_is_the_same_run(service: Served) -> None:
    client = service.client(service.consumer("a"))
    made = {
        client.post("/v1/runs", json={"asset": "echo"}, headers={"Idempotency-Key": "k"}).json()["id"] for _ in range(3)
    }
    assert len(made) == 1
    other = service.client(service.consumer("b"))
    assert other.post("/v1/runs", json={"asset": "echo"}, headers={"Idempotency-Key": "k"}).json()["id"] not in made
    assert len(client.get("/v1/runs").json()["runs"]) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"asset": "echo", "parameters": {"count": 10}}, "at most 9"),
        ({"asset": "echo", "parameters": {"count": "x"}}, "a whole number"),
        ({"asset": "echo", "parameters": {"text": "{{workflow.uid}}"}}, "Argo would take"),
        ({"asset": "echo", "parameters": {"other": 1}}, "no parameter other"),
        ({"asset": "echo", "inputs": {"other": "x"}}, "no input other"),
        ({"asset": "input-dummy"}, "missing inputs: env, input-zip, entrypoint-sh"),
        ({"asset": "input-dummy", "inputs": {"env": "x"}}, "no such input"),
        ({"asset": "echo", "more": 1}, "more: Extra inputs"),
        ({"asset": 1}, "asset:"),
        ([], "valid dictionary"),
    ],
)
def test_requests_that_are_refused(anywhere_run: tuple[httpx.Client, str], body: Any, said: str) -> None:
    client, _ = anywhere_run
    answer = client.post("/v1/runs", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["message"]


def test_an_asset_is_started_within_its_days(anywhere_run: tuple[httpx.Client, str]) -> None:
    client, _ = anywhere_run
    answer = client.post("/v1/runs", json={"asset": "expired"})
    assert answer.status_code == 409
    assert "may not be used today" in answer.json()["message"]


def test_inputs_are_each_ones_own(service: Served) -> None:
    client = service.client(service.consumer("a"))
    first = client.put("/v1/assets/input-dummy/inputs/env", content=b"A=1\n", params={"filename": "one.env"}).json()
    assert (first["filename"], first["size"]) == ("one.env", 4)
    assert first["sha256"] == hashlib.sha256(b"A=1\n").hexdigest()
    second = client.put("/v1/assets/input-dummy/inputs/env", content=b"A=22\n").json()
    assert client.get("/v1/assets/input-dummy/inputs").json() == {"inputs": [second]}
    used = 9
    service.until(lambda: client.get("/v1/me").json()["storageUsed"] < used, "the first one is removed")
    assert client.get("/v1/me").json()["storageUsed"] == 5
    assert client.delete("/v1/assets/input-dummy/inputs/env").status_code == 204
    assert client.get("/v1/assets/input-dummy/inputs").json() == {"inputs": []}
    service.until(lambda: client.get("/v1/me").json()["storageUsed"] == 0, "nothing is kept")
    assert not [path for path in (service.folder / "home" / "store").rglob("*") if path.is_file()]
    assert client.put("/v1/assets/input-dummy/inputs/other", content=b"").status_code == 404


def test_an_input_is_kept_while_a_run_needs_it(service: Served) -> None:
    client = service.client(service.consumer("a"))
    script = b"sleep 2; cat /data/a > /output/result; mkdir /output/all"
    for name, data in (("env", b"A=1\n"), ("entrypoint-sh", script), ("input-zip", zipped(a=b"first"))):
        client.put(f"/v1/assets/input-dummy/inputs/{name}", content=data)
    run = started(client, "input-dummy")
    client.put("/v1/assets/input-dummy/inputs/input-zip", content=zipped(a=b"second"))
    assert service.ended(client, run)["state"] == "succeeded"
    assert client.get(f"/v1/runs/{run}/outputs/result").content == b"first"
    before = client.get("/v1/me").json()["storageUsed"]
    service.until(lambda: client.get("/v1/me").json()["storageUsed"] <= before, "it is removed then")


def zipped(**files: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def test_uploads_have_limits(unserved: Served) -> None:
    limits = {"upload": "1Mi", "unpacked": "2Mi", "files": 3, "storage": "1100Ki"}
    client = configured(unserved, limits=limits).client(unserved.consumer("a"))
    place = "/v1/assets/input-dummy/inputs"
    large = client.put(f"{place}/entrypoint-sh", content=b"x" * (1 << 20) + b"x")
    assert (large.status_code, large.json()["error"]) == (413, "too-large")

    def pieces() -> Any:  # nothing says how much it will be
        for _ in range(64):
            yield b"x" * (1 << 16)

    endless = client.put(f"{place}/entrypoint-sh", content=pieces())
    assert endless.status_code == 413
    assert client.put(f"{place}/input-zip", content=zipped(a=b"a")).status_code == 201
    much = client.put(f"{place}/entrypoint-sh", content=b"x" * (1 << 20))
    assert much.status_code == 201, "there is room for just that"
    assert client.put(f"{place}/entrypoint-sh", content=b"x" * (1 << 19)).json()["error"] == "quota"
    endless = client.put(f"{place}/entrypoint-sh", content=pieces())
    assert (endless.status_code, endless.json()["error"]) == (413, "too-large")
    for name in ("input-zip", "entrypoint-sh"):
        assert client.delete(f"{place}/{name}").status_code == 204
    unserved.until(lambda: client.get("/v1/me").json()["storageUsed"] == 0, "they are forgotten")
    form = client.put("/services/input-dummy/input/entrypoint.sh", files={"input_file": b"x" * (1 << 21)})
    assert form.status_code == 413
    bomb = client.put(f"{place}/input-zip", content=zipped(a=b"\0" * (3 << 20)))
    assert (bomb.status_code, "larger than" in bomb.json()["message"]) == (422, True)
    many = client.put(f"{place}/input-zip", content=zipped(a=b"", b=b"", c=b"", d=b""))
    assert (many.status_code, "entries" in many.json()["message"]) == (422, True)
    assert client.put(f"{place}/entrypoint-sh", content=b"x" * (1 << 20)).status_code == 201
    full = client.put(f"{place}/env", content=b"A=" + b"x" * (100 << 10))
    assert (full.status_code, full.json()["error"]) == (413, "quota")
    assert client.get("/v1/me").json()["storageUsed"] == 1 << 20
    kept = [path for path in (unserved.folder / "home" / "store").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in kept] == [1 << 20], "what was refused is not kept"


def uploading(served: Served, token: str, declared: int, data: bytes) -> socket.socket:
    """An upload that has begun: so many bytes are to come, these have."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=HANG)
    head = f"PUT /v1/assets/input-dummy/inputs/entrypoint-sh HTTP/1.1\r\nHost: x\r\nAccess-Token: {token}\r\n"
    connection.sendall(f"{head}Content-Length: {declared}\r\n\r\n".encode() + data)
    return connection


def test_an_upload_that_breaks_off_leaves_nothing(service: Served) -> None:
    token = service.consumer("a")
    client = service.client(token)
    store = service.folder / "home" / "store"
    with closing(uploading(service, token, 10 << 20, b"x" * (2 << 20))):
        service.until(lambda: any(path.is_file() for path in store.rglob("*")), "it is passed on as it comes")
    service.until(lambda: not any(path.is_file() for path in store.rglob("*")), "nothing is kept")
    assert client.get("/v1/me").json()["storageUsed"] == 0
    assert client.get("/v1/assets/input-dummy/inputs").json() == {"inputs": []}
    assert "Traceback" not in service.log


def test_uploads_that_hang_keep_nobody_waiting(service: Served) -> None:
    token = service.consumer("a")
    client = service.client(token)
    with ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(closing(uploading(service, token, 1 << 20, b"x")))
        for _ in range(50):
            assert client.get("/v1/me").status_code == 200
    assert client.put("/v1/assets/input-dummy/inputs/entrypoint-sh", content=b"y").status_code == 201


def test_runs_at_once_have_a_limit(unserved: Served) -> None:
    unserved.arguments = ("assets", "--no-work")
    unserved.start()
    client = unserved.client(unserved.consumer("a", "--runs", "3"))
    answers: list[httpx.Response] = []

    def start() -> None:
        answers.append(httpx.post(f"{unserved.url}/v1/runs", json={"asset": "echo"}, headers=dict(client.headers)))

    threads = [threading.Thread(target=start) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 9
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 429} == {"30"}


def test_gpu_hours_have_a_limit(unserved: Served) -> None:
    text = (unserved.folder / "assets" / "echo.yaml").read_text().replace("name: echo", "name: gpu")
    (unserved.folder / "assets" / "gpu.yaml").write_text(text + "resources: {gpu: 2}\n")
    unserved.arguments = ("assets", "--no-work")
    client = unserved.start().client(unserved.consumer("a", "--gpu-hours", "1"))
    run = started(client, "gpu")
    with sqlite3.connect(unserved.folder / "service.db") as database:
        database.execute("UPDATE runs SET started_at = ?, finished_at = ?, state = 'succeeded'",
                         (time.time() - 3600, time.time() - 1700))  # fmt: skip
    assert client.get("/v1/me").json()["gpuHoursUsed"] == pytest.approx(2 * 1900 / 3600, abs=0.01)
    refused = client.post("/v1/runs", json={"asset": "gpu"})
    assert (refused.status_code, "GPU hours" in refused.json()["message"]) == (429, True)
    assert client.post("/v1/runs", json={"asset": "echo"}).status_code == 202
    assert run


def test_a_stop_before_the_start_and_while_it_runs(unserved: Served) -> None:
    unserved.arguments = ("assets", "--no-work")
    client = unserved.start().client(unserved.consumer("a"))
    run = started(client)
    assert client.post(f"/v1/runs/{run}/stop").json()["stopping"] is True
    assert client.delete(f"/v1/runs/{run}").status_code == 409
    unserved.end()
    unserved.arguments = ("assets",)
    unserved.start()
    assert unserved.ended(client, run)["state"] == "canceled"
    assert client.post(f"/v1/runs/{run}/stop").status_code == 202
    assert client.delete(f"/v1/runs/{run}").status_code == 204
    assert client.get(f"/v1/runs/{run}").status_code == 404
    assert unserved.command("list", "-o", "json").strip() == "[]", "nothing was started"


def test_a_removed_run_takes_its_results_along(service: Served) -> None:
    client = service.client(service.consumer("a"))
    run = started(client)
    service.ended(client, run)
    url = client.post(f"/v1/runs/{run}/shares", params={"output": "said"}).json()["url"]
    assert client.delete(f"/v1/runs/{run}").status_code == 204
    assert httpx.get(url).status_code == 404
    store = service.folder / "home" / "store"
    service.until(lambda: not [path for path in store.rglob("said") if path.is_file()], "the results are removed")


def test_logs(service: Served) -> None:
    client = service.client(service.consumer("a"))
    for name, data in (
        ("env", b"WHO=x\nDATA=/data\n"),
        ("entrypoint-sh", b"echo one; echo two\n: > /output/result; mkdir /output/all"),
    ):
        client.put(f"/v1/assets/input-dummy/inputs/{name}", content=data)
    client.put("/v1/assets/input-dummy/inputs/input-zip", content=zipped(a=b""))
    run = started(client, "input-dummy")
    assert service.ended(client, run)["state"] == "succeeded"
    assert client.get(f"/v1/runs/{run}/logs").text == "input-dummy: one\ninput-dummy: two\n"
    assert client.get(f"/v1/runs/{run}/logs", params={"tail": 1}).text == "input-dummy: two\n"
    assert client.get(f"/v1/runs/{run}/logs", params={"task": "nothing"}).status_code == 404


def test_events_tell_every_state_until_the_end(service: Served) -> None:
    client = service.client(service.consumer("a"))
    run = started(client)
    with client.stream("GET", f"/v1/runs/{run}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in stream.iter_lines() if line.startswith("data: ")]
    states = [json.loads(line.removeprefix("data: "))["state"] for line in lines]
    assert states[-1] == "succeeded"
    assert states == sorted(states, key=["pending", "running", "succeeded"].index)
    with client.stream("GET", f"/v1/runs/{run}/events") as stream:
        assert len([line for line in stream.iter_lines() if line.startswith("data: ")]) == 1


def test_a_graceful_end(service: Served) -> None:
    client = service.client(service.consumer("a"))
    started(client)
    assert service.end() == 0
    assert "Traceback" not in service.log


def test_assets_are_read_again_when_they_change(service: Served) -> None:
    client = service.client(service.consumer("a"))
    (service.folder / "assets" / "new.yaml").write_text(
        (service.folder / "assets" / "echo.yaml").read_text().replace("name: echo", "name: new")
    )
    service.until(lambda: client.get("/v1/assets/new").status_code == 200, "the new asset is there")
    (service.folder / "assets" / "new.yaml").write_text("kind: ComputeAsset\nname: [\n")
    service.until(lambda: client.get("/health/ready").json()["mistakes"], "the mistake is seen")
    assert client.get("/v1/assets/new").status_code == 200, "what was read before stands"


def test_health_and_metrics(service: Served) -> None:
    assert httpx.get(f"{service.url}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{service.url}/health").status_code == 200
    client = service.client(service.consumer("a"))
    run = started(client)
    service.ended(client, run)
    text = httpx.get(f"{service.url}/metrics").text
    assert 'argosy_runs{state="succeeded"} 1.0' in text
    assert 'argosy_requests_total{method="POST",route="/v1/runs",status="202"} 1.0' in text
    assert run not in text


def test_the_documentation_page(service: Served) -> None:
    page = httpx.get(f"{service.url}/docs")
    document = httpx.get(f"{service.url}/openapi.json").json()
    assert document["paths"]["/v1/runs"]["post"]["security"]
    assert page.headers["Content-Type"].startswith("text/html")
    assert "script" not in page.text.lower().replace("description", "")
    leads = re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)|url\(([^)]*)|@import""", page.text)
    assert {lead for lead, _ in leads if not lead.startswith("#")} == {"openapi.json"}
    shown = html.unescape(page.text)
    for path, calls in document["paths"].items():
        assert f"<code>{path}</code>" in shown
        assert all(call["summary"] in shown for call in calls.values() if call.get("summary"))
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page.text


def test_mistakes_at_the_start_are_said(tmp_path: Path) -> None:
    served = Served(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.yaml").write_text("kind: ComputeAsset\nname: a\n")
    for arguments, code, said in (
        (["assets"], 2, "missing field 'image'"),
        (["assets", "--database", "mysql://x"], 2, "no such store"),
        (["assets", "--database", "nothing"], 2, "URL is none"),
        (["assets", "--database", "sqlite:////nowhere/x.db"], 3, "cannot be used"),
    ):
        command = [sys.executable, "-m", "argo.cli", "serve", "--port", "0", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=served.environment, text=True, capture_output=True, timeout=HANG
        )
        assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
