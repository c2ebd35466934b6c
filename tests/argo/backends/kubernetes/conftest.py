"""A namespace of a real API server, and the backend over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from argo.backends.kubernetes.backend import ClusterBackend
from argo.errors import RemoteError
from argo.target import ClusterAddress, Target
from tests.fixtures_kubernetes import Kubernetes
from tests.fixtures_kubernetes import kubernetes as kubernetes


@dataclass
class Place:
    """A namespace, and what stands in for Argo's controller: the test."""

    server: Kubernetes
    namespace: str
    kubeconfig: Path
    made: list[ClusterBackend] = field(default_factory=list)

    def backend(self, kubeconfig: Path | None = None, patience: float = 0.05) -> ClusterBackend:
        target = Target(namespace=self.namespace, cluster=ClusterAddress(None, kubeconfig or self.kubeconfig))
        backend = ClusterBackend(target, patience)
        self.made.append(backend)
        return backend

    def workflow(self, name: str) -> Any:
        return self.server.call("GET", self.server.argo(self.namespace, name=name))

    def workflows(self) -> list[Any]:
        found: list[Any] = self.server.call("GET", self.server.argo(self.namespace))["items"]
        return found

    def config_maps(self) -> dict[str, Any]:
        found = self.server.call("GET", f"/api/v1/namespaces/{self.namespace}/configmaps")["items"]
        return {c["metadata"]["name"]: c for c in found if c["metadata"]["name"] != "kube-root-ca.crt"}

    def status(self, name: str, status: Any, change: Callable[[Any], None] | None = None) -> None:
        """Write a status, as the controller would."""
        workflow = self.workflow(name)
        workflow["status"] = status
        if change is not None:
            change(workflow)
        self.server.call("PUT", self.server.argo(self.namespace, name=name), workflow)


@pytest.fixture
def place(kubernetes: Kubernetes) -> Iterator[Place]:
    namespace = kubernetes.namespace()
    place = Place(kubernetes, namespace, kubernetes.kubeconfig(namespace))
    yield place
    for backend in place.made:
        backend.close()


def breaks(*_: Any) -> None:
    """Stand in for a call whose connection breaks."""
    raise RemoteError("the connection broke")
