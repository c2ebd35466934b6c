"""What a test must not leave behind: threads, daemons too, and processes, its own and those that these started."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDING = 30.0  # seconds that what is about to end may take
# Of the whole process: fsspec's event loop, made once and never ended, what resolves names for it, and what tidies up
# after processes of multiprocessing.
_LASTING = ("fsspecIO", "asyncio_")
_TEST, _NUMBERS = "ARGOSY_TEST", itertools.count()
_TRACKER = "multiprocessing.resource_tracker"


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves something; what is about to end has time for it. Processes are known by a variable that
    they inherit, another one for each test; a server that tests share is started without it."""
    threads, processes = set(threading.enumerate()), _pids()
    outer, test = os.environ.get(_TEST), f"{os.getpid()}-{next(_NUMBERS)}"
    os.environ[_TEST] = test
    try:
        yield
    finally:
        os.environ.pop(_TEST, None)
        if outer is not None:
            os.environ[_TEST] = outer

    def left() -> list[str]:
        return [
            *(
                f"thread {t.name}"
                for t in threading.enumerate()
                if t not in threads and not t.name.startswith(_LASTING)
            ),
            *(f"process {pid}: {_command(pid)}" for pid in _pids() - processes if _of(pid, test)),
        ]

    end = time.monotonic() + ENDING
    while (found := left()) and time.monotonic() < end:
        time.sleep(0.01)
    for pid in _pids() - processes:
        if _of(pid, test):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert not found, f"left behind: {'; '.join(found)}"


def shared_environment() -> dict[str, str]:
    """What a server that tests share is started with."""
    return {name: value for name, value in os.environ.items() if name != _TEST}


def _lasts(thread: threading.Thread) -> bool:
    return thread.name.startswith(_LASTING)


def _pids() -> set[int]:
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}  # noqa: PTH208  (of every test: quick)


def _of(pid: int, test: str) -> bool:
    with suppress(OSError):
        known = f"{_TEST}={test}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        return known and _TRACKER not in _command(pid)
    return False


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:300]
    return "ended"
