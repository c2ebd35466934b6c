"""`argosy connect` to a pod: the tunnel through an API that speaks Kubernetes' port-forward over a WebSocket."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from argo.backend import Submission
from argo.errors import ConflictError
from argo.workflow import ingress
from argo.workflow.sessions import KEY, secret
from compiler.labels import PREPARING
from tests.argo.backends.kubernetes.conftest import Place
from tests.http_servers import answering
from tests.waiting import HANG

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
TOKEN = "aa bb"
SESSION = {"desk": {"ports": {"web": "/lab"}, "token": {"query": "t"}}}
ROUTED = {"desk": {**SESSION["desk"], "at": {"web": 8765}}}
HOST = {"host": "s.example.com", "tls": True, "class": "nginx", "secret": "cert", "annotations": {"a/b": "c"}}


def routed(name: str) -> Submission:
    """A run with an interactive task that people reach by an Ingress."""
    about = {"argosy.dev/session": json.dumps(ROUTED), "argosy.dev/ingress": json.dumps(HOST)}
    value: Any = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "annotations": about},
        "spec": {"entrypoint": "m", "templates": [{"name": "m", "container": {"image": "busybox:1"}}]},
    }  # fmt: skip
    return Submission(value, [*secret(value), *ingress.objects(value)], "test", "k")


def unfinished(place: Place, name: str) -> None:
    """Make a run what it was before its submission's last step."""
    run = place.workflow(name)
    run["metadata"].setdefault("annotations", {})[PREPARING] = "running"
    place.server.call("PUT", place.server.argo(place.namespace, name=name), run)


def workflow(phase: str) -> Any:
    node = {"id": "mine-1", "name": "mine.desk", "displayName": "desk", "type": "Pod", "templateName": "desk",
            "phase": phase, "startedAt": "2026-01-01T00:00:00Z", "children": []}  # fmt: skip
    top = {**node, "id": "mine", "name": "mine", "type": "DAG", "templateName": "main", "children": ["mine-1"]}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "mine", "namespace": "team", "uid": "u", "resourceVersion": "5",
                     "creationTimestamp": "2026-01-01T00:00:00Z",
                     "annotations": {"argosy.dev/session": json.dumps(SESSION)}},
        "spec": {"templates": [{"name": "desk", "container": {"image": "x"}}]},
        "status": {"phase": phase, "nodes": {"mine": top, "mine-1": node}},
    }  # fmt: skip


class Api(BaseHTTPRequestHandler):
    """One run, the log of its gateway, its Secret; a port-forward gives back what it gets, in capitals."""

    protocol_version = "HTTP/1.1"
    over = threading.Event()
    asked: ClassVar[list[str]]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path.endswith("/portforward"):
            self.asked.append(self.path)
            self._forward(query)
        elif "watch=true" in query:
            self.over.wait()
            self._answer(json.dumps({"type": "MODIFIED", "object": self._run("6")}).encode() + b"\n")
        elif path.endswith("/workflows/mine"):
            self._answer(json.dumps(self._run("6" if self.over.is_set() else "5")).encode())
        elif path.endswith("/pods/mine-desk-1/log"):
            self._answer(b"gateway: web at 8765\n")
        elif path.endswith("/secrets/mine-session"):
            self._answer(json.dumps({"data": {KEY: base64.b64encode(TOKEN.encode()).decode()}}).encode())
        else:
            self.send_error(404)

    def _run(self, version: str) -> Any:
        run = workflow("Succeeded" if self.over.is_set() else "Running")
        run["metadata"]["resourceVersion"] = version
        return run

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the client may have gone
            self.wfile.write(body)

    def _forward(self, query: str) -> None:
        key = self.headers["Sec-WebSocket-Key"] + _MAGIC
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.send_header("Sec-WebSocket-Protocol", "v4.channel.k8s.io")
        self.end_headers()
        port = struct.pack("<H", int(query.partition("ports=")[2]))
        for channel in (b"\0", b"\1"):
            self._frame(channel + port)
        while (data := self._read_frame()) is not None:
            if data[:1] == b"\0" and data[1:]:
                self._frame(b"\0" + data[1:].upper())
        self.close_connection = True

    def _frame(self, data: bytes) -> None:
        self.wfile.write(b"\x82\x7f" + struct.pack(">Q", len(data)) + data)

    def _read_frame(self) -> bytes | None:
        head = self.rfile.read(2)
        if len(head) < 2 or head[0] & 0x0F == 8:
            return None
        length = head[1] & 0x7F
        if length > 125:
            length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
        mask = self.rfile.read(4)
        return bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(length)))


@pytest.fixture
def api(tmp_path: Path) -> Iterator[type[Api]]:
    """A running API and, in the working folder, the profile that leads to it."""

    class Own(Api):
        over = threading.Event()
        asked: ClassVar[list[str]] = []

    with answering(Own) as url:
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "users": [{"name": "u", "user": {"token": "x"}}], "clusters": [{"name": "c", "cluster": {"server": url}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        }  # fmt: skip
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        profile = {"engine": {"context": "c"}, "namespace": "team"}
        (tmp_path / "argosy.yaml").write_text(yaml.safe_dump({"profiles": {"far": profile}}))
        yield Own
        Own.over.set()


def connect(folder: Path, *more: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[4]
    env = {
        **os.environ, "ARGOSY_HOME": str(folder / "home"), "PYTHONPATH": str(root), "NO_COLOR": "1",
        "KUBECONFIG": str(folder / "kubeconfig"),
    }  # fmt: skip
    command = [sys.executable, "-m", "argo.cli", "connect", "mine", "--profile", "far", *more]
    return subprocess.Popen(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def through(port: int, data: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=HANG)) as connection:
        connection.sendall(data)
        found = b""
        while len(found) < len(data) and (piece := connection.recv(1 << 16)):
            found += piece
        return found


def test_a_tunnel_leads_to_the_pod_until_the_run_has_ended(api: type[Api], tmp_path: Path) -> None:
    process = connect(tmp_path)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/lab\?t=aa%20bb", url)
        assert match, url or process.communicate()[1]
        assert through(int(match[1]), b"some text") == b"SOME TEXT"
        data = b"a" * 500_000
        assert through(int(match[1]), data) == data.upper()
        assert len(api.asked) == 2, "each connection has a stream of its own"
        assert all("/namespaces/team/pods/mine-desk-1/portforward?ports=8765" in path for path in api.asked)
        api.over.set()
        _, err = process.communicate(timeout=HANG)
        assert process.returncode == 0, err
        assert "mine has ended" in err
        assert "Traceback" not in err
        assert TOKEN not in err
    finally:
        process.kill()
        process.communicate()


def test_a_connection_that_cannot_be_made_is_told(
    api: type[Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_forward", lambda self, _query: self.send_error(403))
    process = connect(tmp_path)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2].partition("/")[0])
        with suppress(ConnectionResetError):
            assert through(port, b"x") == b""
        assert process.stderr is not None
        said = ""
        while "argosy setup --interactive" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        assert "no connection: the cluster does not lead to pod mine-desk-1" in said
        assert "Traceback" not in said
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=HANG) == 0
    finally:
        process.kill()
        process.communicate()


def test_an_ingress_leads_to_the_pod_without_a_tunnel(
    api: type[Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Api._run

    def run(self: Api, version: str) -> Any:
        found = plain(self, version)
        found["metadata"]["annotations"] = routed("mine").workflow["metadata"]["annotations"]
        return found

    monkeypatch.setattr(api, "_run", run)
    out, err = connect(tmp_path).communicate(timeout=HANG)
    host = ingress.objects({"metadata": run(api.__new__(api), "1")["metadata"]})[1]["spec"]["rules"][0]["host"]
    assert out == f"https://{host}/lab?t=aa%20bb\n", err
    process = connect(tmp_path, "--tunnel")
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        process.kill()
        process.communicate()
    assert not api.asked


def test_an_argo_server_leads_to_no_pod(tmp_path: Path) -> None:
    (tmp_path / "argosy.yaml").write_text(
        "profiles: {far: {engine: {server: 'http://127.0.0.1:1'}, namespace: team}}\n"
    )
    process = connect(tmp_path)
    _, err = process.communicate(timeout=HANG)
    assert (process.returncode, "an Argo Server leads to no pod" in err) == (2, True), err


def test_ctrl_c_closes_the_tunnel(api: type[Api], tmp_path: Path) -> None:
    process = connect(tmp_path, "-o", "json")
    try:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            text += line
        port = json.loads(text)["ports"]["web"]["port"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    finally:
        process.kill()
        process.communicate()
    assert not api.asked


def test_the_secret_is_the_runs_and_an_earlier_attempt_s_stays(place: Place) -> None:
    path = f"/api/v1/namespaces/{place.namespace}/secrets/mine-session"

    def send() -> str:
        value: Any = {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": "mine", "annotations": {"argosy.dev/session": json.dumps(SESSION)}},
            "spec": {"entrypoint": "m", "templates": [{"name": "m", "container": {"image": "busybox:1"}}]},
        }  # fmt: skip
        made = place.backend().submit(Submission(value, secret(value), "test", "k"))
        found = place.server.call("GET", path)
        assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [made.ref.uid]
        assert place.backend().cluster.secret("mine-session", KEY).decode() not in json.dumps(place.workflow("mine"))
        return str(found["data"][KEY])

    first = send()
    assert len(base64.b64decode(first)) == 48
    assert send() == first


def test_a_service_and_an_ingress_are_the_runs_own(place: Place) -> None:
    def found(api: str, plural: str) -> Any:
        (value,) = place.server.call("GET", f"{api}/namespaces/{place.namespace}/{plural}")["items"]
        assert [owner["uid"] for owner in value["metadata"]["ownerReferences"]] == [made.ref.uid]
        return value

    made = place.backend().submit(routed("mine"))
    service = found("/api/v1", "services")
    assert service["spec"]["selector"] == {"workflows.argoproj.io/workflow": "mine", "argosy.dev/session": "desk"}
    (port,) = service["spec"]["ports"]
    assert (port["name"], port["port"], port["targetPort"]) == ("web", 80, 8765)
    way = found("/apis/networking.k8s.io/v1", "ingresses")
    (rule,) = way["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"number": 80}}
    assert way["spec"]["ingressClassName"] == "nginx"
    assert way["spec"]["tls"] == [{"hosts": [rule["host"]], "secretName": "cert"}]
    assert way["metadata"]["annotations"] == {"a/b": "c"}
    unfinished(place, "mine")
    assert place.backend().submit(routed("mine")) == (made.ref, False)
    assert found("/api/v1", "services")["metadata"]["uid"] == service["metadata"]["uid"]


def test_what_is_another_runs_is_not_taken(place: Place) -> None:
    place.backend().submit(routed("mine"))
    path = f"/api/v1/namespaces/{place.namespace}/secrets/mine-session"
    value = place.server.call("GET", path)
    value["metadata"]["ownerReferences"][0]["uid"] = "1"
    place.server.call("PUT", path, value)
    unfinished(place, "mine")
    with pytest.raises(ConflictError, match="a Secret mine-session already, which is not this run's"):
        place.backend().submit(routed("mine"))
