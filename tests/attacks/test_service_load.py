"""Whoever has no token, or one, cannot keep the service from answering others."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import anyio
import httpx
import pytest
import yaml
from starlette.datastructures import Headers
from starlette.types import Message

from argo.serve import guard
from argo.serve.refusal import Refusal
from tests.argo.serve.workflow_api.serving import Served, write_assets

_BODY = 100 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("load")
    write_assets(folder / "assets")
    service = Served(folder, arguments=("assets",)).start()
    yield service
    service.close()
    assert "Traceback" not in service.log


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    return served.consumer("first")


@contextmanager
def connected(server: Served | int, data: bytes = b"") -> Iterator[socket.socket]:
    port = server if isinstance(server, int) else server.port
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        client.sendall(data)
        yield client


def head(method: str, path: str, token: str = "", **headers: object) -> bytes:
    given = {"Host": "x", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if token:
        given["Authorization"] = f"Bearer {token}"
    return "\r\n".join((f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items()), "", "")).encode()


def peak(process: subprocess.Popen[str] | None) -> int:
    """The most memory that a server ever had, in bytes."""
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def answered(served: Served) -> None:
    assert httpx.get(f"{served.url}/health/live", timeout=60).status_code == 200


def send_large(server: Served | int, path: str) -> None:
    """Send 100 MiB without a token."""
    about = head("POST", path, Host="127.0.0.1", Content_Type="application/json", Content_Length=_BODY)
    with connected(server, about) as client:
        assert client.recv(12)[-3:] in (b"401", b"403"), "the answer comes before the body"
        with suppress(OSError):
            for _ in range(_BODY >> 20):
                client.sendall(b"[" * (1 << 20))


@pytest.mark.parametrize("path", ["/v1/runs", "/edc/argosy_wrong/c1", "/services/x/input/y", "/nothing"])
def test_a_large_body_without_a_token_is_not_read(served: Served, path: str) -> None:
    before = peak(served.process)
    send_large(served, path)
    answered(served)
    assert peak(served.process) - before < 64 << 20


def test_a_large_body_with_a_token_is_refused_by_its_length(served: Served, token: str) -> None:
    before = peak(served.process)
    about = {"Content_Type": "application/json"}
    with connected(served, head("POST", "/v1/runs", token, Content_Length=_BODY, **about)) as client:
        assert client.recv(12)[-3:] == b"413"
    with connected(served, head("POST", "/v1/runs", token, Transfer_Encoding="chunked", **about)) as client:
        try:
            for _ in range(_BODY >> 20):
                client.sendall(b"100000\r\n" + b"[" * (1 << 20) + b"\r\n")
        except OSError:
            pass
        assert client.recv(12)[-3:] == b"413"
    assert peak(served.process) - before < 64 << 20


@pytest.mark.parametrize("depth", [200, 900, 5000, 400_000])
def test_json_that_is_nested_deeply_breaks_nothing(served: Served, token: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = f'{{"asset": "echo", "parameters": {{"text": {deep}}}}}'
    headers = {"Content-Type": "application/json"}
    answer = served.client(token).post("/v1/runs", content=body, headers=headers)
    assert answer.status_code == 202 if depth < 1000 else 400 <= answer.status_code < 500, answer.text


@pytest.mark.slow
@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nX: "])
def test_a_connection_that_does_not_say_what_it_wants_is_ended(served: Served, begun: bytes) -> None:
    with connected(served, begun) as client:
        said = client.recv(100)
        assert said == b"" or (begun and said.startswith(b"HTTP/1.1 408"))


@contextmanager
def few_descriptors(served: Served, most: int) -> Iterator[None]:
    """Let the service have so many descriptors: half as many connections are then taken at once."""
    assert served.process is not None
    limits = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (most, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, limits)


def test_idle_connections_make_room_for_others(served: Served, token: str) -> None:
    with few_descriptors(served, 128), ExitStack() as held:
        for number in range(300):
            held.enter_context(connected(served, b"GET" if number % 2 else b""))
        assert served.client(token).get("/v1/me").status_code == 200
        answered(served)
    assert "Traceback" not in served.log


def test_slow_uploads_of_one_consumer_leave_room_for_others(served: Served, token: str) -> None:
    other = served.consumer("second")
    path = "/v1/assets/input-dummy/inputs/entrypoint-sh"
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(connected(served, head("PUT", path, token, Content_Length=1 << 20) + b"x"))
        answer = served.client(other).put(path, content=b"echo")
        assert answer.status_code == 201, answer.text
        answered(served)


def test_one_consumer_cannot_have_all_connections(served: Served, token: str) -> None:
    run = served.client(token).post("/v1/runs", json={"asset": "echo"}).json()["id"]
    third = served.client(served.consumer("third"))
    about = head("PUT", "/v1/assets/input-dummy/inputs/env", token, Content_Length=100)
    # Enough for the files that the threads of the service have open; of the consumer's connections some are refused.
    with few_descriptors(served, 512), ExitStack() as held:
        clients = [held.enter_context(connected(served, about)) for _ in range(128 + 8)]
        served.until(lambda: served.client(token).get(f"/v1/runs/{run}").status_code == 429, "the consumer is refused")
        assert third.get("/v1/me").status_code == 200
        for client in clients:
            with suppress(OSError):  # those above the limit were refused at once
                client.sendall(b"A=1\n" * 25)
    served.until(lambda: served.client(token).get(f"/v1/runs/{run}").status_code == 200, "the consumer is let in again")


def test_methods_are_counted_under_few_names(served: Served, token: str) -> None:
    client = served.client(token)
    for number in range(20):
        client.request(f"EVIL{number}", "/v1/me")
    assert "EVIL" not in httpx.get(f"{served.url}/metrics").text


def test_a_body_has_to_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.01)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    body = guard.Body(receive, Headers({"content-length": "10"}), 100)
    with pytest.raises(Refusal) as refused:
        anyio.run(body)
    assert refused.value.status == 408


def test_an_identity_provider_that_hangs_stops_nothing(tmp_path: Path) -> None:
    write_assets(tmp_path / "assets")
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:  # takes connections, says nothing
        oidc = {"issuer": f"http://127.0.0.1:{silent.getsockname()[1]}", "audience": "argosy"}
        (tmp_path / "argosy.yaml").write_text(yaml.safe_dump({"kind": "Project", "service": {"oidc": oidc}}))
        served = Served(tmp_path, arguments=("assets",)).start()
        try:
            own = served.consumer("own")
            with ExitStack() as held:
                clients = [
                    held.enter_context(connected(served, head("GET", "/v1/me", "eyJhbGciOiJSUzI1NiJ9.e30.eHg")))
                    for _ in range(100)
                ]
                answered(served)
                assert served.client(own).get("/v1/me").json()["name"] == "own"
                assert {client.recv(12)[-3:] for client in clients} == {b"503"}
        finally:
            served.close()


def test_what_is_no_text_is_the_callers_fault(served: Served, token: str) -> None:
    client = served.client(token)
    for path in ("/v1/runs/%00", "/v1/runs?asset=%00", "/v1/assets/%ff", "/v1/assets?version=%ed%a0%80"):
        assert client.get(path).status_code == 400, path
    headers = {"Content-Type": "application/json"}
    for text in ('"\\ud800"', '"a\\u0000b"'):
        for body in (f'{{"asset": {text}}}', f'{{"asset": "echo", "parameters": {{"text": {text}}}}}'):
            answer = client.post("/v1/runs", content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (body, answer.text)
    answer = client.put("/v1/assets/input-dummy/inputs/env?filename=%ed%a0%80", content=b"A=1")
    assert answer.status_code == 400
    assert json.loads(client.get("/v1/runs").text), "it still answers"
