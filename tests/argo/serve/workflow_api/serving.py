"""The service as a process of its own, with a home, a store and assets; and clients of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import HANG, until

ROOT = Path(__file__).resolve().parents[4]
OLD = "old-clients-have-this-token"
ENTRYPOINT = """\
set -e
echo "working for $WHO"
cat "$DATA/part.txt" >> /output/result
printf "$WHO" >> /output/result
mkdir /output/all && cp /output/result /output/all/copy
test -z "$FAIL" || { echo "failing as told" >&2; exit 3; }
test -z "$SLEEP" || sleep "$SLEEP"
"""
ASSET = {
    "service_id": "input-dummy",
    "inputs": [
        {"resource_name": "env", "type": 1, "description": "variables"},
        {"resource_name": "input.zip", "type": 3, "mount_path": "/data/", "description": "data"},
        {"resource_name": "entrypoint.sh", "type": 2, "mount_path": "/app/", "description": "what is run"},
    ],
    "outputs": [
        {"resource_name": "result", "type": 2, "description": "the result"},
        {"resource_name": "all.zip", "type": 3, "description": "everything"},
    ],
    "workflow_resource": {
        "worker_image": "python:3.11-slim",
        "worker_image_output_directory": "/output/",
        "worker_image_command": ["/bin/sh"],
        "worker_image_args": ["entrypoint.sh"],
        "gpu": False,
    },
}
ECHO = """\
kind: ComputeAsset
name: echo
version: {version}
image: python:3.11-slim
command: [sh, -c]
args:
  - printf %s "$1" > ${{{{ outputs.said.path }}}}; printf %s "$2" > ${{{{ outputs.count.path }}}}
  - sh
  - "${{{{ params.text }}}}"
  - "${{{{ params.count }}}}"
parameters:
  text: {{type: string, default: hello}}
  count: {{type: int, default: 1, minimum: 0, maximum: 9}}
outputs:
  said: {{kind: file, path: /out/said, mediaType: text/plain}}
  count: {{kind: value, path: /out/count, type: int}}
"""
CFG = """\
[workflow_api]
workflow_api_user = demo
workflow_api_access_token = {token}
workflow_backend = kubernetes
[minio]
endpoint = {endpoint}
access_key = {access}
secret_key = {secret}
secure = false
"""


def write_assets(folder: Path) -> Path:
    """The assets that tests use."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "input-dummy.json").write_text(json.dumps(ASSET))
    (folder / "echo.yaml").write_text(ECHO.format(version="1.0.0"))
    (folder / "echo-2.yaml").write_text(ECHO.format(version="2.1.0"))
    (folder / "expired.yaml").write_text(
        ECHO.format(version="1.0.0").replace("name: echo", "name: expired") + "valid: {until: 2020-01-31}\n"
    )
    return folder


@dataclass
class Served:
    """A service that is running, or was killed."""

    folder: Path
    database: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[str] | None = None
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ARGOSY_HOME": str(self.folder / "home"),
            "ARGOSY_DATABASE": self.database or f"sqlite:///{self.folder / 'service.db'}",
            "ARGOSY_EXECUTOR": "process",
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            **self.variables,
        }

    def command(self, *arguments: str) -> str:
        """What an `argosy` command prints."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "argo.cli", *arguments], cwd=self.folder, env=self.environment, text=True,
            capture_output=True, timeout=HANG,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def consumer(self, name: str, *more: str) -> str:
        """A new consumer's token."""
        return self.command("consumers", "add", name, *more).strip()

    def start(self) -> Served:
        """Serve; at the same port as before."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "argo.cli",
            "serve",
            "--port",
            str(self.port),
            "-o",
            "json",
            *self.arguments,
        ]
        log = (self.folder / "serve.log").open("a")
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=log
        )
        log.close()
        assert self.process.stdout is not None
        text = ""
        while "}" not in text:
            line = self.process.stdout.readline()
            assert line, self.log
            text += line
        self.port = int(json.loads(text)["url"].rpartition(":")[2])
        self.until(self._ready, "the service is ready")
        return self

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def kill(self) -> None:
        """As a crash."""
        assert self.process is not None
        self.process.kill()
        self._wait()

    def end(self) -> int:
        """Ask it to end; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self._wait()

    def close(self) -> None:
        """The end of the test."""
        for client in self.clients:
            client.close()
        self.end()

    def _wait(self) -> int:
        assert self.process is not None
        self.process.communicate(timeout=HANG)
        return self.process.returncode

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """What `true` gives when it is something; what the service said, if it never is."""
        try:
            return until(true, what)
        except AssertionError as error:
            lines = [line for line in self.log.splitlines() if '"message": "request"' not in line]
            raise AssertionError("\n".join((str(error), *lines[-30:]))) from None

    def client(self, token: str) -> httpx.Client:
        """Calls with a token, as gx4ki's clients do."""
        made = httpx.Client(base_url=self.url, headers={"access-token": token}, timeout=HANG)
        self.clients.append(made)
        return made

    def ended(self, client: httpx.Client, run: str) -> dict[str, Any]:
        """A run when it has ended."""

        def look() -> Any:
            about = client.get(f"/v1/runs/{run}").json()
            return about if about.get("state") in ("succeeded", "failed", "canceled") else None

        found: dict[str, Any] = self.until(look, f"run {run} ends")
        return found
