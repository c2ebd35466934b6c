"""Keeps templates and schedules for the API of this machine, and counts all changes of runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from argo.backend import RunRef
from argo.local.state.database import State
from compiler.manifest_types import Object, Workflow

_FIRST, _REMEMBERED = 1000, 10_000  # as in `argo.local.state.schema`


class Change(NamedTuple):
    """A run that changed, or went (`removed`: it as it was, without its status)."""

    version: int
    uid: str
    removed: Workflow | None = None


class Point(NamedTuple):
    """A run in the count of changes: the version of its last one, and how many it has had."""

    version: int
    generation: int


def detach(state: State, ref: RunRef) -> None:
    """Note that nobody at a terminal drives the run."""
    state.apply(lambda db: db.execute("INSERT OR IGNORE INTO detached VALUES (?)", (ref.uid,)))


def detached(state: State) -> list[RunRef]:
    """The runs that nobody at a terminal drives and that have not ended, the oldest first."""
    rows = state.apply(
        lambda db: db.execute(
            "SELECT name, namespace, uid FROM runs WHERE uid IN (SELECT uid FROM detached)"
            " AND phase NOT IN ('Succeeded', 'Failed', 'Error') ORDER BY created_at"
        ).fetchall(),
        write=False,
    )
    return [RunRef(*row) for row in rows]


def point(state: State, uid: str) -> Point:
    """A run in the count of changes."""
    row = state.apply(
        lambda db: db.execute(
            "SELECT version, revision FROM runs JOIN versions USING (uid) WHERE uid = ?", (uid,)
        ).fetchone(),
        write=False,
    )
    return Point(*row) if row else Point(0, 0)


def version(state: State) -> int:
    """The count of all changes so far."""
    return int(state.apply(_clock, write=False))


def oldest(state: State) -> int:
    """The oldest version from which on all changes are known."""
    return max(_FIRST, version(state) - _REMEMBERED)


def changes(state: State, since: int) -> list[Change]:
    """Return the runs that changed or went after a version, in order."""

    def read(db: sqlite3.Connection) -> list[Change]:
        changed = db.execute("SELECT version, uid FROM versions WHERE version > ?", (since,)).fetchall()
        removed = db.execute("SELECT version, uid, body FROM removed WHERE version > ?", (since,)).fetchall()
        found = [Change(*row) for row in changed]
        return sorted(found + [Change(row[0], row[1], json.loads(row[2])) for row in removed])

    return state.apply(read, write=False)


def heads(state: State, namespace: str) -> list[tuple[Workflow, int]]:
    """The runs of a namespace (empty: of all) without their nodes, the newest first, each with its version."""
    rows = state.apply(
        lambda db: db.execute(
            "SELECT body, status, version FROM runs JOIN versions USING (uid) WHERE ?1 IN ('', namespace)"
            " ORDER BY created_at DESC, name",
            (namespace,),
        ).fetchall(),
        write=False,
    )
    found: list[tuple[Workflow, int]] = [(json.loads(row[0]), int(row[2])) for row in rows]
    for (workflow, _), row in zip(found, rows, strict=True):
        workflow["status"] = json.loads(row[1])
    return found


def tick(state: State) -> int:
    """Count one change that is of no run; the version it has."""

    def step(db: sqlite3.Connection) -> int:
        db.execute("UPDATE clock SET version = version + 1")
        return _clock(db)

    return state.apply(step)


def get(state: State, kind: str, namespace: str, name: str) -> Object | None:
    """One object that is kept."""
    row = state.apply(
        lambda db: db.execute(
            "SELECT object FROM kept WHERE kind = ? AND namespace = ? AND name = ?", (kind, namespace, name)
        ).fetchone(),
        write=False,
    )
    return json.loads(row[0]) if row else None


def listed(state: State, kind: str, namespace: str) -> Sequence[Object]:
    """The objects of a kind, by name."""
    rows = state.apply(
        lambda db: db.execute(
            "SELECT object FROM kept WHERE kind = ? AND namespace = ? ORDER BY name", (kind, namespace)
        ).fetchall(),
        write=False,
    )
    return [json.loads(row[0]) for row in rows]


def put(state: State, value: Object, *, new: bool) -> bool:
    """Keep an object; False, and nothing changed, where it has to be `new` and is not, or the other way round."""
    metadata = value["metadata"]
    place = (value["kind"], metadata.get("namespace") or "", metadata["name"])
    text = json.dumps(value, ensure_ascii=False)

    def step(db: sqlite3.Connection) -> bool:
        if new:
            done = db.execute("INSERT OR IGNORE INTO kept VALUES (?,?,?,?)", (*place, text))
        else:
            sql = "UPDATE kept SET object = ? WHERE kind = ? AND namespace = ? AND name = ?"
            done = db.execute(sql, (text, *place))
        return done.rowcount == 1

    return state.apply(step)


def delete(state: State, kind: str, namespace: str, name: str) -> bool:
    """Forget an object; False where there is none."""
    place = (kind, namespace, name)
    sql = "DELETE FROM kept WHERE kind = ? AND namespace = ? AND name = ?"
    return state.apply(lambda db: db.execute(sql, place).rowcount == 1)


def _clock(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT version FROM clock").fetchone()[0])
