"""The way to an Argo Server: tokens, TLS, proxies of other bases, answers that are none."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from argo.backend import RunRef
from argo.backends.argo_server.artifacts import ArtifactFiles
from argo.backends.argo_server.backend import ServerBackend
from argo.backends.argo_server.http import Client
from argo.errors import (
    ArgosyError,
    AuthError,
    ConflictError,
    NotFoundError,
    RemoteError,
    StoreError,
    UncertainError,
    UsageError,
)
from argo.target import ServerAddress, Target
from tests.http_servers import answering
from tests.proxies import authority as authority
from tests.proxies import of_server

Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def replying(reply: Callable[[str, str, Any], Reply], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that answers (method, path, headers) with what `reply` gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = reply(self.command, self.path, self.headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    with answering(Handler, context) as url:
        yield url


def client(url: str, token: Callable[[], str] = lambda: "Bearer t", **more: Any) -> Client:
    return Client(ServerAddress(url, token, **more), 0.02)


def error(status: int, code: int = 2, message: str = "said so") -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps({"code": code, "message": message}).encode()


OK: Reply = (200, {"Content-Type": "application/json"}, b"{}")


def test_a_token_that_has_run_out_is_read_anew() -> None:
    tokens, seen = ["Bearer old", "Bearer new"], []

    def reply(_method: str, _path: str, headers: Any) -> Reply:
        seen.append(headers["Authorization"])
        return OK if headers["Authorization"] == "Bearer new" else error(401, 16)

    with replying(reply) as url:
        assert client(url, lambda: tokens.pop(0) if len(tokens) > 1 else tokens[0]).get("/api/v1/info") == {}
    assert seen == ["Bearer old", "Bearer new"]


def test_one_that_stays_wrong_is_tried_once_and_not_told() -> None:
    seen: list[str] = []

    def reply(_method: str, path: str, _headers: Any) -> Reply:
        seen.append(path)
        return error(401, 16, "token not valid")

    with replying(reply) as url, pytest.raises(AuthError) as refused:
        client(url, lambda: "Bearer planted-secret").get("/x")
    assert seen == ["/x"]
    assert "planted-secret" not in "".join(refused.value.lines())
    assert "ARGOSY_TOKEN" in refused.value.hint


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UsageError), (403, AuthError), (404, NotFoundError), (409, ConflictError), (500, RemoteError),
        (501, RemoteError),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, kind: type[ArgosyError]) -> None:
    with replying(lambda *_: error(status)) as url, pytest.raises(kind, match="said so"):
        client(url).get("/x")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_waited_for(status: int) -> None:
    left = [status] * 3

    with replying(lambda *_: error(left.pop()) if left else OK) as url:
        assert client(url).get("/x") == {}
    with replying(lambda *_: error(status)) as url, pytest.raises(RemoteError):
        client(url).get("/x")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_call_that_is_not_repeated_may_have_been_carried_out(status: int) -> None:
    calls: list[str] = []

    def reply(method: str, _path: str, _headers: Any) -> Reply:
        calls.append(method)
        return error(status)

    with replying(reply) as url, pytest.raises(UncertainError):
        client(url).call("POST", "/x", body={}, once=True)
    assert calls == ["POST"]


@pytest.mark.parametrize("body", [b"<html>a login page</html>", b"[]", b"", b'"x"'])
def test_an_answer_of_somebody_else_is_said(body: bytes) -> None:
    with replying(lambda *_: (200, {"Content-Type": "text/html"}, body)) as url, pytest.raises(RemoteError) as said:
        client(url).get("/x")
    assert "does not answer as an Argo Server" in said.value.message


def test_a_server_below_another_path() -> None:
    seen: list[str] = []

    def reply(_method: str, path: str, _headers: Any) -> Reply:
        seen.append(path)
        return OK

    with replying(reply) as url:
        client(f"{url}/argo").get("/api/v1/info", {"a": "b c"})
    assert seen == ["/argo/api/v1/info?a=b+c"]


def test_a_server_that_sends_us_elsewhere_gets_no_token_there() -> None:
    def reply(_method: str, _path: str, _headers: Any) -> Reply:
        return 302, {"Location": "http://127.0.0.1:1/"}, b""

    with replying(reply) as url, pytest.raises(RemoteError):
        client(url).get("/x")


def test_tls_is_verified(authority: Path) -> None:
    with replying(lambda *_: OK, of_server(authority)) as url:
        assert client(url, ca_file=authority / "ca.crt").get("/x") == {}
        assert client(url, verify=False).get("/x") == {}
        with pytest.raises(RemoteError) as refused:
            client(url).get("/x")
    assert "caFile" in refused.value.hint
    with pytest.raises(UsageError, match="does not exist"):
        client("https://127.0.0.1:1", ca_file=authority / "none")


def test_a_client_certificate_is_shown(authority: Path) -> None:
    with replying(lambda *_: OK, of_server(authority, mutual=True)) as url:
        crt, key = authority / "client.crt", authority / "client.key"
        assert client(url, ca_file=authority / "ca.crt", cert_file=crt, key_file=key).get("/x") == {}
        with pytest.raises(RemoteError):
            client(url, ca_file=authority / "ca.crt").get("/x")


def workflow() -> Any:
    outputs = {"artifacts": [{"name": "o", "s3": {"key": "k/o"}}]}
    nodes = {"r-1": {"id": "r-1", "type": "Pod", "outputs": outputs}}
    return {"metadata": {"name": "r", "namespace": "ns", "uid": "u"}, "status": {"nodes": nodes}}


def test_artifacts_come_through_the_server_whole_or_not(tmp_path: Path) -> None:
    cut = [False]

    def reply(_method: str, path: str, _headers: Any) -> Reply:
        assert path == "/artifact-files/ns/workflows/r/r-1/outputs/o"
        return 200, {"Content-Length": "10"} if cut[0] else {}, b"12345"

    with replying(reply) as url:
        files = ArtifactFiles(client(url), workflow())
        info = files.get_file("k/o", tmp_path / "o")
        assert ((tmp_path / "o").read_bytes(), info.size) == (b"12345", 5)
        assert [one.key for one in files.list("k/")] == ["k/o"]
        cut[0] = True
        with pytest.raises(StoreError, match="broke"):
            files.get_file("k/o", tmp_path / "cut")
        assert not (tmp_path / "cut").exists()
        for refused in (lambda: files.open("k/none"), lambda: files.delete("k/o"), lambda: files.put_bytes("k", b"")):
            with pytest.raises(StoreError):
                refused()


@pytest.mark.parametrize("name", ["..", ".", "../other", "a/../../b", "a/b", "a?b=c", "a#b", "a%2fb", "a b", "\u00e4"])
def test_a_name_is_one_part_of_an_address(name: str) -> None:
    """Whatever a run, its namespace, its nodes and its outputs are called, no other route is asked."""
    asked: list[str] = []
    shown: list[str] = []
    output = {"name": name, "path": "/o", "s3": {"key": "k"}}
    node = {"id": name, "name": name, "displayName": "gate", "type": "Suspend", "phase": "Running", "templateName": "m"}
    pod = {**node, "id": f"{name}-1", "displayName": "pod", "type": "Pod", "outputs": {"artifacts": [output]}}
    run = {
        "metadata": {"name": name, "namespace": name, "uid": name}, "spec": {"templates": []},
        "status": {"phase": "Running", "nodes": {name: node, f"{name}-1": pod}},
    }  # fmt: skip

    def reply(_method: str, path: str, _headers: Any) -> Reply:
        asked.append(path)
        return 200, {"Content-Type": "application/json"}, json.dumps(run).encode()

    with replying(reply) as url:
        server = ServerBackend(Target(namespace=name, server=ServerAddress(url, lambda: "Bearer t")), 0.02)
        ref = RunRef(name, name, name)
        calls: list[Callable[[], Any]] = [
            lambda: server.find(name), lambda: server.get(ref), server.list, lambda: server.active(ref),
            lambda: server.stop(ref), lambda: server.suspend(ref), lambda: server.terminate(ref),
            lambda: server.approve(ref, "gate"), lambda: server.retry(ref), lambda: server.delete(ref),
            lambda: [*server.logs(ref)], lambda: next(server.watch(ref)), lambda: shown.append(server.link(ref)),
            lambda: server.artifacts(ref).open("k"), lambda: server._template("WorkflowTemplate", name),
            lambda: server._template("ClusterWorkflowTemplate", name),
        ]  # fmt: skip
        for call in calls:
            with suppress(ArgosyError, LookupError):
                call()
        server.close()
    q = quote(name, safe="")
    verbs = ("", "/log", "/set", "/stop", "/suspend", "/terminate", "/retry")
    expected = {
        f"/api/v1/workflows/{q}", *(f"/api/v1/workflows/{q}/{q}{verb}" for verb in verbs), "/api/v1/userinfo",
        f"/api/v1/archived-workflows/{q}", "/api/v1/archived-workflows", f"/api/v1/workflow-events/{q}",
        f"/artifact-files/{q}/workflows/{q}/{q}-1/outputs/{q}", f"/api/v1/workflow-templates/{q}/{q}",
        f"/api/v1/cluster-workflow-templates/{q}",
    }  # fmt: skip
    assert {path.partition("?")[0] for path in asked} - expected == set()
    assert shown == ([] if name in (".", "..") else [f"{url}/workflows/{q}/{q}?uid={q}"])
