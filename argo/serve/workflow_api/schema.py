"""The tables of the service's store. Times are seconds since the epoch; ids are text that never repeats."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sql

# How a store of version n comes to be of n + 1: statements that SQLite and PostgreSQL both take, never edited once
# released, for tables that version n has. Tables that are new are made as they stand below.
STEPS: tuple[tuple[str, ...], ...] = ()
FIRST: Final = 1
metadata: Final = sql.MetaData()


def _table(name: str, *columns: sql.schema.SchemaItem) -> sql.Table:
    return sql.Table(name, metadata, sql.Column("id", sql.String(36), primary_key=True), *columns)


about = sql.Table("about", metadata, sql.Column("version", sql.Integer, nullable=False))

consumers = _table(
    "consumers",
    sql.Column("name", sql.String(63), nullable=False, unique=True),
    sql.Column("subject", sql.String(512), unique=True),  # issuer and subject of an identity provider
    sql.Column("disabled", sql.Boolean, nullable=False, default=False),
    sql.Column("max_runs", sql.Integer),  # at once; null: the service's
    sql.Column("gpu_hours", sql.Float),  # in 30 days
    sql.Column("max_bytes", sql.BigInteger),  # of inputs kept
    sql.Column("bucket", sql.String(63)),  # where its results are delivered, besides
    sql.Column("created_at", sql.Float, nullable=False),
)

tokens = _table(
    "tokens",
    sql.Column("consumer", sql.String(36), sql.ForeignKey("consumers.id"), nullable=False),
    sql.Column("digest", sql.String(64), nullable=False, unique=True),  # SHA-256 of the token, hex
    sql.Column("scopes", sql.Text, nullable=False),  # separated by spaces
    sql.Column("note", sql.Text, nullable=False, default=""),
    sql.Column("created_at", sql.Float, nullable=False),
    sql.Column("expires_at", sql.Float),
    sql.Column("revoked", sql.Boolean, nullable=False, default=False),
)

uploads = _table(
    "uploads",
    sql.Column("consumer", sql.String(36), sql.ForeignKey("consumers.id"), nullable=False),
    sql.Column("asset", sql.String(63), nullable=False),
    sql.Column("input", sql.String(63), nullable=False),
    sql.Column("filename", sql.Text, nullable=False),
    sql.Column("size", sql.BigInteger, nullable=False),  # bytes, as sent
    sql.Column("sha256", sql.String(64), nullable=False),
    sql.Column("key", sql.Text, nullable=False),  # in the store
    sql.Column("location", sql.Text, nullable=False),  # JSON: the fields of the argument artifact; empty for kind env
    sql.Column("current", sql.Boolean, nullable=False),  # the one that the next run takes
    sql.Column("created_at", sql.Float, nullable=False),
    sql.Index("uploads_of", "consumer", "asset", "current"),
)

runs = _table(
    "runs",
    sql.Column("consumer", sql.String(36), sql.ForeignKey("consumers.id"), nullable=False),
    sql.Column("asset", sql.String(63), nullable=False),
    sql.Column("version", sql.String(63), nullable=False),
    sql.Column("origin", sql.String(16), nullable=False),  # v1, gx4ki, imla, edc
    sql.Column("request", sql.Text, nullable=False),  # JSON: parameters, uploads by input
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("message", sql.Text, nullable=False, default=""),
    sql.Column("stop", sql.Boolean, nullable=False, default=False),
    sql.Column("gpus", sql.Integer, nullable=False, default=0),
    sql.Column("name", sql.String(63)),  # of the Workflow
    sql.Column("namespace", sql.String(63)),
    sql.Column("uid", sql.String(63)),
    sql.Column("worker", sql.Text, nullable=False, default="{}"),  # JSON: what is known of the tasks
    sql.Column("results", sql.Text, nullable=False, default="[]"),  # JSON: of a run that has ended
    sql.Column("created_at", sql.Float, nullable=False),
    sql.Column("started_at", sql.Float),
    sql.Column("finished_at", sql.Float),
    sql.Column("revision", sql.BigInteger, nullable=False, default=0),
    sql.Column("deleted", sql.Boolean, nullable=False, default=False),
    sql.Index("runs_of", "consumer", "asset", "created_at"),
    sql.Index("runs_in", "state"),
    sql.Index("runs_since", "revision"),
)

jobs = _table(
    "jobs",
    sql.Column("key", sql.String(200), unique=True),  # of what is to be done once; null when it is done
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("subject", sql.String(200), nullable=False),  # a run, a transfer
    sql.Column("payload", sql.Text, nullable=False, default="{}"),
    sql.Column("due_at", sql.Float, nullable=False),
    sql.Column("leased_until", sql.Float, nullable=False, default=0),
    sql.Column("owner", sql.String(36)),
    sql.Column("attempts", sql.Integer, nullable=False, default=0),
    sql.Column("state", sql.String(8), nullable=False, default="waiting"),  # waiting, done, dead
    sql.Column("error", sql.Text, nullable=False, default=""),
    sql.Index("jobs_due", "state", "due_at"),
)

transfers = _table(
    "transfers",
    sql.Column("consumer", sql.String(36), sql.ForeignKey("consumers.id"), nullable=False),
    sql.Column("protocol", sql.String(2), nullable=False),  # c1, c2, c3
    sql.Column("process", sql.String(200), nullable=False),  # transferProcessId, flowId, processId
    sql.Column("resource", sql.String(200), nullable=False, default=""),  # resourceDefinitionId, provisionResourceId
    sql.Column("asset", sql.String(200), nullable=False),
    sql.Column("callback", sql.Text, nullable=False),
    sql.Column("run", sql.String(36), sql.ForeignKey("runs.id")),
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("message", sql.Text, nullable=False, default=""),
    sql.Column("created_at", sql.Float, nullable=False),
    sql.UniqueConstraint("consumer", "protocol", "process", "resource"),
    sql.Index("transfers_of", "run"),
)

grants = sql.Table(
    "grants",
    metadata,
    sql.Column("digest", sql.String(64), primary_key=True),  # SHA-256 of the token in the URL, hex
    sql.Column("run", sql.String(36), sql.ForeignKey("runs.id"), nullable=False),
    sql.Column("transfer", sql.String(36), sql.ForeignKey("transfers.id")),
    sql.Column("output", sql.String(63), nullable=False),
    sql.Column("expires_at", sql.Float, nullable=False),
    sql.Column("revoked", sql.Boolean, nullable=False, default=False),
)
