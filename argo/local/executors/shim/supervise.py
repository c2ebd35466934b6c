"""Run one pod from its first container to its exit record."""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from argo.local.clock import elapsed
from argo.local.executors.shim import kernel, record
from argo.local.executors.shim.collect import collect
from argo.local.executors.shim.container import Container
from argo.local.executors.shim.quota import EVERY, Quota

# How long output is waited for after the last process is gone, where processes may have fled.
_DRAIN = 1.0


def supervise(spec: Mapping[str, Any]) -> None:
    """Run the pod of `spec` unless it was started before; the caller holds its lock."""
    folder = spec["folder"]
    if os.path.exists(os.path.join(folder, "started")) or os.path.exists(os.path.join(folder, record.EXIT)):
        return
    record.set_clock(spec["now"])
    pod = Pod(spec)
    try:
        record.write(folder, "pid", os.getpid(), sync=False)
        record.write(folder, "started", record.stamp())
        end = pod.run()
    except OSError as failure:
        end = pod.refused(failure)
    record.conclude(folder, end, _short(end))


def _short(end: record.Record) -> record.Record:
    """The exit record without what may be large, which could not be written down."""
    mains = [item["exitCode"] for item in end["containers"].values() if item["role"] == "main"]
    error = end["error"] or ("" if any(mains) else "no space to record what it left")
    return {**end, "result": "", "outputs": None, "error": error}


class Pod:
    """The containers of one pod and what ends them."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._spec = spec
        self._folder: str = spec["folder"]
        self._isolated = spec["isolation"] == "namespaces"
        self._selector = selectors.DefaultSelector()
        self._init = 0
        self._stopping = False
        self._deadline: float | None = spec["deadline"]
        if self._deadline is not None:
            self._deadline += elapsed() - spec["now"]
        self._kill_at: float | None = None
        self._late = False
        self._full = False
        self._containers = [Container(item, self._folder, own_view=self._isolated) for item in spec["containers"]]
        self._mains = [item for item in self._containers if item.role == "main"]
        self._main = next((item for item in self._mains if item.name == "main"), self._mains[0])
        limit = spec.get("disk")
        self._quota = None if limit is None else Quota(limit, self._folder, self._containers)

    def run(self) -> record.Record:
        """Run all containers; the exit record."""
        self._listen()
        self._ask()
        error = ""
        try:
            if self._isolated:
                kernel.new_namespaces()
                self._init = kernel.start_init()
            else:
                kernel.adopt_orphans()
            self._run_in_order()
        except OSError as failure:
            error = f"cannot run containers: {failure.strerror}"
        self._end_all()
        return self._record(error)

    def refused(self, failure: OSError) -> record.Record:
        """The exit record of a pod of which nothing was started."""
        return self._ended(f"cannot run containers: {failure.strerror}", None)

    def _run_in_order(self) -> None:
        for container in self._containers:
            if container.role == "init":
                self._start(container)
                self._until(lambda container=container: not container.running)
                if container.exit_code != 0:
                    return
        for container in self._containers:
            if container.role == "sidecar":
                self._start(container)
        self._until(self._mains_done)
        self._stop(self._spec["grace"])  # now the sidecars end, too
        self._until(lambda: not any(container.running for container in self._containers))

    def _mains_done(self) -> bool:
        """Start what may start now; whether all main containers have ended."""
        for container in self._mains:
            if not self._stopping:
                container.again()
            if container.exit_code is None and not container.running:
                self._start_when_ready(container)
        return all(container.exit_code is not None for container in self._mains)

    def _start_when_ready(self, container: Container) -> None:
        if elapsed() < container.not_before and not self._stopping:
            return
        needed = [item for item in self._mains if item.name in container.depends]
        failed = [item for item in needed if item.exit_code not in (None, 0)]
        if failed:
            container.refuse(f'dependency "{failed[0].name}" exited with non-zero code: {failed[0].exit_code}')
        elif all(item.exit_code == 0 for item in needed):
            self._start(container)

    def _start(self, container: Container) -> None:
        if self._stopping:
            container.refuse("stopped before it was started")
            return
        container.start()
        for stream in container.streams:
            self._selector.register(stream.descriptor, selectors.EVENT_READ, stream)

    def _until(self, done: Any) -> None:
        while True:
            for container in self._containers:
                if container.reap():
                    self._tell(container)
            if done():
                return
            self._enforce()
            for key, _ in self._selector.select(self._patience()):
                self._serve(key)

    def _tell(self, container: Container) -> None:
        """Let the main containers know that a sidecar has ended, where Argo's emissary does."""
        told = os.path.join(self._folder, record.ENDS, container.name)
        if container.role == "sidecar":
            with suppress(OSError):
                os.mkdir(told)
                os.chmod(told, 0o755)  # noqa: S103 -- a container may have another user
                record.write(told, "exitcode", container.exit_code, sync=False, mode=0o644)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            heard = os.read(key.fd, 512)
            if signal.SIGTERM in heard:
                self._ask(self._spec["grace"])
        elif not key.data.read():
            self._selector.unregister(key.fd)
            os.close(key.fd)

    def _listen(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._selector.register(reader, selectors.EVENT_READ)

    def _ask(self, grace: float | None = None) -> None:
        """Stop when the engine has asked for it: a file says how much time there is, where it could be written."""
        try:
            with open(os.path.join(self._folder, "kill"), "rb") as file:
                grace = float(json.load(file))
        except (FileNotFoundError, ValueError, TypeError):
            if grace is None:
                return
        self._stop(grace)

    def _stop(self, grace: float) -> None:
        until = elapsed() + grace
        self._kill_at = until if self._kill_at is None else min(self._kill_at, until)
        if not self._stopping:
            self._stopping = True
            self._signal_all(signal.SIGTERM)

    def _enforce(self) -> None:
        now = elapsed()
        deadline = self._deadline
        if deadline is not None and now >= deadline and not self._late:
            self._late = any(container.exit_code is None for container in self._mains)
            self._stop(self._spec["grace"])
        if self._quota is not None and not self._full and self._quota.exceeded():
            self._full = True
            self._stop(0)
        if self._kill_at is not None and now >= self._kill_at:
            self._signal_all(signal.SIGKILL)
            self._kill_at = now + 1

    def _patience(self) -> float | None:
        """Seconds until something must be done. At most a minute: the clock may be set."""
        limits = [limit for limit in (self._deadline, self._kill_at) if limit is not None]
        if self._late or not limits:
            limits = [self._kill_at] if self._kill_at is not None else []
        limits += [
            item.not_before for item in self._mains if item.not_before and item.exit_code is None and not item.pid
        ]
        patience = min(60.0, max(0.0, min(limits) - elapsed())) if limits else None
        return patience if self._quota is None or self._full else min(EVERY, patience or EVERY)

    def _signal_all(self, number: int) -> None:
        for container in self._containers:
            container.signal(number)

    def _end_all(self) -> None:
        """Nothing of the pod lives on, and all it printed is in its logs."""
        self._kill_all()
        until = time.monotonic() + _DRAIN
        while len(self._selector.get_map()) > 1:
            ready = self._selector.select(0 if self._isolated else 0.05)
            for key, _ in ready:
                self._serve(key)
            if time.monotonic() > until and not ready:
                break
        for container in self._containers:
            for stream in container.streams:
                stream.end()

    def _kill_all(self) -> None:
        self._signal_all(signal.SIGKILL)
        if self._init:
            os.kill(self._init, signal.SIGKILL)
        for container in self._containers:
            if container.running:
                os.waitid(os.P_PID, container.pid, os.WEXITED | os.WNOWAIT)
                container.reap()
        if self._init:  # which the kernel lets end when all processes of its namespace are buried
            os.waitpid(self._init, 0)
        if not self._isolated:
            _kill_descendants()

    def _record(self, error: str) -> record.Record:
        main = self._main
        broken = next((item for item in self._containers if item.broken), None)
        if broken and not error:
            error = f"{broken.name}: cannot be started: {broken.message}"
        ran = any(item.pid for item in self._mains)
        outputs = self._spec["outputs"]
        found = None
        if ran and not error:
            try:
                main.fetch([item["path"] for item in [*outputs["parameters"], *outputs["artifacts"]]])
                found = collect(outputs, main.view, self._folder)
            except OSError as failure:
                error = f"cannot keep outputs: {failure.strerror}"
        for item in self._containers:
            item.remove()
        return self._ended(error, found)

    def _ended(self, error: str, found: record.Record | None) -> record.Record:
        return {
            "containers": {item.name: item.record() for item in self._containers},
            "finishedAt": record.stamp(),
            "late": self._late,
            "full": self._full,
            "error": error,
            "result": self._main.result(),
            "outputs": found,
        }


def _kill_descendants() -> None:
    """Kill what the containers left running, which has become this process's own children."""
    own = f"/proc/self/task/{os.getpid()}/children"
    for _ in range(1000):
        try:
            with open(own, encoding="ascii") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
