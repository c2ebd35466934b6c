"""Keeps a process at every run that nobody at a terminal drives: one that was killed is started again."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

import argo.local.kept as kept
from argo.errors import ArgosyError
from argo.local.backend import LocalBackend

_LOOK = 1.0  # seconds between two looks at all runs
_PAUSE, _LONGEST = 1.0, 60.0  # seconds until a process that did not hold is started again


@dataclass(slots=True)
class Supervisor:
    """Looks after the runs of one home."""

    backend: LocalBackend
    _next: dict[str, tuple[float, float]] = field(default_factory=dict)  # uid -> when to try again, the pause after

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await run_in_threadpool(self.look)
            await asyncio.sleep(_LOOK)

    def look(self) -> None:
        """Start what is missing."""
        _reap()
        now = time.monotonic()
        try:
            refs = kept.detached(self.backend.state)
        except ArgosyError:
            return  # said to whoever calls the API
        for ref in refs:
            after, pause = self._next.get(ref.uid, (0.0, _PAUSE))
            if now < after or self.backend.active(ref):
                continue
            self._next[ref.uid] = (now + pause, min(pause * 2, _LONGEST))
            with suppress(ArgosyError):  # in the run's engine.log
                self.backend.start(ref)


def _reap() -> None:
    """Take in the ends of processes that were started here."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
