"""The threads that do the jobs of one copy of the service."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from argo.errors import ArgosyError
from argo.serve.workflow_api.database import Database
from argo.serve.workflow_api.outbox import LEASE, Job, Outbox
from argo.serve.workflow_api.work import pause

log = logging.getLogger("argosy.service")
_AT_ONCE: Final = 8
_LOOK: Final = 0.2  # seconds between two looks at the jobs
_TIDY: Final = 3600.0
_PATIENCE: Final = 30.0  # seconds in which jobs under way may end

Handler = Callable[[Job], None]


class Worker:
    """Does jobs until it is told to end. Whatever a kill leaves undone, the lease's end gives to somebody else."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        idle: Callable[[], None],
        begin: Callable[[], None],
    ) -> None:
        """`begin` is called before the first job, `idle` about once a second."""
        self._database = database
        self._outbox = outbox
        self._handlers = handlers
        self._idle = idle
        self._begin = begin
        self._free = threading.Semaphore(_AT_ONCE)
        self._pool = ThreadPoolExecutor(_AT_ONCE, "job")
        self._under_way: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self.seen = time.monotonic()

    def start(self) -> None:
        """Begin."""
        self._quietly(self._outbox.release)
        self._thread.start()

    def stop(self) -> None:
        """Take no further job, and wait for those under way."""
        self._end.set()
        self._thread.join(_PATIENCE)
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def alive(self) -> bool:
        """True where this copy looks for jobs, or is not meant to."""
        if self._thread.ident is None:
            return True
        return self._thread.is_alive() and time.monotonic() - self.seen < _PATIENCE * 2

    def _run(self) -> None:
        self._quietly(self._begin)
        chores = ((1.0, self._idle), (LEASE / 4, self._renew), (_TIDY, self._outbox.tidy))
        last = [0.0, 0.0, time.monotonic()]
        while not self._end.is_set():
            self.seen = time.monotonic()
            for number, (every, chore) in enumerate(chores):
                if self.seen - last[number] > every:
                    self._quietly(chore)
                    last[number] = self.seen
            if not self._take():
                self._end.wait(_LOOK)

    def _renew(self) -> None:
        self._outbox.renew([*self._under_way])

    def _take(self) -> bool:
        """Hand out the jobs that are due, as many as threads are free; whether there were any."""
        free = 0
        while free < _AT_ONCE and self._free.acquire(blocking=False):
            free += 1
        claimed: list[Job] = []
        try:
            claimed = self._outbox.claim(free) if free else []
        except SQLAlchemyError as error:
            log.warning("the store does not answer", extra={"reason": _reason(error)})
        for _ in range(free - len(claimed)):
            self._free.release()
        for job in claimed:
            self._under_way.add(job.id)
            self._pool.submit(self._do, job)
        return bool(claimed)

    def _do(self, job: Job) -> None:
        try:
            self._handlers[job.kind](job)
        except (ArgosyError, SQLAlchemyError, OSError) as error:
            self._again(job, _reason(error))
        except Exception as error:
            log.exception("job failed", extra={"job": job.kind, "subject": job.subject})
            self._again(job, type(error).__name__)
        finally:
            self._under_way.discard(job.id)
            self._free.release()

    def _again(self, job: Job, reason: str) -> None:
        log.warning("job again", extra={"job": job.kind, "subject": job.subject, "reason": reason})

        def record() -> None:
            with self._database.writing() as connection:
                self._outbox.again(connection, job, pause(job.attempts), reason)

        self._quietly(record)

    def _quietly(self, do: Callable[[], None]) -> None:
        """Do something whose failure is only logged: it is tried again later; a lease not given back ends by itself."""
        try:
            do()
        except (ArgosyError, SQLAlchemyError, OSError) as error:
            log.warning("put off", extra={"reason": _reason(error)})


def _reason(error: Exception) -> str:
    if isinstance(error, ArgosyError):
        return error.message
    return str(getattr(error, "orig", None) or error).splitlines()[0][:200]
