"""Keeps jobs, recorded in the transaction that wants them; each is done at least once, by whoever has its lease."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from argo.serve.workflow_api.database import Database, new_id, now
from argo.serve.workflow_api.schema import jobs

Kind = Literal["submit", "track", "stop", "remove", "forget", "callback"]
LEASE = 20.0  # seconds after which somebody else tries, unless the lease is renewed
_KEPT = 7 * 86400.0  # seconds that jobs which are over stay to be looked at


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do; `attempts` counts this one."""

    id: str
    kind: str
    subject: str
    payload: dict[str, Any] = field(repr=False)
    attempts: int


def add(
    connection: Connection, kind: Kind, subject: str, *, payload: dict[str, Any] | None = None, due: float = 0.0,
    key: str = "",
) -> None:  # fmt: skip
    """Record a job. With a key that is waiting already, that one is brought forward in its place."""
    values = {"kind": kind, "subject": subject, "payload": json.dumps(payload or {}), "due_at": due or now()}
    if key:
        waiting = select(jobs.c.id).where(jobs.c.key == key)
        if connection.execute(waiting).first() is not None:
            earlier = jobs.c.due_at > values["due_at"]
            connection.execute(update(jobs).where(jobs.c.key == key, earlier).values(due_at=values["due_at"]))
            return
    savepoint = connection.begin_nested() if connection.dialect.name == "postgresql" else None
    try:
        connection.execute(insert(jobs).values(id=new_id(), key=key or None, **values))
    except IntegrityError:  # another copy was faster
        if savepoint is None:
            raise
        savepoint.rollback()
        return
    if savepoint is not None:
        savepoint.commit()


class Outbox:
    """The jobs of one copy of the service, known by its name."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self.owner = owner

    def claim(self, most: int) -> list[Job]:
        """Up to that many jobs that are due, leased to this copy."""
        moment = now()
        due = (jobs.c.state == "waiting", jobs.c.due_at <= moment, jobs.c.leased_until <= moment)
        if self._database.first(select(jobs.c.id).where(*due).limit(1)) is None:
            return []
        with self._database.writing() as connection:
            wanted = select(jobs).where(*due).order_by(jobs.c.due_at).limit(most)
            if self._database.several:
                wanted = wanted.with_for_update(skip_locked=True)
            found = connection.execute(wanted).mappings().all()
            for row in found:
                leased = {"owner": self.owner, "leased_until": moment + LEASE, "attempts": row["attempts"] + 1}
                connection.execute(update(jobs).where(jobs.c.id == row["id"]).values(**leased))
        return [
            Job(row["id"], row["kind"], row["subject"], json.loads(row["payload"]), row["attempts"] + 1)
            for row in found
        ]

    def renew(self, ids: Collection[str]) -> None:
        """Keep the leases of jobs under way."""
        if ids:
            mine = (jobs.c.id.in_(ids), jobs.c.owner == self.owner, jobs.c.state == "waiting", jobs.c.leased_until > 0)
            self._database.change(update(jobs).where(*mine).values(leased_until=now() + LEASE))

    def release(self) -> None:
        """End all leases. Where only one copy can be, those of one that was killed hold up nothing."""
        if not self._database.several:
            self._database.change(update(jobs).where(jobs.c.leased_until > 0).values(leased_until=0))

    def done(self, connection: Connection, job: Job) -> None:
        """The job is over. In the transaction that records what came of it."""
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(state="done", key=None, due_at=now()))

    def again(self, connection: Connection, job: Job, after: float, error: str = "") -> None:
        """The job is to be done again, in so many seconds. Without an error that is no failed attempt."""
        values: dict[str, Any] = {"due_at": now() + after, "leased_until": 0, "error": error[:500]}
        if not error:
            values["attempts"] = 0
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))

    def dead(self, connection: Connection, job: Job, error: str) -> None:
        """The job is given up."""
        values = {"state": "dead", "key": None, "due_at": now(), "error": error[:500]}
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))

    def tidy(self) -> None:
        """Remove jobs that have been over for long."""
        self._database.change(delete(jobs).where(jobs.c.state != "waiting", jobs.c.due_at < now() - _KEPT))

    def counts(self) -> Sequence[tuple[str, str, int]]:
        """Kind, state and number of jobs."""
        with self._database.reading() as connection:
            grouped = select(jobs.c.kind, jobs.c.state, func.count()).group_by(jobs.c.kind, jobs.c.state)
            return [(row[0], row[1], row[2]) for row in connection.execute(grouped)]
