"""Keeps templates and schedules for the API of this machine, and counts all changes of runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple, cast

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
    question = (
        "SELECT name, namespace, uid FROM runs WHERE uid IN (SELECT uid FROM detached)"
        " AND phase NOT IN ('Succeeded', 'Failed', 'Error') ORDER BY created_at"
    )
    return [RunRef(*row) for row in state.select(question)]


def point(state: State, uid: str) -> Point:
    """A run in the count of changes."""
    found = state.select("SELECT version, revision FROM runs JOIN versions USING (uid) WHERE uid = ?", uid)
    return Point(*found[0]) if found else Point(0, 0)


def version(state: State) -> int:
    """The count of all changes so far."""
    return int(state.select("SELECT version FROM clock")[0][0])


def oldest(state: State) -> int:
    """The oldest version from which on all changes are known."""
    return max(_FIRST, version(state) - _REMEMBERED)


def changes(state: State, since: int) -> list[Change]:
    """Return the runs that changed or went after a version, in order."""
    rows = state.select(
        "SELECT version, uid, NULL FROM versions WHERE version > ?1"
        " UNION ALL SELECT version, uid, body FROM removed WHERE version > ?1 ORDER BY version",
        since,
    )
    return [Change(version, uid, body and json.loads(body)) for version, uid, body in rows]


def heads(state: State, namespace: str) -> list[tuple[Workflow, int]]:
    """The runs of a namespace (empty: of all) without their nodes, the newest first, each with its version."""
    rows = state.select(
        "SELECT body, status, version FROM runs JOIN versions USING (uid) WHERE ?1 IN ('', namespace)"
        " ORDER BY created_at DESC, name",
        namespace,
    )
    found = [({**json.loads(body), "status": json.loads(status)}, version) for body, status, version in rows]
    return cast("list[tuple[Workflow, int]]", found)


def tick(state: State) -> int:
    """Count one change that is of no run; the version it has."""

    def step(db: sqlite3.Connection) -> int:
        db.execute("UPDATE clock SET version = version + 1")
        return int(db.execute("SELECT version FROM clock").fetchone()[0])

    return state.apply(step)


def get(state: State, kind: str, namespace: str, name: str) -> Object | None:
    """One object that is kept."""
    question = "SELECT object FROM kept WHERE kind = ? AND namespace = ? AND name = ?"
    found = state.select(question, kind, namespace, name)
    return json.loads(found[0][0]) if found else None


def listed(state: State, kind: str, namespace: str) -> Sequence[Object]:
    """The objects of a kind, by name."""
    question = "SELECT object FROM kept WHERE kind = ? AND namespace = ? ORDER BY name"
    return [json.loads(text) for (text,) in state.select(question, kind, namespace)]


def put(state: State, value: Object, *, new: bool) -> bool:
    """Keep an object; False, and nothing changed, where it has to be `new` and is not, or the other way round."""
    metadata = value["metadata"]
    place = (value["kind"], metadata.get("namespace") or "", metadata["name"])
    change = "UPDATE kept SET object = ?4 WHERE kind = ?1 AND namespace = ?2 AND name = ?3"
    sql = "INSERT OR IGNORE INTO kept VALUES (?,?,?,?)" if new else change
    values = (*place, json.dumps(value, ensure_ascii=False))
    return state.apply(lambda db: db.execute(sql, values).rowcount == 1)


def delete(state: State, kind: str, namespace: str, name: str) -> bool:
    """Forget an object; False where there is none."""
    place = (kind, namespace, name)
    sql = "DELETE FROM kept WHERE kind = ? AND namespace = ? AND name = ?"
    return state.apply(lambda db: db.execute(sql, place).rowcount == 1)
