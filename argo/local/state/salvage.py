"""Makes a new state of all that can still be read of a damaged one, which is kept beside it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from argo.errors import ConflictError
from argo.local.state.database import alone
from argo.local.state.lock import RunLock
from argo.local.state.schema import migrate

# Columns whose text is JSON, in every table that has them; an entry that was forgotten is empty.
_JSON = frozenset({"body", "status", "images", "node", "request", "object", "arguments", "entry"})


class Salvage(NamedTuple):
    """Where the damaged state lies now, and the names of the runs that were read from it."""

    kept: Path
    runs: list[str]


def salvage(path: Path) -> Salvage:
    """Rebuild the state at `path`. Raises ConflictError while a process drives a run of it."""
    driven = [folder.name for folder in sorted(path.parent.glob("runs/*")) if RunLock(folder).held()]
    if driven:
        raise ConflictError(
            "processes that drive runs have the state open",
            known=f"nothing was changed; {len(driven)} run{'s' * (len(driven) > 1)}: {', '.join(driven)}",
            hint="leave them with Ctrl-C, or end them, then repeat the command",
        )
    with alone(path):
        kept = _free(path)
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").rename(f"{kept}{suffix}")
        with closing(sqlite3.connect(kept)) as old, closing(sqlite3.connect(path, isolation_level=None)) as new:
            old.text_factory = bytes
            new.execute("PRAGMA journal_mode = WAL")
            migrate(new)
            _copy_all(old, new)
            return Salvage(kept, [name for (name,) in new.execute("SELECT name FROM runs ORDER BY created_at")])


def _free(path: Path) -> Path:
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return kept


def _copy_all(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    tables = [name for (name,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")]
    new.execute("BEGIN")
    for table in tables:
        if not table.startswith("sqlite_"):
            _copy(old, new, table)
    new.execute("UPDATE clock SET version = (SELECT max(version) FROM clock)")
    new.execute("DELETE FROM clock WHERE rowid > 1")
    for table in ("nodes", "pods", "objects", "commands", "children", "versions", "detached"):
        new.execute(f"DELETE FROM {table} WHERE uid NOT IN (SELECT uid FROM runs)")  # noqa: S608 -- our own names
    new.execute("COMMIT")


def _text(value: Any, column: str) -> Any:
    """A value as it was written; ValueError where it cannot have been."""
    if not isinstance(value, bytes):
        return value
    text = value.decode()
    if column in _JSON and text:
        json.loads(text)
    return text


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    """Copy the rows that can be read: from the first on, then from the last back to the damage."""
    with suppress(sqlite3.DatabaseError):
        has = {row[1].decode() for row in old.execute(f"PRAGMA table_info({table})")}
        about = [row for row in new.execute(f"PRAGMA table_info({table})") if row[1] in has]
        names = [row[1] for row in about]
        columns = ", ".join(names)
        order = ", ".join(f"{row[1]} DESC" for row in about if row[5]) or "rowid DESC"
        insert = f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({', '.join('?' * len(about))})"  # noqa: S608
        for way in ("", f" ORDER BY {order}"):
            try:
                for row in old.execute(f"SELECT {columns} FROM {table}{way}"):  # noqa: S608
                    with suppress(ValueError):  # not the text that was written
                        new.execute(insert, [_text(*pair) for pair in zip(row, names, strict=True)])
                break
            except sqlite3.DatabaseError:
                continue
