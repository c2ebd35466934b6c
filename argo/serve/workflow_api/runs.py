"""Runs of consumers as the service knows them: started within quotas, found again by id, stopped, removed.

pending -> running -> succeeded | failed | canceled
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, func, insert, select, update

from argo.backend import Json
from argo.serve.refusal import Refusal
from argo.serve.workflow_api import inputs, outbox
from argo.serve.workflow_api.consumers import Consumer, locked
from argo.serve.workflow_api.database import Database, Row, every, first, new_id, now
from argo.serve.workflow_api.schema import runs
from argo.workflow.values import text

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import OfferedAsset
    from argo.serve.workflow_api.settings import Limits
    from compiler.extend import Extension

ACTIVE: Final = ("pending", "running")
ENDED: Final = ("succeeded", "failed", "canceled")
_WINDOW: Final = 30 * 86400.0  # seconds over which GPU hours are counted


class Runs:
    """The runs in the store."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    def start(
        self,
        consumer: Consumer,
        offered: OfferedAsset,
        *,
        parameters: Mapping[str, Any] | None = None,
        uploads: Mapping[str, str] | None = None,
        extension: Extension | None = None,
        origin: str = "v1",
        key: str = "",
        body: Any = None,
        current: bool = True,
        also: Callable[[Connection, str], None] | None = None,
    ) -> Row:
        """Record a run, which a worker then submits. With a `key` the same call gives the same run, and
        one with another `body` is refused.

        `uploads` are ids by input; an input that is not named is the consumer's current one, unless `current` is False.
        `also` is done in the same transaction. Raises Refusal.
        """
        values = _texts(offered, parameters or {})
        _check_bounds(offered, extension)
        gpus = extension.gpu if extension is not None and extension.gpu is not None else offered.gpus
        wanted = {"parameters": values, "extension": extension and extension._asdict()}
        asked = hashlib.sha256(json.dumps([offered.name, body], sort_keys=True).encode()).hexdigest()
        made = str(uuid5(NAMESPACE_URL, f"{consumer.id}/{key}")) if key else new_id()
        with self._database.writing() as connection:
            locked(connection, consumer)
            known = first(connection, select(runs).where(runs.c.id == made))
            if known is not None:
                _check_same(known, asked)
                return known
            self._check_quota(connection, consumer, gpus)
            given = _given(connection, consumer, offered, uploads or {}, current=current)
            row = {
                "id": made, "consumer": consumer.id, "asset": offered.name, "version": offered.version,
                "origin": origin, "state": "pending", "gpus": gpus, "created_at": now(),
                "request": json.dumps({**wanted, "bucket": consumer.bucket, "uploads": given, "asked": asked}),
                "revision": revision(),
            }  # fmt: skip
            connection.execute(insert(runs).values(**row))
            outbox.add(connection, "submit", made, key=f"submit:{made}")
            if also is not None:
                also(connection, made)
            return every(connection, select(runs).where(runs.c.id == made))[0]

    def _check_quota(self, connection: Connection, consumer: Consumer, gpus: int) -> None:
        most = self._limits.runs if consumer.max_runs is None else consumer.max_runs
        active = select(func.count()).select_from(runs).where(runs.c.consumer == consumer.id, runs.c.state.in_(ACTIVE))
        if connection.execute(active).scalar_one() >= most:
            raise Refusal(429, "quota", f"you have {most} runs that have not ended; wait for one, or stop it", retry=30)
        hours = self._limits.gpu_hours if consumer.gpu_hours is None else consumer.gpu_hours
        if gpus and hours is not None and _gpu_hours(connection, consumer.id) >= hours:
            raise Refusal(429, "quota", f"you have used the {hours:g} GPU hours of 30 days", retry=3600)

    def gpu_hours(self, consumer: Consumer) -> float:
        """The GPU hours of a consumer in the last 30 days."""
        with self._database.reading() as connection:
            return _gpu_hours(connection, consumer.id)

    def get(self, consumer: Consumer | None, run: str) -> Row:
        """A consumer's run (None: anybody's). Raises Refusal: 404, also for somebody else's."""
        wanted = select(runs).where(runs.c.id == run, runs.c.deleted.is_(False))
        if consumer is not None:
            wanted = wanted.where(runs.c.consumer == consumer.id)
        row = self._database.first(wanted)
        if row is None:
            raise Refusal(404, "not-found", "there is no such run")
        return row

    def list(
        self, consumer: Consumer, *, asset: str | None = None, state: str | None = None, limit: int = 100,
        before: float | None = None,
    ) -> Sequence[Row]:  # fmt: skip
        """A consumer's runs, the newest first."""
        wanted = select(runs).where(runs.c.consumer == consumer.id, runs.c.deleted.is_(False))
        if asset is not None:
            wanted = wanted.where(runs.c.asset == asset)
        if state is not None:
            wanted = wanted.where(runs.c.state == state)
        if before is not None:
            wanted = wanted.where(runs.c.created_at < before)
        return self._database.every(wanted.order_by(runs.c.created_at.desc(), runs.c.id).limit(limit))

    def stop(self, run: str) -> None:
        """Have a run stopped; nothing happens to one that has ended."""
        with self._database.writing() as connection:
            stop(connection, run)

    def discard(self, run: str) -> None:
        """Have a run stopped, and removed when it has ended."""
        with self._database.writing() as connection:
            stop(connection, run)
            discard(connection, run)

    def remove(self, consumer: Consumer, run: str) -> None:
        """Remove a run that has ended, with its results. Raises Refusal."""
        row = self.get(consumer, run)
        if row["state"] not in ENDED:
            raise Refusal(409, "conflict", "the run has not ended", hint="stop it first")
        with self._database.writing() as connection:
            discard(connection, run)

    def counts(self) -> Sequence[tuple[str, int]]:
        """States and how many runs are in them."""
        with self._database.reading() as connection:
            grouped = select(runs.c.state, func.count()).group_by(runs.c.state)
            return [(row[0], row[1]) for row in connection.execute(grouped)]


def discard(connection: Connection, run: str) -> None:
    """Have a run removed with its results, when it has ended; from now on nobody sees it."""
    done = update(runs).where(runs.c.id == run, runs.c.deleted.is_(False))
    if connection.execute(done.values(deleted=True, revision=revision())).rowcount:
        outbox.add(connection, "remove", run, key=f"remove:{run}")


def stop(connection: Connection, run: str) -> None:
    """Have a run stopped, in a transaction of the caller's."""
    mine = (runs.c.id == run, runs.c.state.in_(ACTIVE), runs.c.stop.is_(False))
    done = connection.execute(update(runs).where(*mine).values(stop=True, revision=revision()))
    if done.rowcount:
        outbox.add(connection, "stop", run, key=f"stop:{run}")


def change(connection: Connection, run: str, **values: Any) -> bool:
    """Change what is known of a run that has not ended; whether it had not."""
    mine = (runs.c.id == run, runs.c.state.in_(ACTIVE))
    done = connection.execute(update(runs).where(*mine).values(revision=revision(), **values))
    return bool(done.rowcount)


def revision() -> int:
    """Grows with every change: microseconds since the epoch."""
    return int(now() * 1e6)


def shown(row: Row) -> Json:
    """A run as the service's own API shows it."""
    request = json.loads(row["request"])
    return {
        "id": row["id"], "asset": row["asset"], "version": row["version"], "state": row["state"],
        "message": row["message"], "stopping": bool(row["stop"]) and row["state"] in ACTIVE,
        "parameters": request["parameters"], "inputs": request["uploads"], "gpus": row["gpus"],
        "delivered": _delivered(row, request),
        "tasks": json.loads(row["worker"]).get("tasks", {}), "createdAt": row["created_at"],
        "startedAt": row["started_at"], "finishedAt": row["finished_at"],
    }  # fmt: skip


def _delivered(row: Row, request: Json) -> Json | None:
    """Where a run's results are in the consumer's own storage, when it has succeeded."""
    from argo.serve.workflow_api.delivery import prefix

    bucket = request.get("bucket")
    return {"bucket": bucket, "prefix": prefix(row)} if bucket and row["state"] == "succeeded" else None


def _texts(offered: OfferedAsset, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as texts, held against the asset. Raises Refusal."""
    from compiler.models.values import fault

    declared = offered.model.parameters
    values: dict[str, str] = {}
    for name, value in parameters.items():
        if name not in declared:
            known = ", ".join(declared) or "it takes none"
            raise Refusal(422, "invalid", f"{offered.name} has no parameter {name}", hint=known)
        values[name] = text(value)
        if wrong := fault(name, declared[name], values[name]):
            raise Refusal(422, "invalid", wrong)
    missing = [name for name, parameter in declared.items() if parameter.required and name not in values]
    if missing:
        raise Refusal(422, "invalid", f"missing parameters: {', '.join(missing)}")
    return values


def _check_same(known: Row, asked: str) -> None:
    """Raises Refusal where a key comes with another request than before."""
    if json.loads(known["request"]).get("asked", asked) != asked:
        message = "this Idempotency-Key has started another run"
        raise Refusal(422, "idempotency-key", message, hint="use a new key for another request")


def _check_bounds(offered: OfferedAsset, extension: Extension | None) -> None:
    """Raises Refusal with the name of the first rule that is broken."""
    from compiler.extend import Extension, violations

    broken = next(violations(offered.model, extension or Extension()), None)
    if broken is not None:
        raise Refusal(422, f"bounds:{broken.rule}", broken.message)


def _given(
    connection: Connection, consumer: Consumer, offered: OfferedAsset, ids: Mapping[str, str], *, current: bool
) -> dict[str, str]:
    """The ids of a run's inputs by name. Raises Refusal where one is missing, unknown or of something else."""
    for name in ids:
        if name not in offered.model.inputs:
            raise Refusal(422, "invalid", f"{offered.name} has no input {name}")
    latest = inputs.current(connection, consumer.id, offered.name) if current else {}
    given = {name: row["id"] for name, row in latest.items() if name in offered.model.inputs}
    known = inputs.chosen(connection, consumer.id, [*ids.values()])
    for name, id_ in ids.items():
        if id_ not in known or (known[id_]["asset"], known[id_]["input"]) != (offered.name, name):
            raise Refusal(422, "invalid", f"{name}: you have no such input")
        given[name] = id_
    missing = [name for name in offered.required() if name not in given]
    if missing:
        raise Refusal(422, "inputs-missing", f"missing inputs: {', '.join(missing)}")
    return given


def _gpu_hours(connection: Connection, consumer: str) -> float:
    moment = now()
    wanted = select(runs.c.gpus, runs.c.started_at, runs.c.finished_at).where(
        runs.c.consumer == consumer, runs.c.gpus > 0, runs.c.started_at.is_not(None),
        func.coalesce(runs.c.finished_at, moment) > moment - _WINDOW,
    )  # fmt: skip
    return math.fsum(
        gpus * ((finished or moment) - max(started, moment - _WINDOW)) / 3600
        for gpus, started, finished in connection.execute(wanted)
    )
