"""Consumers of the service and their tokens: random, kept as digests, scoped, expiring."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from argo.errors import ConflictError, NotFoundError, UsageError
from argo.serve.workflow_api.database import Database, Row, new_id, now
from argo.serve.workflow_api.schema import consumers, tokens
from argo.workflow.naming import check_name

SCOPES: Final = {
    "assets": "see the assets",
    "inputs": "upload inputs",
    "runs": "start, follow and stop runs",
    "outputs": "read results",
    "edc": "act as a connector",
}
DEFAULT_SCOPES: Final = ("assets", "inputs", "runs", "outputs")
PREFIX: Final = "argosy_"
SHORTEST: Final = 16  # letters of a token that is given, not made


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whoever uses the service. Limits that are None are the service's own."""

    id: str
    name: str
    max_runs: int | None = None
    gpu_hours: float | None = None
    max_bytes: int | None = None
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """A consumer, and what its credentials allow."""

    consumer: Consumer
    scopes: frozenset[str]


def digest(token: str) -> str:
    """Digest a token, to be kept. The tokens made here have 256 random bits: no salt or stretching makes that safer."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The scopes in their order. Raises UsageError for one that is not there."""
    wanted = set(scopes)
    if unknown := wanted - SCOPES.keys():
        raise UsageError(f"there is no scope {min(unknown)}", hint=f"there are: {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in wanted)


class Consumers:
    """The consumers in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, *, subject: str | None = None, **limits: Any) -> Consumer:
        """A new consumer. Raises ConflictError, UsageError for what is no name."""
        check_name(name)
        made = new_id()
        row = {"id": made, "name": name, "subject": subject, "disabled": False, "created_at": now(), **limits}
        try:
            self._database.change(insert(consumers).values(**row))
        except IntegrityError:
            raise ConflictError(f"there is a consumer {name} already", known="nothing was changed") from None
        return self.named(name)

    def named(self, name: str) -> Consumer:
        """Raises NotFoundError."""
        row = self._database.first(select(consumers).where(consumers.c.name == name))
        if row is None:
            raise NotFoundError(f"there is no consumer {name}", hint="argosy consumers list")
        return _consumer(row)

    def of_subject(self, subject: str) -> Consumer | None:
        """The consumer of an identity provider's subject; None where there is none, or it is disabled."""
        wanted = select(consumers).where(consumers.c.subject == subject, consumers.c.disabled.is_(False))
        row = self._database.first(wanted)
        return None if row is None else _consumer(row)

    def all(self) -> Sequence[Row]:
        """Every consumer with its limits and its tokens, without what would open anything."""
        rows = self._database.every(select(consumers).order_by(consumers.c.name))
        keys = self._database.every(select(tokens).order_by(tokens.c.created_at))
        shown = ("id", "note", "scopes", "created_at", "expires_at", "revoked")
        return [
            {**row, "tokens": [{name: key[name] for name in shown} for key in keys if key["consumer"] == row["id"]]}
            for row in rows
        ]

    def change(self, name: str, **values: Any) -> None:
        """Change limits, or `disabled`."""
        found = self.named(name)
        self._database.change(update(consumers).where(consumers.c.id == found.id).values(**values))

    def issue(
        self, name: str, scopes: Iterable[str], *, lasts: float | None = None, note: str = "", given: str = ""
    ) -> str:
        """A new token, which is told this once; `lasts` in seconds. `given` is one that clients have already."""
        consumer, allowed = self.named(name), check_scopes(scopes)
        if given and len(given) < SHORTEST:
            raise UsageError("the token is too short", hint=f"give it {SHORTEST} letters or more")
        token = given or PREFIX + secrets.token_urlsafe(32)
        row = {
            "id": new_id(), "consumer": consumer.id, "digest": digest(token), "scopes": " ".join(allowed),
            "note": note, "created_at": now(), "expires_at": None if lasts is None else now() + lasts,
            "revoked": False,
        }  # fmt: skip
        try:
            self._database.change(insert(tokens).values(**row))
        except IntegrityError:
            raise ConflictError("this token is known already", known="nothing was changed") from None
        return token

    def revoke(self, token: str) -> None:
        """Let a token, known by its id, open nothing any more. Raises NotFoundError."""
        if not self._database.change(update(tokens).where(tokens.c.id == token).values(revoked=True)):
            raise NotFoundError(f"there is no token {token}", hint="argosy consumers list")

    def caller(self, token: str) -> Caller | None:
        """Whose token this is; None where it opens nothing."""
        wanted = (
            select(consumers, tokens.c.scopes)
            .join(tokens, tokens.c.consumer == consumers.c.id)
            .where(
                tokens.c.digest == digest(token),
                tokens.c.revoked.is_(False),
                consumers.c.disabled.is_(False),
                (tokens.c.expires_at.is_(None)) | (tokens.c.expires_at > now()),
            )
        )
        row = self._database.first(wanted)
        return None if row is None else Caller(_consumer(row), frozenset(row["scopes"].split()))


def locked(connection: Connection, consumer: Consumer) -> None:
    """Have everybody else who counts what this consumer has wait for this transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(consumers.c.id).where(consumers.c.id == consumer.id).with_for_update())


def _consumer(row: Row) -> Consumer:
    return Consumer(row["id"], row["name"], row["max_runs"], row["gpu_hours"], row["max_bytes"], row["bucket"])
