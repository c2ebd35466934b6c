"""Who may call what: nothing without the token, nothing out of the namespace, nothing too large, nothing above."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.serve.argo_api.app import application
from tests.argo.serve.argo_api.serving import Server, serving
from tests.system.conftest import Argosy
from tests.system.conftest import argosy as argosy

SAY: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "mine"},
    "spec": {"entrypoint": "m", "templates": [{
        "name": "m", "container": {"image": "busybox", "command": ["sh", "-c"], "args": ["echo secret > /tmp/o"]},
        "outputs": {"artifacts": [{"name": "o", "path": "/tmp/o", "archive": {"none": {}}}]},
    }]},
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("api") / "home") as found:
        made = found("POST", "/api/v1/workflows/one", None, {"workflow": SAY})
        assert made.status == 200, made.body
        found.wait("one", "mine", "Succeeded")
        yield found


def routes(home: Path) -> list[tuple[str, str]]:
    backend = LocalBackend(Home.open(home))
    try:
        found = []
        for route in application(backend).routes:
            for method in getattr(route, "methods", None) or {"GET"}:
                path = re.sub(r"\{[^}]*\}", "x", getattr(route, "path", "/"))
                found.append((method, path))
        return found
    finally:
        backend.close()


@pytest.mark.parametrize("token", ["", "wrong", "Bearer", "x" * 100_000])
def test_no_route_answers_without_the_token(server: Server, tmp_path: Path, token: str) -> None:
    paths = routes(tmp_path / "home")
    assert len(paths) > 30
    for method, path in paths:
        answer = server(method, path, token=token)
        # A head over the server's limit is refused before any route sees it, unless all of it came in one read.
        assert answer.status in ((400, 401) if len(token) > 1000 else (401,)), (method, path, answer.status)
        assert b"secret" not in answer.body


def test_another_namespace_sees_nothing(server: Server) -> None:
    node = next(iter(server("GET", "/api/v1/workflows/one/mine").json()["status"]["nodes"]))
    mine = server("GET", f"/artifact-files/one/workflows/mine/{node}/outputs/o")
    assert (mine.status, mine.body) == (200, b"secret\n")
    for method, path in (
        ("GET", "/api/v1/workflows/two/mine"), ("GET", "/api/v1/workflows/two/mine/log"),
        ("PUT", "/api/v1/workflows/two/mine/stop"), ("PUT", "/api/v1/workflows/two/mine/retry"),
        ("DELETE", "/api/v1/workflows/two/mine"), ("GET", f"/artifact-files/two/workflows/mine/{node}/outputs/o"),
    ):  # fmt: skip
        answer = server(method, path, None, {} if method == "PUT" else None)
        assert answer.status in (404, 500), (path, answer.status)
        assert b"secret" not in answer.body
    assert server("GET", "/api/v1/workflows/two").json()["items"] in ([], None)
    named = {**SAY, "metadata": {"name": "other", "namespace": "one"}}
    assert server("POST", "/api/v1/workflows/two", None, {"workflow": named}).status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/artifact-files/one/workflows/mine/{node}/outputs/../../../../state.db",
        "/artifact-files/one/workflows/mine/{node}/outputs/%2e%2e%2f%2e%2e%2fstate.db",
        "/artifact-files/one/workflows/../workflows/mine/{node}/outputs/o/../../x",
        "/artifact-files/%2e%2e/workflows/mine/{node}/outputs/o", "/api/v1/../../../etc/passwd",
    ],
)  # fmt: skip
def test_no_path_leads_out(server: Server, path: str) -> None:
    node = next(iter(server("GET", "/api/v1/workflows/one/mine").json()["status"]["nodes"]))
    host, port = server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port))
    connection.putrequest("GET", path.format(node=node), skip_host=False)
    connection.putheader("Authorization", f"Bearer {server.token}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status >= 400, body[:100]
    assert b"SQLite" not in body
    assert b"root:" not in body


def test_a_body_that_is_too_large_is_refused(server: Server) -> None:
    large = {"workflow": {**SAY, "metadata": {"name": "large", "annotations": {"a": "x" * (17 << 20)}}}}
    assert server("POST", "/api/v1/workflows/one", None, large).status == 413


BODIES = [
    b"{", b"[" * 100_000, b"\xff\xfe", b'"text"', b"null", b'{"workflow": 7}', b'{"workflow": {"metadata": [1]}}',
    b'{"workflow": {"spec": "x"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["workflows/one", "workflows/one/lint", "workflow-templates/one"])
def test_what_is_no_request_is_an_error_of_the_caller(server: Server, path: str, body: bytes) -> None:
    answer = server("POST", f"/api/v1/{path}", None, body)
    assert 400 <= answer.status < 500 or (path.endswith("/lint") and answer.json()["code"] == 2), answer
    assert set(answer.json()) == {"code", "message"}


def test_the_token_is_for_its_owner_alone(server: Server, argosy: Argosy) -> None:
    (token,) = [path for path in server.home.rglob("*token*") if path.is_file()]
    assert token.stat().st_mode & 0o077 == 0
    open_ = argosy.cwd / "token"
    open_.write_text("a token that everybody reads")
    open_.chmod(0o644)
    said = argosy("local", "up", "--port", "0", "--token-file", open_, code=3)
    assert "everybody" not in said.stderr + said.stdout
    assert "chmod 600" in said.stderr
    assert "--token-file" in argosy("local", "up", "--host", "0.0.0.0", code=2).stderr
