"""What `argosy status` and `argosy watch` cost for a run with many nodes, here and through Argo's API.

    python bench/track.py [--nodes N] [--rounds N] [--json]

The run has ended; its nodes are made up, as wide as a controller leaves them. Each figure is of the whole process, from
its start to its end: the picture it prints is the first and only one. Medians over the rounds; memory is the peak.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


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
def server(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Argo's API over that home; yields the environment that reaches it."""
    command = [sys.executable, "-m", "argo.cli", "local", "up", "--port", "0", "-o", "json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += process.stdout.readline()
        said = json.loads(text)
        token = Path(said["tokenFile"]).read_text().strip()
        try:
            yield {
                **environment,
                "ARGO_SERVER": said["url"],
                "ARGO_TOKEN": f"Bearer {token}",
                "ARGO_NAMESPACE": "default",
            }
        finally:
            process.terminate()


def run(command: str, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock, and MiB."""
    started = time.perf_counter()
    arguments = [sys.executable, "-m", "argo.cli", command, "big"]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"argosy {command} ended with {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"ARGOSY_HOME": str(home), "PYTHONPATH": str(ROOT)}
        record(home, given.nodes)
        with server(environment) as remote:
            for where, reach in (("here", environment), ("through the API", remote)):
                for command in ("status", "watch"):
                    costs = [run(command, reach) for _ in range(given.rounds + 1)][1:]
                    seconds, memory = statistics.median(c[0] for c in costs), max(c[1] for c in costs)
                    row = {"command": command, "where": where, "nodes": given.nodes, "seconds": seconds, "MiB": memory}
                    found.append(row)
                    if not given.json:
                        print(f"{command:7} {where:16} {seconds:5.2f} s {memory:4.0f} MiB", flush=True)
    if given.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
