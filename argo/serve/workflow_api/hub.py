"""Changes of runs, told to everybody who watches one: the store is looked at once for all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from argo.serve.workflow_api.database import Database
from argo.serve.workflow_api.runs import ENDED, shown
from argo.serve.workflow_api.schema import runs

log = logging.getLogger("argosy.service")
_LOOK: Final = 0.25  # seconds between two looks
_OVERLAP: Final = 5_000_000  # microseconds by which clocks of several copies may differ
_ALIVE: Final = 15.0  # seconds after which a stream says that it is still there


class Hub:
    """The watchers of one copy of the service."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._latest: dict[str, tuple[int, bytes, bool]] = {}
        self._since = 0
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            try:
                changed = await run_in_threadpool(self._changed, [*self._watchers]) if self._watchers else {}
            except SQLAlchemyError:
                log.warning("the store does not answer")
                continue
            for run, entry in changed.items():
                if self._latest.get(run, (0,))[0] < entry[0]:
                    self._latest[run] = entry
                    self._wake(run)
            for run in self._latest.keys() - self._watchers.keys():
                del self._latest[run]

    def _wake(self, run: str) -> None:
        for event in self._watchers.get(run, ()):
            event.set()

    def _changed(self, watched: list[str]) -> dict[str, tuple[int, bytes, bool]]:
        new = [run for run in watched if run not in self._latest]
        with self._database.reading() as connection:
            wanted = select(runs).where(runs.c.revision > self._since - _OVERLAP)
            rows = [*connection.execute(wanted).mappings()]
            for start in range(0, len(new), 500):
                rows += connection.execute(select(runs).where(runs.c.id.in_(new[start : start + 500]))).mappings()
            highest = connection.execute(select(func.max(runs.c.revision))).scalar()
        self._since = highest or 0
        interest = set(watched)
        return {
            row["id"]: (row["revision"], json.dumps(shown(row)).encode(), row["state"] in ENDED or row["deleted"])
            for row in rows
            if row["id"] in interest
        }

    def end(self) -> None:
        """End all streams."""
        self._over.set()
        for run in self._watchers:
            self._wake(run)

    async def follow(self, run: str) -> AsyncIterator[bytes]:
        """A run's states as events (text/event-stream), until it has ended."""
        event = asyncio.Event()
        self._watchers.setdefault(run, set()).add(event)
        event.set()
        seen = 0
        try:
            while not self._over.is_set():
                try:
                    await asyncio.wait_for(event.wait(), _ALIVE)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                event.clear()
                entry = self._latest.get(run)
                if entry is None or entry[0] <= seen:
                    continue
                seen = entry[0]
                yield b"event: run\nid: %d\ndata: %b\n\n" % (seen, entry[1])
                if entry[2]:
                    return
        finally:
            self._watchers[run].discard(event)
            if not self._watchers[run]:
                del self._watchers[run]
