"""The server is killed again and again: every workflow ends as it should, once, and who watches finds its end."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from argo.backends.argo_server.backend import ServerBackend
from argo.errors import ArgosyError
from argo.target import ServerAddress, Target
from tests.argo.serve.argo_api.serving import Server, start, stop
from tests.kills import KILLS
from tests.waiting import HANG

ROUND = 10  # kills that one set of workflows sees
WORKFLOWS = 8
WATCHERS = 2


def workflow(name: str) -> dict[str, Any]:
    """A chain of four tasks, each of which says one line."""
    tasks = [{"name": f"t{n}", "template": f"t{n}", **({"depends": f"t{n - 1}"} if n else {})} for n in range(4)]
    args = ["sleep 0.3; echo said by $$"]
    container = {"image": "busybox", "command": ["sh", "-c"], "args": args}
    templates = [{"name": f"t{n}", "container": container} for n in range(4)]
    spec = {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates]}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "namespace": "team"}, "spec": spec,
    }  # fmt: skip


class Watcher(threading.Thread):
    """Follows a run to its end, whatever the server does."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(daemon=True)
        self.name_, self.phase = name, ""
        address = ServerAddress(server.url, lambda: f"Bearer {server.token}")
        self.backend = ServerBackend(Target(namespace="team", server=address), 0.2)

    def run(self) -> None:
        while True:
            try:
                ref = self.backend.find(self.name_)
                for snapshot in self.backend.watch(ref):
                    self.phase = (snapshot.workflow.get("status") or {}).get("phase") or ""
            except ArgosyError:
                time.sleep(0.2)
                continue
            self.backend.close()
            return


def lines(server: Server, name: str) -> list[str]:
    """What its tasks wrote."""
    text = server("GET", f"/api/v1/workflows/team/{name}/log", {"logOptions.container": "main"}).body.decode()
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event["result"]["content"] for event in found]


@pytest.mark.slow
def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    chance = random.Random(11)
    server = start(tmp_path / "home")
    port = int(server.url.rpartition(":")[2])
    try:
        for round_ in range(KILLS // ROUND):
            names = [f"w{round_}-{number}" for number in range(WORKFLOWS)]
            for name in names:
                made = server("POST", "/api/v1/workflows/team", None, {"workflow": workflow(name)})
                assert made.status == 200, made.body
            watchers = [Watcher(server, name) for name in names for _ in range(WATCHERS)]
            for watcher in watchers:
                watcher.start()
            for _ in range(ROUND):
                time.sleep(chance.uniform(0.0, 0.4))
                server.process.send_signal(signal.SIGKILL)
                stop(server)
                server = start(tmp_path / "home", port)
            for name in names:
                ended = server.wait("team", name, "Succeeded", "Failed", "Error")
                assert ended["status"]["phase"] == "Succeeded", json.dumps(ended["status"])[:2000]
                assert len(lines(server, name)) == 4, "each task ran once"
            for watcher in watchers:
                watcher.join(HANG)
                assert (watcher.is_alive(), watcher.phase) == (False, "Succeeded")
    finally:
        stop(server)
