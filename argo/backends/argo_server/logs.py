"""Reads the logs of a run's pods through the Argo Server; of pods that are gone, the archived ones.

Facts: `workflows/{name}/log` gives `{"content", "podName"}`; followed, it ends with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from argo.backend import LogLine, RunRef
from argo.backends.argo_server.http import Client
from argo.backends.follow import Attempts, ended
from argo.backends.podlogs import archived, by_pod, containers, of_executor, pod_name, read_archived
from argo.errors import NotFoundError, RemoteError
from argo.storage.store import Store
from argo.workflow.tasks import pods, pods_so_far
from argo.workflow.tree import relative
from compiler.manifest_types import NodeStatus, Workflow

_EMPTY = 0.5  # seconds before a stream that gave nothing is asked for again
_IDLE = 120.0  # seconds without a line after which a stream is taken up anew


class Logs:
    """The logs of one run. `read` gives the run as it is, `archive` the store of archived logs."""

    def __init__(
        self, client: Client, ref: RunRef, read: Callable[[], Workflow], archive: Callable[[Workflow], Store]
    ) -> None:
        self._client = client
        self._ref = ref
        self._read = read
        self._archive = archive
        self._seen: dict[str, int] = {}  # lines by pod

    def lines(self, task: str | None) -> Iterator[LogLine]:
        """Yield the lines written so far, tasks in the order of their start."""
        workflow = self._read()
        for node in pods(workflow, task):
            name = relative(node["name"], self._ref.name)
            for container in containers(workflow, node):
                found = False
                for text in self._pod(workflow, node, container):
                    found = True
                    if not of_executor(text):
                        yield LogLine(name, container, text)
                key = None if found else archived(node, container)
                if key is not None:
                    yield from read_archived(self._archive(workflow).open(key), name, container)

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
            if (task is None or node.get("id") in wanted) and not of_executor(text):
                yield LogLine(relative(node["name"], self._ref.name), "main", text)

    def _pod(self, workflow: Workflow, node: NodeStatus, container: str) -> Iterator[str]:
        query = {"logOptions.container": container, "podName": pod_name(workflow, node)}
        try:
            for entry in self._stream(query):
                yield str(entry.get("content") or "")
        except NotFoundError:
            return  # the pod, or all of the run, has gone

    def _stream(self, query: dict[str, str]) -> Iterator[Any]:
        path = f"/api/v1/workflows/{quote(self._ref.namespace, safe='')}/{quote(self._ref.name, safe='')}/log"
        return self._client.events(path, query, idle=_IDLE)


def _ids(workflow: Workflow, task: str | None) -> set[str]:
    return {node["id"] for node in pods_so_far(workflow, task)}
