"""The tables of the service's store. Times are seconds since the epoch; ids are text that never repeats."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

# How a store of version n comes to be of n + 1: statements that SQLite and PostgreSQL both take, never edited once
# released, for tables that version n has. Tables that are new are made as they stand below.
STEPS: tuple[tuple[str, ...], ...] = ()
FIRST: Final = 1
metadata: Final = MetaData()

about = Table("about", metadata, Column("version", Integer, nullable=False))

consumers = Table(
    "consumers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("subject", String(512), unique=True),  # issuer and subject of an identity provider
    Column("disabled", Boolean, nullable=False, default=False),
    Column("max_runs", Integer),  # at once; null: the service's
    Column("gpu_hours", Float),  # in 30 days
    Column("max_bytes", BigInteger),  # of inputs kept
    Column("bucket", String(63)),  # where its results are delivered, besides
    Column("created_at", Float, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("consumer", String(36), ForeignKey("consumers.id"), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token, hex
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("note", Text, nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked", Boolean, nullable=False, default=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("consumer", String(36), ForeignKey("consumers.id"), nullable=False),
    Column("asset", String(63), nullable=False),
    Column("input", String(63), nullable=False),
    Column("filename", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes, as sent
    Column("sha256", String(64), nullable=False),
    Column("key", Text, nullable=False),  # in the store
    Column("location", Text, nullable=False),  # JSON: the fields of the argument artifact; empty for kind env
    Column("current", Boolean, nullable=False),  # the one that the next run takes
    Column("created_at", Float, nullable=False),
    Index("uploads_of", "consumer", "asset", "current"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("consumer", String(36), ForeignKey("consumers.id"), nullable=False),
    Column("asset", String(63), nullable=False),
    Column("version", String(63), nullable=False),
    Column("origin", String(16), nullable=False),  # v1, gx4ki, imla, edc
    Column("request", Text, nullable=False),  # JSON: parameters, uploads by input
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("stop", Boolean, nullable=False, default=False),
    Column("gpus", Integer, nullable=False, default=0),
    Column("name", String(63)),  # of the Workflow
    Column("namespace", String(63)),
    Column("uid", String(63)),
    Column("worker", Text, nullable=False, default="{}"),  # JSON: what is known of the tasks
    Column("results", Text, nullable=False, default="[]"),  # JSON: of a run that has ended
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("deleted", Boolean, nullable=False, default=False),
    Index("runs_of", "consumer", "asset", "created_at"),
    Index("runs_in", "state"),
    Index("runs_since", "revision"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("key", String(200), unique=True),  # of what is to be done once; null when it is done
    Column("kind", String(16), nullable=False),
    Column("subject", String(200), nullable=False),  # a run, a transfer
    Column("payload", Text, nullable=False, default="{}"),
    Column("due_at", Float, nullable=False),
    Column("leased_until", Float, nullable=False, default=0),
    Column("owner", String(36)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("state", String(8), nullable=False, default="waiting"),  # waiting, done, dead
    Column("error", Text, nullable=False, default=""),
    Index("jobs_due", "state", "due_at"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("consumer", String(36), ForeignKey("consumers.id"), nullable=False),
    Column("protocol", String(2), nullable=False),  # c1, c2, c3
    Column("process", String(200), nullable=False),  # transferProcessId, flowId, processId
    Column("resource", String(200), nullable=False, default=""),  # resourceDefinitionId, provisionResourceId
    Column("asset", String(200), nullable=False),
    Column("callback", Text, nullable=False),
    Column("run", String(36), ForeignKey("runs.id")),
    Column("state", String(16), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("consumer", "protocol", "process", "resource"),
    Index("transfers_of", "run"),
)

grants = Table(
    "grants",
    metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the token in the URL, hex
    Column("run", String(36), ForeignKey("runs.id"), nullable=False),
    Column("transfer", String(36), ForeignKey("transfers.id")),
    Column("output", String(63), nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
)
