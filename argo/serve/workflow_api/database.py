"""The service's store: SQLite for one copy, PostgreSQL for several; transactions that take turns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy
from sqlalchemy import Connection, Engine, Select, UpdateBase, create_engine, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from argo.app.installed import install
from argo.backend import RunRef
from argo.errors import EnvironmentFailure, UsageError
from argo.files.private import keep_private
from argo.files.shortage import damaged, lacking, probe, shortage
from argo.local.state.database import alone
from argo.serve.workflow_api import schema

_FORMS = "write sqlite:///path or postgresql://user@host/name"
_PATIENCE = 30  # seconds to wait for a turn
_MIGRATION = 0x6172676F  # PostgreSQL's advisory lock of whoever makes the tables


Row = dict[str, Any]
"""A row of a table, by the names of its columns."""


def every(connection: Connection, wanted: Select[Any]) -> list[Row]:
    """All rows that are wanted."""
    return [{str(name): value for name, value in row.items()} for row in connection.execute(wanted).mappings()]


def first(connection: Connection, wanted: Select[Any]) -> Row | None:
    """The first row that is wanted, None without one."""
    return next(iter(every(connection, wanted)), None)


def ref_of(row: Mapping[str, Any]) -> RunRef:
    """The Workflow of a row of `runs` that has been submitted."""
    return RunRef(row["name"], row["namespace"], row["uid"])


def new_id() -> str:
    """An id that never repeats."""
    return str(uuid4())


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


class Database:
    """The store at a URL: `sqlite:///path`, `postgresql://user@host/name`.

    Methods of SQLAlchemy raise its own errors; `answering` makes them EnvironmentFailure.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.several = self.engine.dialect.name == "postgresql"
        name = "" if self.several else self.engine.url.database or ""
        self.file = Path(name) if name.strip(":") not in ("", "memory") else None
        try:
            with answering(self.file), alone(self.file) if self.file else nullcontext():
                there = self.file is not None and self.file.exists()
                if self.file is not None:
                    keep_private(self.file)
                self._make(there=there)
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def reading(self) -> Connection:
        """A connection to read with, for the block that it is entered in."""
        return self.engine.connect()

    def every(self, wanted: Select[Any]) -> list[Row]:
        """All rows that are wanted."""
        with self.reading() as connection:
            return every(connection, wanted)

    def first(self, wanted: Select[Any]) -> Row | None:
        """The first row that is wanted, None without one."""
        return next(iter(self.every(wanted)), None)

    def change(self, statement: UpdateBase) -> int:
        """Carry out a statement in a transaction of its own; the number of rows that it met."""
        with self.writing() as connection:
            return connection.execute(statement).rowcount

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it stands when the block ends, nothing when it raises."""
        with self.engine.begin() as connection:
            if not self.several:
                connection.execute(text("BEGIN IMMEDIATE"))
            yield connection

    def _make(self, *, there: bool) -> None:
        """Make the tables, or bring those of an older version to this one; `there`: a file that holds some already."""
        newest = schema.FIRST + len(schema.STEPS)
        with self.writing() as connection:
            if self.several:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION})"))
            if there and not sqlalchemy.inspect(connection).has_table("about"):
                raise _emptied(self.file)
            schema.metadata.create_all(connection)
            found = connection.execute(select(schema.about.c.version)).scalar()
            if found is None:
                connection.execute(insert(schema.about).values(version=newest))
            elif found > newest:
                raise EnvironmentFailure(
                    f"the service's store is of version {found}, this program knows up to {newest}",
                    known="nothing was changed",
                    hint="use the version of argosy that made it, or another store",
                )
            elif found < newest:
                for statement in (statement for step in schema.STEPS[found - schema.FIRST :] for statement in step):
                    connection.execute(text(statement))
                connection.execute(update(schema.about).values(version=newest))


@contextmanager
def answering(file: Path | None = None) -> Iterator[None]:
    """Turn what the database refuses into an error that says so without the URL, which may hold a password.

    `file` is that of SQLite, which does not say why it cannot write to it.
    """
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise _unusable(getattr(error, "orig", None) or error, file) from None


def _unusable(error: BaseException, file: Path | None) -> EnvironmentFailure:
    known = "what was recorded before stands"
    if file is not None and damaged(error):
        return EnvironmentFailure(
            f"the service's store {file} is damaged: {error}",
            known="nothing was changed",
            hint=f"put a copy back, or what can be read: sqlite3 {file} .recover | sqlite3 NEW, then mv NEW {file}",
        )
    if found := shortage(error) or (shortage(probe(file.parent)) if file else None):
        return lacking(found, file or "the service's store", known=known, then="repeat the command")
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return EnvironmentFailure(
        f"the service's store cannot be used: {reason}",
        known=known,
        hint="look at `service.database` in argosy.yaml, or ARGOSY_DATABASE, and whether the server is up",
    )


def _emptied(file: Path | None) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"the service's store {file} holds nothing: it was emptied or cut short",
        known="nothing was changed; consumers, tokens and what is known of runs were in it",
        hint=f"put a copy of it back, or begin anew: mv {file} {file}.old",
    )


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError("the store's URL is none", hint=_FORMS) from None
    options: dict[str, Any] = {"pool_pre_ping": True}
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        options |= {"pool_size": 8, "max_overflow": 8, "isolation_level": "READ COMMITTED"}
    elif parsed.drivername == "sqlite":
        options |= {"connect_args": {"timeout": _PATIENCE, "check_same_thread": False}}
    else:
        raise UsageError(f"{parsed.drivername}: no such store", hint=_FORMS)
    try:
        engine = create_engine(parsed, **options)
    except (NoSuchModuleError, ImportError):
        raise UsageError("the store needs psycopg", hint=install("postgres")) from None
    if parsed.drivername == "sqlite":
        sqlalchemy.event.listen(engine, "connect", _pragmas)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
