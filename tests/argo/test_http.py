"""How other machines are asked: by which proxy, what is tried again, and who notices when the proxy is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from argo.backends.argo_server.http import Client
from argo.backends.kubernetes.api import Cluster
from argo.errors import ArgosyError, RemoteError, UncertainError, UsageError
from argo.http import Asker, NoAnswerError, Proxy, pool, retry_after, trust
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.edc.deliver import _post
from argo.serve.workflow_api.edc.register import Management
from argo.serve.workflow_api.edc.targets import below
from argo.serve.workflow_api.identity import _read
from argo.storage import S3Store
from argo.storage.s3 import S3Config
from argo.target import ClusterAddress, ServerAddress
from compiler.manifest_types import Workflow
from tests.http_servers import answer, answering
from tests.proxies import HOST, of_server, proxying
from tests.proxies import authority as authority
from tests.waiting import without_waiting


class Server:
    """Answers with `left`, one after the other, then with 200; `seen` are the requests."""

    def __init__(self) -> None:
        self.url = ""
        self.left: list[tuple[int, dict[str, str]]] = []
        self.seen: list[str] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        known = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                known.seen.append(f"{self.command} {self.path}")
                status, headers = known.left.pop(0) if known.left else (200, {})
                answer(self, status, b"" if self.command == "HEAD" else b"{}", **headers)

            do_POST = do_PUT = do_HEAD = do_GET  # noqa: N815

        return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server()
    with answering(known.handler()) as known.url:
        yield known


@pytest.fixture
def secure(authority: Path) -> Iterator[Server]:
    known = Server()
    with answering(known.handler(), of_server(authority)) as known.url:
        yield known


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between attempts; nobody waits."""
    return without_waiting("argo.http", monkeypatch)


def kubeconfig(folder: Path, url: str, **more: Any) -> ClusterAddress:
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": url, **more}}],
    }))  # fmt: skip
    return ClusterAddress(None, path)


def store(url: str, authority: Path | None = None) -> S3Store:
    scheme, _, endpoint = url.partition("://")
    ca_file = authority / "ca.crt" if authority else None
    return S3Store(S3Config(endpoint, "bucket", scheme == "https", "us-east-1", ca_file))


def use(user: str, url: str, folder: Path, authority: Path | None = None) -> None:
    """One request of somebody who asks by HTTP."""
    ca_file = authority / "ca.crt" if authority else None
    if user == "server":
        Client(ServerAddress(url, ca_file=ca_file)).get("/x")
    elif user == "cluster":
        more = {"certificate-authority": str(ca_file)} if ca_file else {}
        Cluster(kubeconfig(folder, url, **more)).get("Workflow", "a")
    elif user == "store":
        store(url, authority).stat("k")
    elif user == "upload":
        store(url, authority).put_bytes("k", b"x")
    elif user == "callback":
        _post(f"{url}/x", {}, "key")
    elif user == "register":
        Management(url, "v4").register({})
    else:
        _read(f"{url}/keys", time.monotonic() + 60)


PLAIN = ["server", "cluster", "store", "upload", "callback", "register"]
USERS = [*PLAIN, "keys"]


@pytest.mark.parametrize("user", PLAIN)
def test_plain_http_goes_through_the_proxy(
    user: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    with proxying(server.url, monkeypatch, "planted user:planted%40secret") as way:
        way.opened = "planted user:planted@secret"
        monkeypatch.setenv("HTTP_PROXY", way.url.replace("//", "//planted%20user:planted%40secret@"))
        use(user, f"http://{HOST}:8000", tmp_path)
    assert way.asked
    assert all(f" http://{HOST}:8000/" in asked for asked in way.asked)
    assert len(server.seen) == len(way.asked)


@pytest.mark.parametrize("user", USERS)
def test_tls_goes_through_the_proxy(
    user: str, secure: Server, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.crt"))
    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    with proxying(secure.url, monkeypatch) as way:
        use(user, f"https://{HOST}:8443", tmp_path, authority if user in PLAIN[:4] else None)
    assert way.asked == [f"CONNECT {HOST}:8443"]
    assert len(secure.seen) == 1


@pytest.mark.parametrize("user", USERS)
def test_this_machine_is_asked_without_a_proxy(
    user: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(server.url, monkeypatch) as way:
        use(user, server.url, tmp_path)
    assert (way.asked, len(server.seen)) == ([], 1)


def test_a_cluster_has_a_proxy_of_its_own(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(server.url, monkeypatch) as way:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", HOST)
        Cluster(kubeconfig(tmp_path, f"http://{HOST}", **{"proxy-url": way.url})).get("Workflow", "a")
    assert len(way.asked) == 1


def test_a_callback_asks_for_what_is_allowed_and_for_nothing_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = f"http://{HOST}/callback"
    with proxying(server.url, monkeypatch) as way:
        for callback in (f"http://169.254.169.254/{HOST}", f"{allowed}/../admin", f"http://x@{HOST}/callback"):
            with pytest.raises(Refusal):
                _post(below(callback, ["p"], [allowed]), {}, "")
        server.left = [(307, {"Location": "http://169.254.169.254/"})]
        with pytest.raises(RemoteError, match="answered 307"):
            _post(below(allowed, ["p"], [allowed]), {}, "")
    assert way.asked == [f"POST {allowed}/p"]


def test_keys_do_not_come_over_plain_http_from_where_they_moved_to(server: Server) -> None:
    server.left = [(302, {"Location": "/moved"}), (302, {"Location": f"http://{HOST}/keys"})]
    with pytest.raises(ValueError, match="https"):
        _read(f"{server.url}/keys", time.monotonic() + 60)
    assert server.seen == ["GET /keys", "GET /moved"]


CASES = [
    ("http://host.example/", "", True),
    ("http://localhost:1/", "", False),
    ("http://127.9.9.9/", "", False),
    ("http://[::1]:80/", "", False),
    ("http://host.example/", "*", False),
    ("http://host.example/", "example", False),
    ("http://host.example/", "host.example", False),
    ("http://host.example/", "other, HOST.example", False),
    ("http://a.host.example/", "host.example", False),
    ("http://a.host.example/", ".host.example", False),
    ("http://host.example/", ".host.example", True),
    ("http://host.example/", "*.host.example", True),
    ("http://a.host.example/", "*.host.example", False),
    ("http://ahost.example/", "host.example", True),
    ("http://host.example:81/", "host.example:81", False),
    ("http://host.example:81/", "host.example:82", True),
    ("http://host.example/", "host.example:80", False),
    ("http://10.1.2.3/", "10.0.0.0/8", False),
    ("http://11.1.2.3/", "10.0.0.0/8", True),
    ("http://10.1.2.3/", "10.1.2.3", False),
    ("http://110.1.2.3/", "10.1.2.3", True),
    ("http://10.1.2.3:9000/", "10.1.2.3:9000", False),
    ("http://[fd00::1]/", "fd00::/8", False),
    ("http://[fd00::1]:8/", "[fd00::1]:8", False),
    ("http://[fd00::1]:8/", "fd00::1", False),
    ("http://host.example/", "10.0.0.0/99,/,:", True),
]


@pytest.mark.parametrize(("url", "spared", "proxied"), CASES)
def test_whom_no_proxy_spares(url: str, spared: str, proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("http://127.0.0.1:1", monkeypatch):
        monkeypatch.setenv("NO_PROXY", spared)
        assert (Proxy.of(url) is not None) is proxied


def test_names_of_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("http://127.0.0.1:1", monkeypatch):
        monkeypatch.setenv("https_proxy", "proxy.example:3128")
        assert Proxy.of("https://a.example") == Proxy("http://proxy.example:3128")
        assert Proxy.of("http://a.example") != Proxy("http://proxy.example:3128")
        monkeypatch.setenv("no_proxy", "a.example")
        assert Proxy.of("http://a.example") is None
        monkeypatch.setenv("HTTP_PROXY", "")
        assert Proxy.of("http://b.example") is None


@pytest.mark.parametrize(
    "url",
    ["ftp://planted-secret@p.example", "http://", "http://p.example:x", "socks5://u:planted-secret@p.example:1080"],
)
def test_what_is_no_proxy_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("http://127.0.0.1:1", monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", url)
        with pytest.raises(UsageError) as refused:
            pool("http://a.example")
        with pytest.raises(ArgosyError, match="cannot be used"):
            store("http://a.example").stat("k")
    assert "HTTP_PROXY" in refused.value.hint
    assert "planted-secret" not in "".join(refused.value.lines())


def test_a_proxy_that_refuses_is_named(authority: Path, secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    with proxying(secure.url, monkeypatch, "user:other") as way:
        monkeypatch.setenv("HTTPS_PROXY", way.url.replace("//", "//user:planted-secret@"))
        for user in ("store", "upload", "server"):
            with pytest.raises(ArgosyError) as refused:
                use(user, f"https://{HOST}", Path(), authority)
            assert "planted-secret" not in "".join(refused.value.lines())
            assert "407" in refused.value.message or user == "upload"
    assert not secure.seen


def test_what_never_reached_the_proxy_was_not_sent(waited: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("http://127.0.0.1:1", monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        with pytest.raises(RemoteError) as lost:
            Client(ServerAddress(f"http://{HOST}")).call("POST", "/x", body={}, once=True)
    assert not isinstance(lost.value, UncertainError)
    assert len(waited) == 5


WORKFLOW: Workflow = {"kind": "Workflow", "metadata": {"name": "a"}}
AGAIN = ["server", "cluster", "store", "upload", "register"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("user", AGAIN)
def test_what_passes_is_asked_again_by_all(
    user: str, status: int, server: Server, waited: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_urllib3 = without_waiting("urllib3.util.retry", monkeypatch)
    server.left = [(status, {"Retry_After": "7"})]
    use(user, server.url, tmp_path)
    assert len(server.seen) == 2
    assert waited + by_urllib3 == [7] or (user == "upload" and status not in (429, 503))


@pytest.mark.parametrize("user", USERS)
def test_what_does_not_pass_is_asked_once(user: str, server: Server, waited: list[float], tmp_path: Path) -> None:
    server.left = [(403, {})]
    with pytest.raises((ArgosyError, ValueError)):
        use(user, server.url, tmp_path)
    assert (len(server.seen), waited) == (1, [])


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
@pytest.mark.parametrize("user", ["server", "cluster"])
def test_what_may_have_been_carried_out_is_not_sent_again(
    user: str, status: int, server: Server, waited: list[float], tmp_path: Path
) -> None:
    server.left = [(429, {}), (status, {})]
    client, cluster = Client(ServerAddress(server.url)), Cluster(kubeconfig(tmp_path, server.url))
    with pytest.raises(UncertainError):
        client.call("POST", "/x", once=True) if user == "server" else cluster.create(WORKFLOW, once=True)
    assert (len(server.seen), len(waited)) == (2, 1)


def test_waiting_grows_and_ends(server: Server, waited: list[float]) -> None:
    server.left = [(503, {"Retry_After": "9999"} if index == 2 else {}) for index in range(9)]
    assert Asker(server.url).ask("GET", server.url).status == 503
    assert len(server.seen) == 6
    assert all(0.1 * 2**index <= waited[index] <= 0.2 * 2**index for index in (0, 1, 3, 4))
    assert waited[2] == 60


def test_retry_after() -> None:
    assert [retry_after({"retry-after": text}) for text in ("5", "", "x", "-3", formatdate(0))] == [5, 0, 0, 0, 0]
    assert 3000 < retry_after({"retry-after": formatdate(time.time() + 3600, usegmt=True)}) <= 3600


def test_an_answer_that_breaks_off_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(b"12345")

    monkeypatch.setattr("argo.http.ATTEMPTS", 1)
    with answering(Handler) as url, pytest.raises(NoAnswerError) as broken:
        Asker(url).ask("GET", url)
    assert broken.value.sent


def test_files_that_do_not_serve_for_tls(tmp_path: Path, authority: Path) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(UsageError, match="empty holds no certificate") as refused:
        trust(tmp_path / "empty", named="engine")
    assert refused.value.hint == "look at engine"
    with pytest.raises(UsageError, match=r"none.key does not exist"):
        trust(authority / "ca.crt", cert_file=authority / "client.crt", key_file=tmp_path / "none.key")
    with pytest.raises(UsageError, match=r"ca.crt holds no certificate"):
        trust(cert_file=authority / "ca.crt", key_file=authority / "client.key")
