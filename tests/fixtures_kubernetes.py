"""A Kubernetes API server of the test's own, with etcd and Argo's CRDs: import `kubernetes` to make it known."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import LOCK_EX, LOCK_SH, flock
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.left_behind import shared_environment
from tests.waiting import HANG, until

HOW = "kube-apiserver and etcd are not here: `.ci/kubernetes FOLDER`, then set ARGOSY_KUBE_APISERVER and ARGOSY_ETCD"
CRDS = Path(__file__).resolve().parents[2] / "shared" / "argo" / "crds"


@dataclass(frozen=True)
class Kubernetes:
    """A running API server with RBAC; `token` is an administrator's."""

    url: str
    authority: Path
    token: str = field(repr=False)
    folder: Path

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """A call as the administrator, or as whoever's token is given; the JSON answer. Bytes as body are YAML."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        kind = "application/yaml" if isinstance(body, bytes) else kind
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": kind}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        context = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(request, timeout=HANG, context=context) as answer:
            return json.loads(answer.read())

    def kubeconfig(self, namespace: str, token: str | None = None) -> Path:
        """A kubeconfig with one context, named after the namespace."""
        path = self.folder / f"{namespace}-{secrets.token_hex(4)}.kubeconfig"
        authority = base64.b64encode(self.authority.read_bytes()).decode()
        value = {
            "apiVersion": "v1", "kind": "Config", "current-context": namespace,
            "clusters": [{"name": "c", "cluster": {"server": self.url, "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": token or self.token}}],
            "contexts": [{"name": namespace, "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        }  # fmt: skip
        path.write_text(yaml.safe_dump(value), encoding="utf-8")
        path.chmod(0o600)
        return path

    def namespace(self) -> str:
        """A namespace of the test's own."""
        name = f"t-{secrets.token_hex(4)}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def account(self, namespace: str, name: str = "somebody", rules: list[Any] | None = None) -> str:
        """The token of a ServiceAccount, made where it is not there, which may do what the rules of a Role allow."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        with suppress(urllib.error.HTTPError):  # it is there
            self.call("POST", path, {"metadata": {"name": name}})
        token = str(self.call("POST", f"{path}/{name}/token", {"spec": {}})["status"]["token"])
        if rules:
            self._grant(namespace, name, rules, token)
        return token

    def _grant(self, namespace: str, name: str, rules: list[Any], token: str) -> None:
        path, group = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}", "rbac.authorization.k8s.io"
        self.call("POST", f"{path}/roles", {"metadata": {"name": name}, "rules": rules})
        self.call("POST", f"{path}/rolebindings", {
            "metadata": {"name": name}, "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        })  # fmt: skip
        review, known = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", f'"{rules[0]["resources"][0]}"'

        def granted() -> bool:  # the authorizer hears of a Role a moment later
            with suppress(urllib.error.HTTPError):  # nor may everybody ask at once, while the server is new
                return known in json.dumps(self.call("POST", review, {"spec": {"namespace": namespace}}, token))
            return False

        until(granted, f"the Role {name} has an effect")

    def argo(self, namespace: str, plural: str = "workflows", name: str = "") -> str:
        """The path of Argo's objects."""
        return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{plural}{f'/{name}' if name else ''}"


def _programs() -> tuple[str, str] | None:
    found = [
        os.environ.get(variable) or shutil.which(name)
        for variable, name in (("ARGOSY_KUBE_APISERVER", "kube-apiserver"), ("ARGOSY_ETCD", "etcd"))
    ]
    return (found[0], found[1]) if found[0] and found[1] else None


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubernetes]:
    """One server for all processes of a test run: the first that wants it starts it, the last one's end ends it."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(HOW)
        pytest.skip(HOW)
    if not CRDS.is_dir():
        pytest.skip("Argo's CRDs are not here (../shared/argo/crds)")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kubernetes"
    folder.mkdir(exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "in-use").open("a") as use:
            flock(use, LOCK_SH)
            with (folder / "starting").open("a") as starting:
                flock(starting, LOCK_EX)
                if not (folder / "server.json").exists():
                    try:
                        _start(programs, folder, running)
                    except BaseException:
                        for process in running:
                            process.kill()
                        raise
            started = json.loads((folder / "server.json").read_text(encoding="utf-8"))
            yield Kubernetes(started["url"], folder / "certificates" / "apiserver.crt", started["token"], folder)
    finally:
        for process in running:
            process.wait()


def _start(programs: tuple[str, str], folder: Path, running: list[subprocess.Popen[bytes]]) -> None:
    apiserver, etcd = programs
    client, peer, port = (_free_port() for _ in range(3))
    store = f"http://127.0.0.1:{client}"
    shutil.rmtree(folder / "etcd", ignore_errors=True)
    arguments = ["--data-dir", str(folder / "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store]
    arguments += ["--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync"]
    running.append(_process([etcd, *arguments], folder / "etcd.log"))
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    token, users = secrets.token_hex(16), folder / "users.csv"
    users.write_text(f"{token},admin,admin,system:masters\n", encoding="utf-8")
    users.chmod(0o600)
    certificates = folder / "certificates"
    server = [
        apiserver, "--etcd-servers", store, "--secure-port", str(port), "--bind-address", "127.0.0.1",
        "--advertise-address", "127.0.0.1", "--cert-dir", str(certificates), "--token-auth-file", str(users),
        "--authorization-mode", "RBAC", "--service-account-key-file", str(key), "--service-account-signing-key-file",
        str(key), "--service-account-issuer", "https://kubernetes.test", "--service-cluster-ip-range", "10.0.0.0/24",
        "--disable-admission-plugins", "ServiceAccount", "--request-timeout", f"{HANG}s",
    ]  # fmt: skip
    running.append(_process(server, folder / "apiserver.log"))
    found = Kubernetes(f"https://127.0.0.1:{port}", certificates / "apiserver.crt", token, folder)
    # Ends them once no process of the test run holds the lock, however it ended. Nothing of them is wanted then.
    last = f"rm -f '{folder}/server.json'; kill -9 {' '.join(str(process.pid) for process in running)}"
    running.append(_process(["flock", str(folder / "in-use"), "sh", "-c", last], folder / "end.log"))
    _wait(found, running)
    for file in sorted(CRDS.glob("*.yaml")):  # as they are: to read them here takes longer than all the rest
        _until(lambda file=file: _create(found, file))
    _until(lambda: found.call("GET", "/apis/argoproj.io/v1alpha1/namespaces/default/workflows"))
    value = json.dumps({"url": found.url, "token": token})
    (folder / "server.json").write_text(value, encoding="utf-8")
    (folder / "server.json").chmod(0o600)


def _create(server: Kubernetes, file: Path) -> None:
    """Make a definition; on a busy machine the answer may have been late, and it is there already."""
    try:
        server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", file.read_bytes())
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise


def _process(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=shared_environment()
        )


def _wait(server: Kubernetes, running: list[subprocess.Popen[bytes]]) -> None:
    def ready() -> Any:
        for process in running:
            if process.poll() is not None:
                tail = (server.folder / "apiserver.log").read_text(errors="replace")[-2000:]
                raise AssertionError(f"{process.args!r} ended: {tail}")
        return server.call("GET", "/api/v1/namespaces/default")

    _until(ready)


def _until(attempt: Any) -> None:
    def done() -> bool:
        with suppress(OSError):
            attempt()
            return True
        return False

    until(done, "the API server answers", pause=0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
