"""Does the background jobs of runs: submits, follows, stops and removes them. Each step may be repeated."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from argo.backend import FINISHED, Json
from argo.errors import ArgosyError, ConflictError, NotFoundError, UsageError
from argo.serve.refusal import translated
from argo.serve.workflow_api import inputs, outbox, progress
from argo.serve.workflow_api.catalog import Catalog
from argo.serve.workflow_api.database import Database, Row, first, now, ref_of
from argo.serve.workflow_api.outbox import Job, Outbox
from argo.serve.workflow_api.place import TargetBackend
from argo.serve.workflow_api.runs import ACTIVE, change
from argo.serve.workflow_api.schema import runs, uploads
from argo.workflow.ownership import remove_below

log = logging.getLogger("argosy.service")
_SUBMITS: Final = 60  # attempts; with the pauses between them about an hour
_STOPS: Final = 200
_PAUSE: Final = 1.0  # seconds, doubled with every attempt
_LONGEST: Final = 60.0
_FIRST, _LAST = 0.25, 5.0  # seconds between two looks at a run: of a new one, of one that has run for long

Hook = Callable[[Connection, str], None]
"""Told, in the transaction that records it, that a run has ended."""


def pause(attempts: int, longest: float = _LONGEST) -> float:
    """Seconds until the next attempt."""
    return float(min(_PAUSE * 2 ** min(attempts - 1, 20), longest))


@dataclass(frozen=True, slots=True)
class Work:
    """The handlers of the jobs about runs."""

    _database: Database
    _outbox: Outbox
    _catalog: Catalog
    _place: TargetBackend
    _ended: Hook

    def submit(self, job: Job) -> None:
        """Have a run executed, unless it is to be stopped already."""
        row = self._row(job.subject)
        if row is None or row["state"] not in ACTIVE or row["uid"]:
            self._done(job)
            return
        if row["stop"]:
            self._end(job, row, "canceled", "stopped before it was started")
            return
        try:
            made = self._place.submit(row, json.loads(row["request"]), self._objects(row), self._uploads(row)).ref
        except UsageError as error:
            self._end(job, row, "failed", translated(error).message)
            return
        except ArgosyError as error:
            if job.attempts >= _SUBMITS:
                self._end(job, row, "failed", f"could not be started: {error.message}")
                return
            raise
        with self._database.writing() as connection:
            change(connection, row["id"], name=made.name, namespace=made.namespace, uid=made.uid, state="running")
            outbox.add(connection, "track", row["id"], key=f"track:{row['id']}")
            self._outbox.done(connection, job)
        log.info("run submitted", extra={"run": row["id"], "workflow": made.name})

    def track(self, job: Job) -> None:
        """Look at a run; when it has ended, keep what came of it."""
        row = self._row(job.subject)
        if row is None or row["state"] not in ACTIVE or not row["uid"]:
            self._done(job)
            return
        try:
            workflow = self._place.backend.get(ref_of(row))
        except NotFoundError:
            self._end(job, row, "canceled" if row["stop"] else "failed", "its Workflow is gone")
            return
        values = progress.seen(workflow, stopped=bool(row["stop"]))
        values["worker"] = json.dumps(progress.worker(workflow))
        if progress.phase(workflow) in FINISHED:
            values |= {"results": json.dumps(progress.kept(workflow)), "finished_at": values["finished_at"] or now()}
        with self._database.writing() as connection:
            if any(row[name] != value for name, value in values.items()):
                changed = change(connection, row["id"], **values)
                if changed and values["state"] not in ACTIVE:
                    self._ended(connection, row["id"])
            if values["state"] in ACTIVE:
                age = now() - row["created_at"]
                self._outbox.again(connection, job, min(max(age / 20, _FIRST), _LAST))
            else:
                self._outbox.done(connection, job)
                log.info("run ended", extra={"run": row["id"], "state": values["state"]})

    def stop(self, job: Job) -> None:
        """Stop a run; of one that is just being submitted, soon."""
        row = self._row(job.subject)
        if row is None or row["state"] not in ACTIVE:
            self._done(job)
            return
        if not row["uid"]:
            with self._database.writing() as connection:
                outbox.add(connection, "submit", row["id"], key=f"submit:{row['id']}")  # it sees the wish, and ends it
                self._outbox.again(connection, job, pause(job.attempts, 2.0))
            return
        try:
            self._place.backend.stop(ref_of(row))
        except (NotFoundError, ConflictError):  # one that has ended stays as it is
            pass
        except ArgosyError:
            if job.attempts < _STOPS:
                raise
        with self._database.writing() as connection:
            outbox.add(connection, "track", row["id"], key=f"track:{row['id']}")
            self._outbox.done(connection, job)

    def remove(self, job: Job) -> None:
        """Remove a run's Workflow and its results; of one that still runs, later."""
        row = self._row(job.subject)
        if row is not None and row["state"] in ACTIVE:
            with self._database.writing() as connection:
                self._outbox.again(connection, job, _LAST)
            return
        if row is not None and row["uid"]:
            ref = ref_of(row)
            try:
                self._place.backend.delete(ref, results=True)
            except NotFoundError:
                remove_below(self._place.backend.store(), f"runs/{ref.namespace}/{ref.name}/{ref.uid}/")
            except ConflictError:
                if job.attempts < _STOPS:
                    raise
        self._done(job)

    def forget(self, job: Job) -> None:
        """Remove an input that no run takes any more; one that a run has not finished with, later."""
        with self._database.reading() as connection:
            row = first(connection, select(uploads).where(uploads.c.id == job.subject))
            keep = row is not None and inputs.needed(connection, row)
        if row is None or row["current"]:
            self._done(job)
            return
        if keep:
            with self._database.writing() as connection:
                self._outbox.again(connection, job, _LAST)
            return
        remove_below(self._place.backend.store(), f"inputs/{row['consumer']}/{row['id']}/")
        with self._database.writing() as connection:
            connection.execute(delete(uploads).where(uploads.c.id == job.subject))
            self._outbox.done(connection, job)

    def _objects(self, row: Row) -> list[Json]:
        given = json.loads(row["request"]).get("extension")
        offered = self._catalog.get(row["asset"], row["version"])
        if given is None:
            return self._catalog.compiled(offered)
        from compiler.extend import Extension

        given |= {"command": tuple(given["command"]), "args": tuple(given["args"])}
        return self._catalog.compiled(offered, Extension(**given))

    def _uploads(self, row: Row) -> dict[str, Row]:
        wanted = json.loads(row["request"])["uploads"]
        with self._database.reading() as connection:
            known = inputs.chosen(connection, row["consumer"], [*wanted.values()])
        missing = [name for name, id_ in wanted.items() if id_ not in known]
        if missing:
            raise UsageError(f"inputs are gone: {', '.join(missing)}")
        return {name: known[id_] for name, id_ in wanted.items()}

    def _row(self, run: str) -> Row | None:
        return self._database.first(select(runs).where(runs.c.id == run))

    def _end(self, job: Job, row: Row, state: str, message: str) -> None:
        values = {"state": state, "message": message, "finished_at": now()}
        with self._database.writing() as connection:
            if change(connection, row["id"], **values):
                self._ended(connection, row["id"])
            self._outbox.done(connection, job)
        log.info("run ended", extra={"run": row["id"], "state": state, "reason": message})

    def _done(self, job: Job) -> None:
        with self._database.writing() as connection:
            self._outbox.done(connection, job)
