from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from argo.local import resources
from argo.local.executors.local import IsolationName, LocalPods
from argo.local.executors.outputs import printed
from argo.local.executors.supervisors import Supervisors
from argo.local.pods import PodOutcome, PodRequest
from argo.storage import DirectoryStore
from tests.fixtures_minio import minio as minio
from tests.waiting import HANG, until

Json = Any  # a template or object, as a test writes it


class RunObjects:
    """What a test puts in it."""

    def __init__(self) -> None:
        self.config_maps: dict[str, Json] = {}
        self.secrets: dict[str, dict[str, bytes]] = {}

    def config_map(self, name: str) -> Json | None:
        return self.config_maps.get(name)

    def workflow_template(self, name: str) -> Json | None:
        return None

    def cluster_workflow_template(self, name: str) -> Json | None:
        return None

    def secret(self, name: str, key: str) -> bytes | None:
        return self.secrets.get(name, {}).get(key)

    def secret_keys(self, name: str) -> list[str] | None:
        return sorted(self.secrets[name]) if name in self.secrets else None

    def create_config_map(self, config_map: Json) -> None:
        self.config_maps[config_map["metadata"]["name"]] = config_map


# Of each test process its own, whatever else runs tests on the machine: what a lost supervisor leaves is found, and
# killed, by the run's uid and the node's id.
UID = f"uid-{uuid.uuid4().hex}"


def request(template: Json, node_id: str = "n1", **fields: Any) -> PodRequest:
    return PodRequest(node_id, f"wf.{node_id}", f"wf-{node_id}", "argo", "wf", UID, template, **fields)


def shell(source: str, **template: Any) -> Json:
    """A template that runs a shell script as a container."""
    container = {"image": "any", "command": ["sh", "-ec"], "args": [source], **template.pop("container", {})}
    return {"name": "t", "container": container, **template}


def room(devices: Mapping[str, tuple[str, ...]] | None = None, **amounts: int) -> resources.Machine:
    """A machine of so many processors, bytes of memory and pods."""
    given = {"cpu": 4, "memory": 1 << 30, "pods": 110, **amounts}
    return resources.Machine({name: Decimal(amount) for name, amount in given.items()}, devices or {})


def until_done(pods: LocalPods, count: int = 1) -> dict[str, PodOutcome]:
    """Poll until `count` pods are finished."""
    done: dict[str, PodOutcome] = {}
    end = time.monotonic() + HANG
    while len(done) < count:
        assert time.monotonic() < end, f"finished: {sorted(done)}"
        found = pods.poll(1).items()
        done |= {node_id: outcome for node_id, outcome in found if outcome.phase not in ("Pending", "Running")}
    return done


def until_running(pods: LocalPods, file: Path | None = None) -> None:
    """Poll until a pod runs, and has made `file`."""
    until(lambda: any(outcome.phase == "Running" for outcome in pods.poll(1).values()), "a pod runs")
    until(lambda: file is None or file.exists(), f"{file} is there")


class Machine:
    """Pods of one directory, closed and opened again as a restarted engine would."""

    def __init__(self, path: Path, isolation: IsolationName) -> None:
        self.path = path
        self.isolation = isolation
        self.objects = RunObjects()
        self.store = DirectoryStore(path / "store")
        self.environment: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        self._open: list[LocalPods] = []

    def pods(self, **fields: Any) -> LocalPods:
        given = {"claims": self.path / "claims", "isolation": self.isolation, "environment": self.environment}
        pods = LocalPods(self.path / "pods", fields.pop("store", self.store), self.objects, **{**given, **fields})
        self._open.append(pods)
        return pods

    def run(self, template: Json, node_id: str = "n1", **fields: Any) -> PodOutcome:
        pods = self.pods()
        pods.create(request(template, node_id, **fields))
        return until_done(pods)[node_id]

    def log(self, node_id: str = "n1", container: str = "main") -> str:
        return b"".join(printed(self.path / "pods" / node_id / f"{container}.log")).decode()

    def stored(self, key: str) -> bytes:
        with self.store.open(key) as file:
            return file.read()

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


@pytest.fixture(scope="session")
def namespaces() -> bool:
    supervisors = Supervisors()
    try:
        return supervisors.namespaces()
    finally:
        supervisors.close()


@pytest.fixture(params=["namespaces", "remap"])
def machine(request: pytest.FixtureRequest, tmp_path: Path, namespaces: bool) -> Iterator[Machine]:
    if request.param == "namespaces" and not namespaces:
        pytest.skip("this system gives no process a view of its own")
    opened = Machine(tmp_path, request.param)
    yield opened
    opened.close()


@pytest.fixture
def isolated(tmp_path: Path, namespaces: bool) -> Iterator[Machine]:
    if not namespaces:
        pytest.skip("this system gives no process a view of its own")
    opened = Machine(tmp_path, "namespaces")
    yield opened
    opened.close()
