"""A web page, and whoever has no token, cannot make the small servers do anything."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import threading
from collections.abc import Iterator
from itertools import product

import httpx
import pytest
from starlette.requests import Request

from argo.serve import sockets
from argo.serve.guard import checked
from argo.serve.process import Server as Process
from argo.serve.task_runner import TaskRunner, application
from tests.argo.cli.conftest import Command
from tests.argo.cli.conftest import argosy as argosy
from tests.argo.serve.argo_api.serving import Server, serving
from tests.argo.serve.workflow_api.serving import Served, write_assets
from tests.attacks.test_service_load import peak, send_large

HARM = "from pathlib import Path\nPath('harm').write_text('done')\n"


def started(argosy: Command, name: str, *more: str) -> str:
    """The URL of a small server."""
    arguments = ("--tr-url", "http://127.0.0.1:9") if name == "atom" else ()
    process = argosy.start(name, "--port", "0", *arguments, *more)
    assert process.stderr is not None
    line = process.stderr.readline()
    return next(word.rstrip("/") for word in line.split() if word.startswith("http://"))


@pytest.mark.parametrize(("name", "path"), [("atom", "/"), ("task-runner", "/job")])
def test_a_token_is_asked_for_without_being_told_to(argosy: Command, name: str, path: str) -> None:
    url = started(argosy, name)
    (token,) = argosy.home.glob("*.token")
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    asked = {"imageUri": "x", "workflow-path": "none.yaml"}
    assert httpx.post(url + path, json=asked).status_code == 401
    given = {"Authorization": f"Bearer {token.read_text()}"}
    assert httpx.post(url + path, headers=given, json=asked, timeout=60).status_code in (200, 400)


PAGES = [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:8080"},
    {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example:8080"}, {"Host": "127.0.0.1.evil.example"},
    {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data; boundary=x"},
]  # fmt: skip


@pytest.mark.parametrize(("name", "path"), [("atom", "/"), ("task-runner", "/job")])
def test_a_page_is_refused_in_every_case(argosy: Command, name: str, path: str) -> None:
    url = started(argosy, name, "--without-token")
    body = json.dumps({"imageUri": "x", "workflow-path": "none.yaml"})
    headers = {"Content-Type": "application/json"}
    assert httpx.post(url + path, content=body, headers=headers, timeout=60).status_code in (200, 400)
    for page in PAGES:
        assert httpx.post(url + path, content=body, headers={**headers, **page}).status_code in (403, 415), page
        asked = httpx.options(url + path, headers={**page, "Access-Control-Request-Method": "POST"})
        assert asked.status_code >= 400, page


def test_python_is_not_run_by_request(argosy: Command) -> None:
    (argosy.cwd / "flow.py").write_text(HARM)
    (argosy.cwd / "flow.yaml").symlink_to("flow.py")
    (argosy.cwd / "folder").mkdir()
    (argosy.cwd / "folder" / "flow.py").write_text(HARM)
    url = started(argosy, "atom", "--without-token")
    for path in ("flow.py", "./flow.py", "flow.yaml", "folder", "folder/flow.py", "."):
        answer = httpx.post(url, json={"workflow-path": path}, timeout=60)
        assert answer.status_code == 400, (path, answer.text)
    assert not (argosy.cwd / "harm").exists()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("api") / "home") as found:
        yield found


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ({"Origin": "https://evil.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403), ({"Content-Type": "text/plain"}, 415), ({"Authorization": "Bearer x"}, 401),
        ({"Origin": "http://localhost:3000"}, 200), ({}, 200),
    ],
)  # fmt: skip
def test_the_api_of_this_machine_has_the_same_guard(api: Server, page: dict[str, str], status: int) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json", **page}
    assert httpx.get(f"{api.url}/api/v1/workflows/one", headers=headers).status_code == status


@pytest.mark.parametrize(("name", "path"), [("atom", "/"), ("task-runner", "/job")])
def test_a_large_body_without_a_token_is_not_read(argosy: Command, name: str, path: str) -> None:
    url = started(argosy, name)
    refuses_a_large_body(url, path, argosy.started[-1])


def test_nor_does_the_api_of_this_machine_read_it(api: Server) -> None:
    for path in ("/api/v1/workflows/one", "/nothing"):
        refuses_a_large_body(api.url, path, api.process)


def refuses_a_large_body(url: str, path: str, process: subprocess.Popen[str]) -> None:
    before = peak(process)
    send_large(int(url.rpartition(":")[2]), path)
    assert httpx.get(url + path, timeout=60).status_code == 401, "it still answers"
    assert peak(process) - before < 64 << 20


NAMED = {"name": "x", "annotations": {"a": "NOTE"}}
SPEC = {
    "entrypoint": "m", "arguments": {"parameters": [{"name": "p", "value": "VALUE"}]},
    "templates": [{"name": "m", "container": {"image": "busybox", "command": ["true"]}}],
}  # fmt: skip
NO_TEXT = ("/x%00", "/x%ff", "/x?y=%00", "/x?y=%ed%a0%80")


def test_what_is_no_text_is_the_callers_fault(argosy: Command, api: Server) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/json"}
    with httpx.Client(timeout=60) as client:
        for url in (started(argosy, "atom", "--without-token"), api.url):
            for path in NO_TEXT:
                assert client.get(url + path, headers=headers).status_code == 400, (url, path)
        for text, place in product(("text", "\\ud800"), ("VALUE", "NOTE")):
            made = json.dumps({"serverDryRun": True, "workflow": {"metadata": NAMED, "spec": SPEC}})
            body = made.replace(place, text)
            answer = client.post(f"{api.url}/api/v1/workflows/one", content=body, headers=headers)
            assert (answer.status_code == 200) == (text == "text"), (body, answer.text)
            assert answer.status_code < 500, (body, answer.text)
        assert client.get(f"{api.url}/api/v1/workflows/one", headers=headers).status_code == 200


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("pages")
    write_assets(folder / "assets")
    service = Served(folder, arguments=("assets",)).start()
    yield service
    service.close()


def test_a_page_neither_does_nor_reads_anything_at_the_service(served: Served) -> None:
    """It has no token, and the service knows nobody by anything that a browser adds by itself."""
    token = {"access-token": served.consumer("a")}
    run, body = "/v1/runs", json.dumps({"asset": "echo"})
    changing = [
        ("POST", run), ("POST", "/services/echo/workflow/execute"), ("PUT", "/services/input-dummy/input/env"),
        ("PUT", "/v1/assets/input-dummy/inputs/env"), ("DELETE", f"{run}/x"), ("POST", f"{run}/x/stop"),
        ("POST", "/edc/-/c1"), ("POST", "/edc/x/c3/start"),
    ]  # fmt: skip
    free = ("/health", "/health/ready", "/metrics", "/docs", "/openapi.json")
    answers = []
    with httpx.Client(base_url=served.url, timeout=60) as browser:
        for page in PAGES:
            headers = {"Content-Type": "application/json", "Cookie": "access-token=x", **page}
            for method, path in changing:
                answer = browser.request(method, path, content=body, headers=headers)
                assert answer.status_code in (401, 403), (page, method, path)
                asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "access-token"}
                preflight = browser.options(path, headers={**page, **asked})
                assert preflight.status_code >= 400, (page, path)
                answers += [answer, preflight]
            answers += [browser.get(path, headers=page) for path in free]
            answers.append(browser.get(run, headers={**token, **page}))
            assert answers[-1].json() == {"runs": []}
    told = {name.lower() for answer in answers for name in answer.headers}
    assert not [name for name in told if name.startswith("access-control-") or name == "set-cookie"]


def test_small_answers_go_out_at_once() -> None:
    with sockets.listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_connection_does_not_wait_to_fill_its_packets() -> None:
    seen: list[int] = []

    def look(request: Request) -> None:
        transport = request.state.transport
        seen.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    with sockets.listen("127.0.0.1", 0) as listener:
        server = Process(application(TaskRunner(), checked(look)))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            httpx.get(sockets.address(listener, "127.0.0.1") + "/jobs")
        finally:
            server.should_exit = True
            thread.join()
    assert seen == [1]
