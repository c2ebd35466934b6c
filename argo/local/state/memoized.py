"""Keeps the outputs of memoized templates beyond the run, for all runs of a namespace with the same store.

Argo keeps them in a ConfigMap of the namespace, labelled as such (workflow/controller/cache/configmap_cache.go).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from argo.backend import RunRef
from argo.errors import ConflictError
from argo.local.state.database import RunRow, State, parent_uid

LABEL = "workflows.argoproj.io/configmap-type"
_WRITE = "INSERT OR REPLACE INTO memoized (store, namespace, name, key, entry) VALUES (?,?,?,?,?)"


class MemoScope(NamedTuple):
    """The scope in which a ConfigMap of memoized entries is valid: one store, one namespace."""

    store: str
    namespace: str


def scope_of(row: RunRow) -> MemoScope:
    """The scope in which the entries of a run are valid; the store of ARGOSY_HOME has no name."""
    store = f"{row.store['endpoint']}/{row.store['bucket']}" if row.store else ""
    return MemoScope(store, row.ref.namespace)


class MemoCache:
    """The memoized entries of one scope."""

    def __init__(self, state: State, place: MemoScope) -> None:
        self._state = state
        self._place = place
        self._kept: dict[str, dict[str, str]] = {}  # by the name of the ConfigMap
        self._since: dict[str, int] = {}

    def entries(self, name: str) -> Mapping[str, str]:
        """The entries of a ConfigMap by their keys, as they are now."""
        question = "SELECT id, key, entry FROM memoized WHERE store = ? AND namespace = ? AND name = ? AND id > ?"
        asked = (*self._place, name, self._since.get(name, 0))
        kept = self._kept.setdefault(name, {})
        for number, key, entry in self._state.select(question + " ORDER BY id", *asked):
            self._since[name] = number
            kept[key] = entry
            if not entry:
                del kept[key]
        return kept

    def keep(self, name: str, data: Mapping[str, str]) -> None:
        """Write what differs from the entries last read: another run may have added some of its own since."""
        known = self._kept.get(name, {})
        rows = [(*self._place, name, key, entry) for key, entry in data.items() if known.get(key) != entry]
        self._state.apply(lambda db: db.executemany(_WRITE, rows))


def release(state: State, ref: RunRef) -> None:
    """Let no later run take over what this one stored. Raises ConflictError when another run has done so."""
    below = f"runs/{ref.namespace}/{ref.name}/{ref.uid}/"
    place = scope_of(state.row(ref.uid))
    state.apply(lambda db: _release(db, ref, place, below))


def _release(db: sqlite3.Connection, ref: RunRef, place: MemoScope, below: str) -> None:
    takers = db.execute(
        "SELECT DISTINCT uid FROM nodes WHERE instr(node, ?) AND instr(node, ?)",
        (below, '"memoizationStatus":{"hit":true'),
    )
    names = [name for (uid,) in takers.fetchall() if (name := _first(db, uid, ref.uid))]
    if names:
        raise ConflictError(
            f"what {ref.name} stored is also a result of {', '.join(names)}, taken from the cache",
            known="nothing was removed",
            hint="delete those runs first, or leave --results out",
        )
    found = "SELECT name, key FROM memoized WHERE store = ? AND namespace = ? AND instr(entry, ?)"
    rows = db.execute(found, (*place, below)).fetchall()
    db.executemany(_WRITE, [(*place, name, key, "") for name, key in rows])


def _first(db: sqlite3.Connection, uid: str, ours: str) -> str:
    """The name of the run, or of the one that it is a child of at any distance; empty where that is ours."""
    name = ""
    while uid and uid != ours:
        found = db.execute("SELECT name, body FROM runs WHERE uid = ?", (uid,)).fetchone()
        if found is None:
            return name
        name, uid = found[0], parent_uid(json.loads(found[1]))
    return "" if uid else name
