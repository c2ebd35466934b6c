"""Pods on this machine: started, adopted, watched and concluded."""

from __future__ import annotations

import os
import select
import selectors
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from argo.errors import ArgosyError, EnvironmentFailure
from argo.files.shortage import shortage
from argo.local import resources
from argo.local.clock import now
from argo.local.executors import outputs
from argo.local.executors.folder import PodFolder
from argo.local.executors.inputs import load_inputs, located
from argo.local.executors.prepared import main_of
from argo.local.executors.runtimes import Runtime
from argo.local.executors.scheduler import Scheduler
from argo.local.executors.shim import record
from argo.local.executors.specification import Isolation, prepare, specification
from argo.local.executors.supervisors import Supervisors
from argo.local.images import Images
from argo.local.pods import PodOutcome, PodPhase, PodRequest, RunObjects
from argo.storage import Store
from argo.storage.patience import outlast

T = TypeVar("T")
Executor = Literal["process", "podman", "docker"]
IsolationName = Literal["auto", "namespaces", "remap"]
# Bringing artifacts and storing outputs waits for disks and networks rather than for the processor.
_WORKERS = 8
_PROGRESS_EVERY = 1.0  # seconds
# How often a pod is looked at whose supervisor's process id is not known.
_PROBE_EVERY = 0.05
_STOPPED = "pod was stopped before its containers started"
# A pod that is cut off beside the engine that started it was killed; together with it, by a machine that stopped.
_ANEW = "run anew: it was cut off before its end was recorded"


@dataclass(slots=True)
class _Pod:
    request: PodRequest
    folder: PodFolder
    started_at: datetime | None = None
    progress: str | None = None
    launched: bool = False  # by this process
    message: str = ""
    devices: dict[str, list[str]] = field(default_factory=dict)


class LocalPods:
    """Runs pods as processes of this user. `directory` holds a folder a pod, named by its node id.

    `claims` holds PersistentVolumeClaims, a folder each, shared by all pods. `machine` is what they have for what they
    ask for; a pod for which there is no room waits. `isolation` and `images` are for the process executor: "auto" takes
    namespaces where the system has them, `images` says what images run by themselves. One thread calls create, poll
    and kill.
    """

    def __init__(
        self,
        directory: Path,
        store: Store,
        objects: RunObjects,
        *,
        executor: Executor = "process",
        claims: Path | None = None,
        isolation: IsolationName = "auto",
        images: Images | None = None,
        machine: resources.Machine | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = Path(os.path.realpath(directory))
        self._objects = objects
        self._locate = partial(located, store, objects)
        self._claims = Path(os.path.realpath(claims or self._directory.parent / "volumes"))
        self._executor = executor
        self._isolation = isolation
        self._images = images or {}
        self._room = machine or resources.this_machine()
        self._scheduler = Scheduler(self._room)
        self._host = dict(os.environ if environment is None else environment)
        self._supervisors = Supervisors()
        self._workers = ThreadPoolExecutor(_WORKERS, "pods")
        self._pods: dict[str, _Pod] = {}
        self._watched: dict[str, int | None] = {}  # node id -> pidfd, None where only the lock can be probed
        self._lock = threading.Lock()
        self._news: deque[Callable[[], None]] = deque()  # what workers found, done by the caller's thread
        self._changed: dict[str, PodOutcome] = {}
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._closing = threading.Event()
        self._looked_at = 0.0
        self._isolated: Isolation | None = None
        self._workers.submit(self._isolates)  # while the caller is busy: the first pod need not wait for it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything here; the pods run on."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._supervisors.close()
        for descriptor in [*self._watched.values(), self._reader, self._writer]:
            if descriptor is not None:
                os.close(descriptor)
        self._watched.clear()
        self._selector.close()

    def create(self, request: PodRequest) -> None:
        """Start the pod, or adopt what is there of it."""
        if request.node_id in self._pods:
            return
        pod = _Pod(request, PodFolder(self._directory / request.node_id))
        self._pods[request.node_id] = pod
        try:
            wants = resources.wanted(request.template, request.pod_spec)
        except ValueError as error:
            self._changed[request.node_id] = _refused(str(error))
            return
        if (pod.folder.path / "started").exists() or pod.folder.read("outcome.json"):
            self._scheduler.adopt(request.node_id, wants, _devices(pod.folder.read("devices.json")))
            pod.devices = self._scheduler.devices(request.node_id)
            self._do(pod, self._adopt)
        elif missing := self._room.missing(wants):
            had = ", ".join(f"{self._room.has(name)} {name}, {wants[name]} asked for" for name in missing)
            self._changed[request.node_id] = _refused(f"Unschedulable: this machine has {had}")
        else:
            self._scheduler.wait(request.node_id, wants)
            self._fill()
            if self._scheduler.waits(request.node_id):
                self._changed[request.node_id] = PodOutcome("Pending", self._scheduler.reason(request.node_id))

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:
        """Outcomes that changed since the last poll; waits up to `timeout` seconds for one."""
        until = time.monotonic() + timeout
        while True:
            while self._news:
                self._news.popleft()()
            self._look()
            self._fill()
            if self._changed:
                changed, self._changed = self._changed, {}
                return changed
            patience = until - time.monotonic()
            if patience <= 0:
                return {}
            for key, _ in self._selector.select(min(patience, self._patience())):
                if key.data is None:
                    os.read(self._reader, 4096)
                else:
                    self._ended(key.data)

    def kill(self, node_id: str, grace: float) -> None:
        """Have the pod stopped. Nothing happens where it has ended."""
        if self._scheduler.waits(node_id):
            self._scheduler.drop(node_id)
            self._changed[node_id] = PodOutcome("Failed", _STOPPED, finished_at=now())
            return
        folder = PodFolder(self._directory / node_id)
        if not folder.path.exists():
            return
        pid = folder.read("pid")
        told = isinstance(pid, int) and folder.locked()
        try:
            folder.write("kill", grace)
        except OSError:
            if not told:
                raise
        if told:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    # The caller's thread.

    def _fill(self) -> None:
        for node_id in self._scheduler.admit():
            pod = self._pods[node_id]
            pod.devices = self._scheduler.devices(node_id)
            self._do(pod, self._adopt)

    def _do(self, pod: _Pod, work: Callable[[_Pod], None]) -> None:
        def report(done: Future[None]) -> None:
            error = done.exception() if not done.cancelled() else None
            if error is not None:
                self._tell(lambda: _raise(error, pod))

        self._workers.submit(work, pod).add_done_callback(report)

    def _patience(self) -> float:
        return _PROBE_EVERY if None in self._watched.values() else _PROGRESS_EVERY

    def _look(self) -> None:
        """At pods that nothing wakes us for, and at the progress of all."""
        for node_id, descriptor in list(self._watched.items()):
            if descriptor is None and not self._pods[node_id].folder.locked():
                self._ended(node_id)
        if time.monotonic() - self._looked_at < _PROGRESS_EVERY:
            return
        self._looked_at = time.monotonic()
        for node_id in self._watched:
            pod = self._pods[node_id]
            progress = outputs.progress(pod.folder)
            if progress is not None and progress != pod.progress:
                pod.progress = progress
                self._say(pod, "Running", pod.message)

    def _watch(self, pod: _Pod, pid: int | None) -> None:
        node_id = pod.request.node_id
        if pod.started_at is None:
            pod.started_at = now()
            self._say(pod, "Running", pod.message)
        descriptor = _open_process(pid)
        self._watched[node_id] = descriptor
        if descriptor is not None:
            self._selector.register(descriptor, selectors.EVENT_READ, node_id)
        if not pod.folder.locked():
            self._ended(node_id)

    def _ended(self, node_id: str) -> None:
        if node_id not in self._watched:
            return
        descriptor = self._watched.pop(node_id)
        if descriptor is not None:
            self._selector.unregister(descriptor)
            os.close(descriptor)
        self._do(self._pods[node_id], self._adopt)

    def _finished(self, pod: _Pod, outcome: PodOutcome) -> None:
        self._scheduler.drop(pod.request.node_id)
        self._changed[pod.request.node_id] = outcome

    # The workers' threads.

    def _tell(self, news: Callable[[], None]) -> None:
        with self._lock:
            self._news.append(news)
        try:
            os.write(self._writer, b"1")
        except OSError:
            return  # full, so it wakes anyway; or closed

    def _adopt(self, pod: _Pod) -> None:
        """Go on with the pod from whatever state it is in."""
        state, lock = pod.folder.claim()
        if state == "running":
            pid = pod.folder.read("pid")
            self._tell(lambda: self._watch(pod, pid))
        elif state == "ended":
            self._conclude(pod)
        else:
            assert lock is not None
            try:
                if state == "lost":
                    self._clear(pod)
                if state == "lost" and pod.launched:
                    self._conclude(pod, PodOutcome("Error", _lost(pod.folder), finished_at=now()))
                else:
                    if state == "lost":
                        pod.message, pod.started_at = _ANEW, None
                    self._launch(pod, lock)
            finally:
                os.close(lock)

    def _launch(self, pod: _Pod, lock: int) -> None:
        began = now()
        try:
            pid = self._patiently(pod, "Pending", lambda _: self._start(pod, lock))
        except (ArgosyError, OSError) as error:
            if shortage(error) or self._closing.is_set():
                raise
            text = error.message if isinstance(error, ArgosyError) else f"cannot start the pod: {error}"
            self._conclude(pod, PodOutcome("Error", text, started_at=began, finished_at=now()))
            return
        if pid is None:
            self._conclude(pod, PodOutcome("Failed", _STOPPED, finished_at=now()))
            return
        pod.launched = True
        self._tell(lambda: self._watch(pod, pid))

    def _start(self, pod: _Pod, lock: int) -> int | None:
        """Prepare and start a pod from nothing; its supervisor's process id, None for one that is to be stopped."""
        request, folder = pod.request, pod.folder
        folder.clean()
        if folder.read("kill") is not None:
            return None
        record.reserve(str(folder.path))
        folder.write("request.json", asdict(request))
        if pod.devices:
            folder.write("devices.json", pod.devices)
        isolation = replace(self._isolates(), devices=pod.devices)
        containers = prepare(request, folder, self._objects, self._claims, isolation)
        view = main_of(containers).view
        load_inputs(request.template, view, isolation.path, folder, self._locate)
        return self._supervisors.start(specification(request, folder, containers, isolation), lock)

    def _patiently(self, pod: _Pod, phase: PodPhase, work: Callable[[bool], T]) -> T:
        """Repeat `work` until its store answers; return its value. A pod that is to be stopped does not wait."""
        return outlast(
            work,
            lambda text: self._tell(lambda: self._say(pod, phase, text)),
            over=lambda: pod.folder.read("kill") is not None,
            wait=self._closing.wait,
        )

    def _say(self, pod: _Pod, phase: PodPhase, message: str) -> None:
        self._changed[pod.request.node_id] = PodOutcome(
            phase, message, started_at=pod.started_at, progress=pod.progress
        )

    def _isolates(self) -> Isolation:
        """How containers are isolated here; found out once."""
        if self._isolated is None:
            if self._executor != "process":
                self._isolated = Isolation(Runtime(self._executor, self._host), self._host)
            elif self._isolation == "auto":
                found: Literal["namespaces", "remap"] = "namespaces" if self._supervisors.namespaces() else "remap"
                self._isolated = Isolation(found, self._host, self._images)
            else:
                self._isolated = Isolation(self._isolation, self._host, self._images)
        return self._isolated

    def _clear(self, pod: _Pod) -> None:
        """End what a pod may have left whose supervisor was killed."""
        template = pod.request.template
        how = self._isolates().how
        if isinstance(how, Runtime):
            groups = (template.get("initContainers"), template.get("sidecars"))
            names = [item["name"] for group in groups for item in group or ()]
            names += [item["name"] for item in (template.get("containerSet") or {}).get("containers") or ()]
            how.remove(pod.folder, [*names, "main"])
        else:
            _end_orphans(pod.request)

    def _conclude(self, pod: _Pod, outcome: PodOutcome | None = None) -> None:
        known = outputs.from_json(pod.folder.read("outcome.json"))
        if known is not None:
            outcome = known
        else:
            outcome = outcome or self._patiently(
                pod, "Running", lambda last: outputs.conclude(pod.request, pod.folder, self._locate, last=last)
            )
            pod.folder.write("outcome.json", outputs.to_json(outcome))
        pod.folder.tidy(all_work=False)
        result = outcome
        self._tell(lambda: self._finished(pod, result))
        if outcome.phase == "Succeeded":  # what failed stays to be looked at
            pod.folder.tidy(all_work=True)


def _refused(message: str) -> PodOutcome:
    return PodOutcome("Error", message, finished_at=now())


def _devices(kept: Any) -> dict[str, list[str]]:
    return kept if isinstance(kept, dict) else {}


def _open_process(pid: Any) -> int | None:
    """A descriptor that becomes readable when the process ends; None for one that has ended, or cannot be had."""
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError, TypeError):
        return None
    if select.select([descriptor], [], [], 0)[0]:
        os.close(descriptor)
        return None
    return descriptor


def _lost(folder: PodFolder) -> str:
    """Argo's words for a pod that is gone, or what its supervisor said before it failed."""
    try:
        said = (folder.path / "supervisor.log").read_text(encoding="utf-8").strip().splitlines()
    except OSError:
        return "pod deleted"
    return f"pod deleted: its supervisor failed: {said[-1] if said else ''}"


def _raise(error: BaseException, pod: _Pod) -> None:
    if isinstance(error, OSError) and not shortage(error):  # of this directory: gone, not ours
        known = "its state is kept as it was"
        raise EnvironmentFailure(f"pod {pod.request.node_id}: {error}", known=known) from error
    raise error


def _end_orphans(request: PodRequest) -> None:
    """Kill what a killed supervisor left running where no process namespace ended it: the processes of this user whose
    environment says that they are of this pod."""
    marks = {f"ARGO_NODE_ID={request.node_id}".encode(), f"ARGO_WORKFLOW_UID={request.workflow_uid}".encode()}
    for _ in range(10):  # what forks while it is being looked for is found the next time
        processes = [entry for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
        found = [int(entry.name) for entry in processes if marks <= _environment(entry)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _environment(process: Path) -> set[bytes]:
    try:
        return set((process / "environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
