"""What `argosy status` and `argosy watch` cost for a run with many nodes, here and through Argo's API.

    python bench/track.py [--nodes N] [--rounds N] [--json]

The run has ended; its nodes are made up, as wide as a controller leaves them. Each figure is of the whole process, from
its start to its end: the picture it prints is the first and only one. Medians over the rounds, memory at its peak.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processes import ROOT, environment, median, report, run

sys.path.insert(0, str(ROOT))


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians of a command about a run with so many nodes."""

    command: str
    where: str
    nodes: int
    seconds: float
    memory: float

    def __str__(self) -> str:
        return f"{self.command:7} {self.where:16} {self.seconds:5.2f} s {self.memory:4.0f} MiB"


def workflow(count: int) -> dict[str, Any]:
    """A DAG of `count` tasks that have succeeded."""
    times = {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}
    nodes: dict[str, Any] = {
        "big": {"id": "big", "name": "big", "displayName": "big", "type": "DAG", "phase": "Succeeded", **times}
    }
    for number in range(count):
        key = f"big-{1000000000 + number}"
        nodes[key] = {
            "id": key, "name": f"big.task-{number}", "displayName": f"task-{number}", "type": "Pod",
            "templateName": "task", "templateScope": "local/big", "phase": "Succeeded", "boundaryID": "big", **times,
            "progress": "1/1", "resourcesDuration": {"cpu": 9, "memory": 90}, "hostNodeName": "node-17",
            "inputs": {"parameters": [{"name": "n", "value": str(number)}]},
            "outputs": {"exitCode": "0", "artifacts": [
                {"name": "made", "path": "/out/made", "s3": {"key": f"runs/default/big/u/task-{number}/made"}},
            ]},
        }  # fmt: skip
    status = {"phase": "Succeeded", "progress": f"{count}/{count}", "nodes": nodes, **times}
    container = {"image": "busybox", "command": ["true"]}
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "big", "namespace": "default"},
        "spec": {"entrypoint": "task", "templates": [{"name": "task", "container": container}]}, "status": status,
    }  # fmt: skip


def record(home: Path, count: int) -> None:
    from argo.backend import Submission
    from argo.local.backend import LocalBackend
    from argo.local.home import Home

    made = workflow(count)
    status = made.pop("status")
    backend = LocalBackend(Home.open(home))
    ref = backend.record(Submission(made, [], "bench", "k"), executor="process").ref
    value = backend.get(ref)
    value["status"] = status
    backend.state.record(ref.uid, value, set(status["nodes"]))
    backend.close()


@contextmanager
def server(variables: dict[str, str]) -> Iterator[dict[str, str]]:
    """Argo's API over that home; yields the environment that reaches it."""
    command = [sys.executable, "-m", "argo.cli", "local", "up", "--port", "0", "-o", "json"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += process.stdout.readline()
        said = json.loads(text)
        token = Path(said["tokenFile"]).read_text().strip()
        try:
            reached = {"ARGO_SERVER": said["url"], "ARGO_TOKEN": f"Bearer {token}", "ARGO_NAMESPACE": "default"}
            yield {**variables, **reached}
        finally:
            process.terminate()


def measure(given: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    variables = environment(folder / "home")
    record(folder / "home", given.nodes)
    with server(variables) as remote:
        for where, reach in (("here", variables), ("through the API", remote)):
            for command in ("status", "watch"):
                asked = ("-m", "argo.cli", command, "big")
                cost = median([run(*asked, env=reach, cwd=folder) for _ in range(given.rounds + 1)][1:])
                yield Figure(command, where, given.nodes, cost.seconds, cost.memory)


if __name__ == "__main__":
    report(__doc__, measure, nodes=10_000, rounds=5)
