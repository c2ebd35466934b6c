"""The service's store: SQLite for one copy, PostgreSQL for several; transactions that take turns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from argo.backend import RunRef
from argo.errors import EnvironmentFailure, UsageError
from argo.installed import install
from argo.service import schema

_FORMS = "write sqlite:///path or postgresql://user@host/name"
_PATIENCE = 30  # seconds to wait for a turn
_MIGRATION = 0x6172676F  # PostgreSQL's advisory lock of whoever makes the tables


Row = dict[str, Any]
"""A row of a table, by the names of its columns."""


def first(result: CursorResult[Any]) -> Row | None:
    """The first row of a result, None without one."""
    row = result.mappings().first()
    return None if row is None else {str(name): value for name, value in row.items()}


def every(result: CursorResult[Any]) -> list[Row]:
    """All rows of a result."""
    return [{str(name): value for name, value in row.items()} for row in result.mappings()]


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
        try:
            with answering():
                self._make()
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: all of it stands when the block ends, nothing when it raises."""
        with self.engine.connect() as connection:
            if not self.several:
                connection.execute(text("BEGIN IMMEDIATE"))
            with _committed(connection):
                yield connection

    def _make(self) -> None:
        with self.writing() as connection:
            if self.several:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION})"))
            schema.metadata.create_all(connection)
            found = connection.execute(select(schema.about.c.version)).scalar()
            if found is None:
                connection.execute(insert(schema.about).values(version=schema.VERSION))
            elif found != schema.VERSION:
                raise EnvironmentFailure(
                    f"the service's store is of version {found}, this program knows {schema.VERSION}",
                    known="nothing was changed",
                    hint="use the version of argosy that made it, or another store",
                )


@contextmanager
def _committed(connection: Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


@contextmanager
def answering() -> Iterator[None]:
    """What the store refuses, as an error that says so without the URL, which may hold a password."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).splitlines()[0][:200]
        raise EnvironmentFailure(
            f"the service's store cannot be used: {reason}",
            known="what was recorded before stands",
            hint="look at `service.database` in argosy.yaml, or ARGOSY_DATABASE, and whether the server is up",
        ) from None


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
        event.listen(engine, "connect", _pragmas)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
