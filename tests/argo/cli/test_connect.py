"""Interactive tasks from the command line: their URL, their token, their end."""

from __future__ import annotations

import re
import shutil
import socket
import urllib.error
import urllib.request
from contextlib import closing

import pytest
import yaml

from argo import shipped
from tests.argo.cli.conftest import Command
from tests.waiting import HANG

DESK = """\
kind: ComputeAsset
name: desk
mode: interactive
image: python:3.13-slim
command: [python3, -c]
args:
  - |
    import http.server, os, pathlib
    notes = pathlib.Path("${{ outputs.notes.path }}")
    class Desk(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass
        def do_GET(self):
            known = self.path == "/lab?t=" + os.environ["DESK_TOKEN"]
            if known:
                notes.write_text("used")
            self.send_response(200 if known else 403)
            self.end_headers()
            self.wfile.write(b"welcome" if known else b"no")
    http.server.HTTPServer(("127.0.0.1", PORT), Desk).serve_forever()
ports: {web: {port: PORT, path: /lab}}
token: {env: DESK_TOKEN, query: t}
lifetime: 10m
idle: 8s
outputs: {notes: {kind: file, path: /work/notes.txt}}
"""


@pytest.fixture
def desk(argosy: Command) -> Command:
    """A folder with an interactive asset that listens on a free port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    argosy.write(desk=DESK.replace("PORT", str(port)))
    return argosy


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=HANG) as answer:
        return bytes(answer.read())


def test_a_session_is_used_and_ends_when_nobody_uses_it(desk: Command) -> None:
    run = desk.start("run", "desk.yaml", "--name", "mine")
    desk.until(lambda: desk.phase("mine", "desk") == "Running")
    url = desk("connect", "mine").stdout.strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/lab\?t=[0-9a-f]{48}", url)
    assert read(url) == b"welcome"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        read(url.partition("?")[0])
    told = desk.json("connect", "mine", "--task", "desk")
    token = url.partition("=")[2]
    assert (told["task"], told["ports"]["web"]["url"], told["token"]) == ("desk", url, token)
    out, err = run.communicate(timeout=HANG)
    assert run.returncode == 0, err
    assert "argosy connect mine" in err
    assert "mine Succeeded" in out
    (entry,) = desk.json("fetch", "mine", "-d", "out")
    assert (desk.cwd / entry["path"]).read_text() == "used"
    logs, workflow = desk("logs", "mine").stdout, desk("get", "mine").stdout
    assert "nobody has used it for 8 s" in logs
    assert token not in logs + workflow + out + err
    assert "mine has ended" in desk("connect", "mine", code=2).stderr


def test_each_run_has_a_token_of_its_own_and_a_submission_one(desk: Command) -> None:
    definition = desk.cwd / "desk.yaml"
    definition.write_text(definition.read_text().replace("idle: 8s", "idle: 10m"))
    tokens = []
    for name in ("one", "two"):
        for _ in range(2):
            desk("submit", "desk.yaml", "--profile", "local", "--name", name, f"--once=key-{name}")
            desk.until(lambda name=name: desk.phase(name, "desk") == "Running")  # type: ignore[misc]
        tokens.append(desk.json("connect", name)["token"])
        desk("stop", name)  # the next one listens on the same port
        desk.until(lambda name=name: desk.phase(name, "desk") == "Failed")  # type: ignore[misc]
    secrets = {path.read_text() for path in desk.home.glob("runs/*/secrets/*-session/token")}
    assert secrets == set(tokens)
    assert len(secrets) == 2


def test_a_dry_run_tells_of_the_secret_not_the_token(desk: Command) -> None:
    out = desk("submit", "desk.yaml", "--profile", "local", "--name", "mine", "--dry-run").stdout
    secret = next(value for value in yaml.safe_load_all(out) if value["kind"] == "Secret")
    assert (secret["metadata"]["name"], secret["data"]) == ("mine-session", {"token": ""})


def test_what_cannot_be_connected_to(desk: Command) -> None:
    desk.write(plain="kind: Dag\nname: plain\ntasks:\n  a: {image: 'busybox:1', command: ['true']}\n")
    desk("run", "plain.yaml", "--name", "plain")
    assert "plain has no interactive task" in desk("connect", "plain", code=2).stderr
    assert "no run named nowhere" in desk("connect", "nowhere", code=2).stderr


def test_a_session_ends_with_its_program_and_fails_with_it(argosy: Command) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (argosy.cwd / "assets").mkdir()
    text = f"""\
kind: ComputeAsset
name: brief
mode: interactive
image: python:3.13-slim
command: [python3, -c]
args:
  - |
    import os, pathlib, socket, sys, time
    assert not os.path.exists("${{{{ inputs.data.path }}}}")
    pathlib.Path("${{{{ outputs.notes.path }}}}").write_text("kept")
    server = socket.create_server(("127.0.0.1", {port}))
    time.sleep(3)
    sys.exit(${{{{ params.code }}}})
parameters: {{code: {{type: int, default: 0}}}}
ports: {{web: {{port: {port}}}}}
inputs: {{data: {{kind: directory, path: /in/data, optional: true}}}}
outputs: {{notes: {{kind: file, path: /work/notes.txt}}}}
"""
    (argosy.cwd / "assets" / "brief.yaml").write_text(text)
    for code in (0, 3):
        run = argosy.json("run", "brief", "-p", f"code={code}", "--name", f"run-{code}", code=1 if code else 0)
        assert run["phase"] == ("Failed" if code else "Succeeded"), argosy("logs", f"run-{code}").stdout
        (entry,) = argosy.json("fetch", f"run-{code}", "-d", f"out-{code}")
        assert (argosy.cwd / entry["path"]).read_text() == "kept"


@pytest.mark.parametrize("command", ["[argosy-no-such-program]", "[sh, -c, 'exec argosy-no-such-program']", "['true']"])
def test_a_session_whose_program_is_missing_fails_at_once_and_says_so(argosy: Command, command: str) -> None:
    (argosy.cwd / "assets").mkdir()
    text = f"""\
kind: ComputeAsset
name: lost
mode: interactive
image: python:3.13-slim
command: {command}
ports: {{web: {{port: 1}}}}
"""
    (argosy.cwd / "assets" / "lost.yaml").write_text(text)
    run = argosy.json("run", "lost", "--name", "lost", code=1)
    assert run["phase"] == "Failed"
    assert "before it took connections" in argosy("logs", "lost").stdout


@pytest.mark.skipif(shutil.which("jupyter") is not None, reason="Jupyter is installed here")
def test_the_jupyter_that_ships_fails_where_it_is_not_installed_and_says_so(argosy: Command) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    (argosy.cwd / "assets").mkdir()
    text = (shipped.folder("assets") / "jupyter.yaml").read_text()
    (argosy.cwd / "assets" / "jupyter.yaml").write_text(text.replace("8888", str(port)))
    done = argosy("run", "jupyter", "--name", "lab", code=1)
    said = done.stdout + done.stderr
    assert "jupyter: not found" in said
    assert "exit code 127" in said
    assert "before it took connections" in argosy("logs", "lab").stdout
