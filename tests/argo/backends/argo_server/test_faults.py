"""Submit and watch through a proxy that breaks calls and streams, to Argo's API of this machine: one run, its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef, Submission
from argo.backends.argo_server.backend import ServerBackend
from argo.errors import RemoteError
from argo.target import ServerAddress, Target
from compiler.labels import KEY
from tests.argo.serve.argo_api.serving import Server, serving
from tests.faults import FAULTS, Faults, proxy
from tests.kills import KILLS

SEEDS = range(2 * KILLS)
STALL = 1.2  # seconds, longer than the client waits here
STREAM_FAULTS = {"cut", "half-event", "stall", "again", "gone", "ended"}
DATA = {"text": "{{x}} of the ConfigMap"}


def submission(name: str, key: str, code: int) -> Submission:
    spec = {
        "entrypoint": "main",
        "templates": [
            {"name": "main", "steps": [[{"name": "wait", "template": "wait"}], [{"name": "say", "template": "say"}]]},
            {"name": "wait", "suspend": {"duration": "0"}},
            {"name": "say", "container": {
                "image": "busybox", "command": ["sh", "-c"],
                "args": [f'test "$text" = "{DATA["text"]}" && exit {code}'],
                "envFrom": [{"configMapRef": {"name": f"{name}-env"}}],
            }},
        ],
    }  # fmt: skip
    workflow: Any = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": name, "namespace": "team"}, "spec": spec,
    }  # fmt: skip
    config_map: Any = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-env"}, "data": dict(DATA)}
    return Submission(workflow, [config_map], "test", key)


@pytest.mark.slow
def test_a_run_is_submitted_once_and_followed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.http.READ", STALL / 2)
    met: set[str] = set()
    with serving(tmp_path / "home") as server, proxy(server.url, None, STALL) as (url, faults):
        for seed in SEEDS:
            trial(server, url, faults, seed)
        met = {kind for kind, count in faults.met.items() if count}
    assert met == {*FAULTS, *STREAM_FAULTS}


def trial(server: Server, url: str, faults: Faults, seed: int) -> None:
    name, code = f"run-{seed}", seed % 2
    address = ServerAddress(url, lambda: f"Bearer {server.token}")
    backend = ServerBackend(Target(namespace="team", server=address), 0.02)
    try:
        faults.begin(seed, share=0.4, most=12)
        ref = sent(backend, name, f"key-{seed}", code)
        phase = ""
        for snapshot in backend.watch(ref):
            phase = (snapshot.workflow.get("status") or {}).get("phase") or ""
        (made,) = items(server, f"{KEY}=key-{seed}")
        assert (made["metadata"]["name"], made["metadata"]["uid"]) == (name, ref.uid), seed
        assert phase == ("Failed" if code else "Succeeded"), seed
        whole = server("GET", f"/api/v1/workflows/team/{name}").json()
        pods = [n for n in whole["status"]["nodes"].values() if n["displayName"] == "say"]
        assert [pod["outputs"]["exitCode"] for pod in pods] == [str(code)], "it read its own ConfigMap"
    finally:
        backend.close()


def sent(backend: ServerBackend, name: str, key: str, code: int) -> RunRef:
    """As somebody does it who repeats the command with the same key until it says that the run is there."""
    for _ in range(10):
        try:
            return backend.submit(submission(name, key, code)).ref
        except RemoteError:
            continue
    raise AssertionError("never submitted")


def items(server: Server, selector: str) -> Any:
    return server("GET", "/api/v1/workflows/team", {"listOptions.labelSelector": selector}).json()["items"]
