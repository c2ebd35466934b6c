"""Reads the logs of a run's pods through the Kubernetes API."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

from argo.backend import FULFILLED, LogLine, RunRef
from argo.backends.follow import Attempts, ended
from argo.backends.kubernetes.access import STREAMS
from argo.backends.kubernetes.api import Cluster
from argo.backends.kubernetes.errors import BrokenError
from argo.backends.logs import PodLogs, containers, pod_name
from argo.errors import ArgosyError, NotFoundError, RemoteError, StoreError, UsageError
from argo.storage.store import Store
from argo.workflow.tasks import pods_so_far
from compiler.manifest_types import NodeStatus, Workflow

_LOOK = 1.0  # seconds between two looks for pods that are new
_SHARE = 5  # a look at a large run takes long: so many times as long is waited for the next one
_LAST = 60.0  # seconds without a line after the run's end, after which its logs are taken to be whole
_STARTED = frozenset({"Running", "Succeeded", "Failed", "Error"})


class Logs(PodLogs):
    """The logs of one run, from each container's own."""

    def __init__(
        self, cluster: Cluster, ref: RunRef, read: Callable[[], Workflow], archive: Callable[[Workflow], Store]
    ) -> None:
        super().__init__(ref, read, archive)
        self._cluster = cluster
        self._now: Workflow = {}  # the run at the last look of `follow`
        self._left = threading.Event()  # nobody takes the lines any more: the readers end

    def _texts(self, pod: str, container: str) -> Iterator[str]:
        return self._cluster.log(pod, container, follow=False)

    def follow(self, task: str | None) -> Iterator[LogLine]:
        """Lines as they come until the run has ended: each container is read by a thread of its own."""
        try:
            yield from self._followed(task)
        finally:
            self._left.set()

    def _followed(self, task: str | None) -> Iterator[LogLine]:
        lines: queue.SimpleQueue[LogLine | ArgosyError] = queue.SimpleQueue()
        readers: dict[tuple[str, str], threading.Thread] = {}
        attempts = Attempts(self._cluster.patience)
        heard = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                if not ended(self._now):
                    self._now, heard = self._read(), time.monotonic()
                attempts.well()
            except RemoteError as error:
                attempts.again(error)
                continue
            look = max(_LOOK * self._cluster.patience, (time.monotonic() - began) * _SHARE)
            whole = self._start(task, readers, lines)
            reading = any(reader.is_alive() for reader in readers.values())
            for line in _taken(lines, look):
                heard = time.monotonic()
                yield line
            silent = time.monotonic() - heard > _LAST * self._cluster.patience
            if ended(self._now) and whole and (not reading or silent):
                return

    def _start(
        self,
        task: str | None,
        readers: dict[tuple[str, str], threading.Thread],
        lines: queue.SimpleQueue[LogLine | ArgosyError],
    ) -> bool:
        """Begin to read the containers that are new, as many at a time as there may be streams; whether that is all."""
        free = STREAMS - sum(reader.is_alive() for reader in readers.values())
        for node in pods_so_far(self._now, task):
            for container in containers(self._now, node) if node.get("phase") in _STARTED else ():
                key = (node["id"], container)
                if key in readers:
                    continue
                if not free:
                    return False
                free -= 1
                readers[key] = threading.Thread(target=self._reader, args=(*key, lines), daemon=True)
                readers[key].start()
        return True

    def _reader(self, key: str, container: str, lines: queue.SimpleQueue[LogLine | ArgosyError]) -> None:
        try:
            for line in self._tail(key, container):
                lines.put(line)
        except ArgosyError as error:
            lines.put(error)

    def _tail(self, key: str, container: str) -> Iterator[LogLine]:
        """Read one container to its end; where the connection breaks, go on after the lines that came.

        A stream that ends before its task is read again later, in case that it was the API server that ended it.
        """
        shown, pause = 0, _LOOK
        attempts = Attempts(self._cluster.patience)
        while not self._left.is_set():
            node, over = self._node(key)
            try:
                for line in islice(self._container(node, container, over=over), shown, None):
                    shown += 1
                    attempts.well()
                    yield line
            except StoreError:
                raise  # it has been asked often enough
            except RemoteError as error:
                if isinstance(error, BrokenError):
                    attempts.well()
                attempts.again(error)
            else:
                if over:
                    return
                self._wait(key, pause)
                pause *= 2

    def _node(self, key: str) -> tuple[NodeStatus, bool]:
        """A node as it was at the last look, and whether it has ended."""
        nodes: dict[str, NodeStatus] = (self._now.get("status") or {}).get("nodes") or {}
        node = nodes.get(key) or {"id": key, "name": key}
        return node, ended(self._now) or node.get("phase") in FULFILLED

    def _wait(self, key: str, seconds: float) -> None:
        """Wait, at most until the node has ended or nobody follows."""
        until = time.monotonic() + seconds * self._cluster.patience
        while time.monotonic() < until and not self._node(key)[1]:
            if self._left.wait(_LOOK * self._cluster.patience):
                return

    def _container(self, node: NodeStatus, container: str, *, over: bool) -> Iterator[LogLine]:
        """The lines of a container from its first one, to its end."""
        try:
            for text in self._cluster.log(pod_name(self._now, node), container, follow=True):
                if self._left.is_set():
                    return
                yield from self._line(node, container, text)
        except (NotFoundError, UsageError):  # gone, or not begun
            if over:
                yield from self._archived(self._now, node, container)


def _taken(lines: queue.SimpleQueue[LogLine | ArgosyError], patience: float) -> Iterator[LogLine]:
    """The lines that are there; where none is, those that come within `patience` seconds. Raises what a reader met."""
    try:
        found = lines.get(timeout=patience)
        while True:
            if isinstance(found, ArgosyError):
                raise found
            yield found
            found = lines.get_nowait()
    except queue.Empty:
        return
