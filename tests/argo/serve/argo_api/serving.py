"""`argosy local up` as a process, and what tests ask of it over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argo.errors import ConflictError
from argo.local.backend import LocalBackend
from argo.local.home import Home
from tests.waiting import HANG, until

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Answer:
    """An answer, its body whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    home: Path
    process: subprocess.Popen[str] = field(repr=False)
    token: str = field(repr=False)

    def open(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:  # fmt: skip
        """The answer as it comes; raises urllib's HTTPError."""
        url = self.url + path + (f"?{urlencode(query)}" if query else "")
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.token if token is None else token}", **(headers or {})}
        if data is not None:
            given["Content-Type"] = "application/json"
        return urllib.request.urlopen(urllib.request.Request(url, data, given, method=method), timeout=HANG)

    def __call__(
        self, method: str, path: str, query: dict[str, str] | None = None, body: Any = None, **more: Any
    ) -> Answer:
        try:
            with self.open(method, path, query, body, **more) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def wait(self, namespace: str, name: str, *phases: str) -> Any:
        """The workflow when it has one of these phases."""

        def there() -> Any:
            workflow = self("GET", f"/api/v1/workflows/{namespace}/{name}").json()
            return workflow if (workflow.get("status") or {}).get("phase") in phases else None

        return until(there, f"{name} comes to {phases}")


def start(home: Path, port: int = 0, cwd: Path | None = None) -> Server:
    """Start one; it is up when this returns."""
    environment = {**os.environ, "ARGOSY_HOME": str(home), "ARGOSY_EXECUTOR": "process", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "argo.cli", "local", "up", "--port", str(port), "-o", "json"],
        env=environment, stdout=subprocess.PIPE, text=True, cwd=cwd or home.parent,
    )  # fmt: skip
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            break
    said = json.loads(text)
    return Server(said["url"], home, process, Path(said["tokenFile"]).read_text().strip())


def stop(server: Server) -> None:
    """End it, by its id."""
    server.process.terminate()
    try:
        server.process.wait(HANG)
    finally:
        server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


@contextmanager
def serving(home: Path, cwd: Path | None = None) -> Iterator[Server]:
    """A server for a block; its runs, each a process of its own, end with it."""
    server = start(home, cwd=cwd)
    try:
        yield server
    finally:
        stop(server)
        _end_runs(home)


def _end_runs(home: Path) -> None:
    backend = LocalBackend(Home.open(home))
    for line in backend.list():
        if line.active:
            with suppress(ConflictError):  # it has just ended by itself
                backend.terminate(line.ref)
    until(lambda: not any(line.active for line in backend.list()), "the runs end")
    backend.close()
