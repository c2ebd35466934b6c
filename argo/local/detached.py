"""A process of its own that drives a run: it goes on when whoever started it ends, and Ctrl-C does not reach it."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from argo.backend import RunRef
from argo.errors import EnvironmentFailure
from argo.local.home import Home
from argo.local.state.lock import RunLock

LOG = "engine.log"  # below the run's folder: what the process says when something is wrong
_PATIENCE = 60.0  # seconds in which a process must have taken the run
_LOOK = 0.02

_left: list[int] = []  # processes started by this one, which is who can reap them


def start(home: Home, ref: RunRef) -> None:
    """Start a process that drives the run; returns when it does, or when the run has ended.

    Raises EnvironmentFailure, with the end of what the process said, when it ends without.
    """
    folder = home.run(ref.uid)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / LOG
    failure = partial(EnvironmentFailure, known="the run is recorded", hint=f"argosy resume {ref.name}")
    try:
        pid = _spawn([sys.executable, "-P", "-m", "argo.local.drive", str(home.root), ref.uid], log)
    except OSError as error:
        raise failure(f"no process can be started for {ref.name}: {error.strerror}") from error
    lock = RunLock(folder)
    deadline = time.monotonic() + _PATIENCE
    while not lock.held():
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            if status == 0:
                return
            raise failure(f"the process for {ref.name} ended: {_last_line(log)}")
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGTERM)
            _left.append(pid)
            raise failure(f"the process for {ref.name} does not begin", tried=f"see {log}")
        time.sleep(_LOOK)
    _left.append(pid)


def _spawn(command: list[str], log: Path) -> int:
    """Start a process in a session of its own, which this one does not wait for; its id."""
    reap()
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def reap() -> None:
    """Take note of those that have ended, so that no zombies stay."""
    for pid in [*_left]:
        with suppress(ChildProcessError, ValueError):  # another thread was sooner
            if os.waitpid(pid, os.WNOHANG)[0]:
                _left.remove(pid)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
