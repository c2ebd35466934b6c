"""Reads the logs of a run's pods through the Argo Server.

Facts: `workflows/{name}/log` gives `{"content", "podName"}`; followed, it ends with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from argo.backend import LogLine, RunRef
from argo.backends.argo_server.http import Client
from argo.backends.follow import Attempts, ended
from argo.backends.logs import PodLogs, by_pod
from argo.errors import RemoteError
from argo.http import part
from argo.storage.store import Store
from argo.workflow.tasks import pods, pods_so_far
from compiler.manifest_types import Workflow

_EMPTY = 0.5  # seconds before a stream that gave nothing is asked for again
_IDLE = 120.0  # seconds without a line after which a stream is taken up anew


class Logs(PodLogs):
    """The logs of one run, from the server's streams."""

    def __init__(
        self, client: Client, ref: RunRef, read: Callable[[], Workflow], archive: Callable[[Workflow], Store]
    ) -> None:
        super().__init__(ref, read, archive)
        self._client = client
        self._seen: dict[str, int] = {}  # lines by pod

    def follow(self, task: str | None) -> Iterator[LogLine]:
        """Lines of the main containers as they come until the run has ended; a broken stream goes on where it broke."""
        attempts = Attempts(self._client.patience)
        while True:
            try:
                workflow = self._read()
                over = ended(workflow)
                for line in self._new(workflow, task, follow=not over):
                    attempts.well()
                    yield line
                if over:
                    pods(workflow, task)  # which says when there is no such task
                    return
                attempts.pause(_EMPTY)
            except RemoteError as error:
                attempts.again(error)

    def _new(self, workflow: Workflow, task: str | None, *, follow: bool) -> Iterator[LogLine]:
        """The lines of all pods that were not seen yet."""
        names, wanted = by_pod(workflow), _ids(workflow, task)
        counted: dict[str, int] = {}
        query = {"logOptions.container": "main", **({"logOptions.follow": "true"} if follow else {})}
        for entry in self._stream(query):
            pod, text = str(entry.get("podName") or ""), str(entry.get("content") or "")
            counted[pod] = counted.get(pod, 0) + 1
            if counted[pod] <= self._seen.get(pod, 0):
                continue
            self._seen[pod] = counted[pod]
            digits = pod.rpartition("-")[2]
            if digits not in names and "" not in names:
                workflow = self._read()  # the pod is newer than the picture
                names, wanted = by_pod(workflow), _ids(workflow, task)
            node = names.get(digits) or names.get("") or {"name": pod}
            if task is None or node.get("id") in wanted:
                yield from self._line(node, "main", text)

    def _texts(self, pod: str, container: str) -> Iterator[str]:
        for entry in self._stream({"logOptions.container": container, "podName": pod}):
            yield str(entry.get("content") or "")

    def _stream(self, query: dict[str, str]) -> Iterator[Any]:
        path = f"/api/v1/workflows/{part(self._ref.namespace)}/{part(self._ref.name)}/log"
        return self._client.events(path, query, idle=_IDLE)


def _ids(workflow: Workflow, task: str | None) -> set[str]:
    return {node["id"] for node in pods_so_far(workflow, task)}
