"""Keeps a process at every run that nobody at a terminal drives: one that was killed is started again."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from argo.errors import ArgosyError
from argo.local.backend import LocalBackend

_LOOK = 1.0  # seconds between two looks at all runs


@dataclass(slots=True)
class Supervisor:
    """Looks after the runs of one home."""

    backend: LocalBackend

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await run_in_threadpool(self.look)
            await asyncio.sleep(_LOOK)

    def look(self) -> None:
        """Start what is missing."""
        _reap()
        with suppress(ArgosyError):  # said to whoever calls the API, or in the run's engine.log
            self.backend.turns.advance()


def _reap() -> None:
    """Take in the ends of processes that were started here."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
