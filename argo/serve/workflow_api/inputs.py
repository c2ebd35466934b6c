"""Inputs of consumers: received into a spool, checked, stored under a key of their own, counted."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, func, insert, select, update

from argo.backend import Json
from argo.errors import ArgosyError, EnvironmentFailure, UsageError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api import outbox
from argo.serve.workflow_api.consumers import Consumer, locked
from argo.serve.workflow_api.database import Database, Row, every, new_id, now
from argo.serve.workflow_api.schema import runs, uploads
from argo.submission.uploads import Upload, upload

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import OfferedAsset
    from argo.serve.workflow_api.place import TargetBackend
    from argo.serve.workflow_api.settings import Limits
    from argo.storage import Store
    from argo.storage.store import Readable

_ENV_LIMIT: Final = 1 << 20  # bytes: what a ConfigMap holds


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A received file: its path in a folder of the service, size in bytes, SHA-256, the name that the client gave."""

    path: Path
    size: int
    sha256: str
    filename: str


@contextmanager
def spool() -> Iterator[Path]:
    """A file to receive into; it goes with the block."""
    with tempfile.TemporaryDirectory(prefix="argosy-input-") as folder:
        yield Path(folder, "content")


@contextmanager
def spooled(data: bytes, filename: str) -> Iterator[ReceivedFile]:
    """Bytes of the service's own, as if they had been received."""
    with spool() as path:
        path.write_bytes(data)
        yield ReceivedFile(path, len(data), hashlib.sha256(data).hexdigest(), filename)


class Inputs:
    """The inputs of all consumers. What is stored lies below `inputs/<consumer>/<id>/`, and is never written again."""

    def __init__(self, database: Database, limits: Limits, place: TargetBackend) -> None:
        self._database = database
        self._limits = limits
        self._place = place

    def limit(self, consumer: Consumer) -> int:
        """The bytes that a consumer's inputs may have together."""
        return self._limits.storage if consumer.max_bytes is None else consumer.max_bytes

    def largest(self, kind: str) -> int:
        """The bytes that one input may have."""
        return min(self._limits.upload, _ENV_LIMIT) if kind == "env" else self._limits.upload

    def keep(
        self, consumer: Consumer, offered: OfferedAsset, name: str, given: ReceivedFile, *, current: bool = True
    ) -> dict[str, object]:
        """Store an input: for the consumer's next runs of an asset, or (not `current`) for those that name it.

        Raises Refusal, UsageError, StoreError.
        """
        kind = offered.model.inputs[name].kind
        left = self.room(consumer, str(given.size))
        store = self._place.backend.store()
        with self._storing(store) as (made, stored):
            size = given.size

            def put(key: str, path: Path) -> None:
                nonlocal size
                size = max(size, path.stat().st_size)  # an archive is stored packed anew
                if size > left:
                    raise self._no_room(consumer)
                stored.append(key)
                store.put_file(key, path)

            location = self._store(kind, name, given, _prefix(consumer, made), put)
            about = {"filename": given.filename, "size": size, "sha256": given.sha256, "current": current}
            return self._record(consumer, offered, name, location, {"id": made, "key": stored[0], **about})

    def stream(
        self, consumer: Consumer, offered: OfferedAsset, name: str, filename: str, source: Readable
    ) -> dict[str, object]:
        """As `keep`, of an input of kind file: stored as it comes, without a copy here. Raises Refusal, StoreError."""
        store = self._place.backend.store()
        with self._storing(store) as (made, stored):
            key = f"{_prefix(consumer, made)}/content"
            stored.append(key)
            info = store.put_stream(key, source)
            location = {"s3": {"key": key}, "archive": {"none": {}}}
            about = {"filename": filename, "size": info.size, "sha256": info.sha256, "current": True}
            return self._record(consumer, offered, name, location, {"id": made, "key": key, **about})

    @contextmanager
    def _storing(self, store: Store) -> Iterator[tuple[str, list[str]]]:
        """The id of a new input, and a list for the keys of what is stored of it: removed when this fails."""
        stored: list[str] = []
        try:
            yield new_id(), stored
        except BaseException:
            for key in stored:
                with suppress(ArgosyError):
                    store.delete(key)
            raise

    def room(self, consumer: Consumer, length: str) -> int:
        """The bytes that a consumer's inputs may still take. Raises Refusal where an input of so many (as
        Content-Length says it, if at all) would be too much."""
        left = self.limit(consumer) - self.used(consumer)
        if left < 0 or (length.isdecimal() and int(length) > left):
            raise self._no_room(consumer)
        return left

    def _no_room(self, consumer: Consumer) -> Refusal:
        return Refusal(413, "quota", f"your inputs would take more than {self.limit(consumer)} bytes")

    def _store(self, kind: str, name: str, given: ReceivedFile, prefix: str, put: Any) -> Json:
        if kind == "env":
            _check_variables(name, given.path)
            put(f"{prefix}/{name}.env", given.path)
            return {}
        form = "archive" if kind == "directory" else kind
        wanted = Upload(name, form, given.path, self._limits.unpacked, self._limits.files)
        try:
            return upload(wanted, prefix, put)
        except ArgosyError as error:
            if stored_failed(error) or isinstance(error, EnvironmentFailure):
                raise
            raise UsageError(f"the input {name} is refused: {error.message.replace(str(given.path), 'it')}") from None

    def _record(
        self, consumer: Consumer, offered: OfferedAsset, name: str, location: Json, about: Row
    ) -> dict[str, object]:
        whose = {"consumer": consumer.id, "asset": offered.name, "input": name}
        row = {**about, **whose, "location": json.dumps(location), "created_at": now()}
        with self._database.writing() as connection:
            locked(connection, consumer)
            if self._used(connection, consumer) + row["size"] > self.limit(consumer):
                raise self._no_room(consumer)
            if row["current"]:
                _let_go(connection, consumer.id, row["asset"], row["input"])
            connection.execute(insert(uploads).values(**row))
        return shown(row)

    def used(self, consumer: Consumer) -> int:
        """The bytes of a consumer's inputs that are kept."""
        with self._database.reading() as connection:
            return self._used(connection, consumer)

    def _used(self, connection: Connection, consumer: Consumer) -> int:
        wanted = select(func.coalesce(func.sum(uploads.c.size), 0)).where(uploads.c.consumer == consumer.id)
        return int(connection.execute(wanted).scalar_one())

    def current(self, consumer: Consumer, asset: str) -> dict[str, Row]:
        """The inputs that the consumer's next run of an asset takes, by name."""
        with self._database.reading() as connection:
            return current(connection, consumer.id, asset)

    def forget(self, consumer: Consumer, asset: str, name: str) -> None:
        """Let the consumer's next run of an asset have no such input. Runs that have it keep it."""
        with self._database.writing() as connection:
            _let_go(connection, consumer.id, asset, name)

    def drop(self, consumer: Consumer, upload_: str) -> bool:
        """Forget an input that is not a current one, as soon as no run takes it; whether there is one."""
        with self._database.writing() as connection:
            row = chosen(connection, consumer.id, [upload_]).get(upload_)
            if row is not None and not row["current"]:
                outbox.add(connection, "forget", upload_, key=f"forget:{upload_}")
            return row is not None

    def get(self, consumer: Consumer, upload_: str) -> Row | None:
        """A consumer's input by its id: a row of `uploads`."""
        with self._database.reading() as connection:
            return chosen(connection, consumer.id, [upload_]).get(upload_)

    def content(self, row: Mapping[str, Any]) -> bytes:
        """Return the content of an input of kind env. Raises StoreError."""
        with spool() as path:
            self._place.backend.store().get_file(row["key"], path)
            return path.read_bytes()


def _prefix(consumer: Consumer, upload_: str) -> str:
    return f"inputs/{consumer.id}/{upload_}"


def _let_go(connection: Connection, consumer: str, asset: str, name: str) -> None:
    """Let the next run have no such input; what no run needs any more is removed."""
    mine = (
        uploads.c.consumer == consumer, uploads.c.asset == asset, uploads.c.input == name, uploads.c.current.is_(True),
    )  # fmt: skip
    for row in every(connection, select(uploads).where(*mine)):
        outbox.add(connection, "forget", row["id"], key=f"forget:{row['id']}")
    connection.execute(update(uploads).where(*mine).values(current=False))


def needed(connection: Connection, row: Mapping[str, Any]) -> bool:
    """True where a run uses the input, or may still use it."""
    wanted = select(runs.c.request).where(runs.c.consumer == row["consumer"], runs.c.state.in_(("pending", "running")))
    return bool(row["current"]) or any(row["id"] in found[0] for found in connection.execute(wanted))


def _check_variables(name: str, path: Path) -> None:
    """Raises UsageError for what is no dotenv file, with the first line that is wrong; nothing of it is shown."""
    from compiler.load.dotenv import parse

    _, found = parse(name, path.read_bytes())
    if found:
        line = f"line {found[0].span.line}: " if found[0].span else ""
        raise UsageError(f"the input {name} is not a dotenv file: {line}{found[0].message}")


def stored_failed(error: ArgosyError) -> bool:
    """True where it was the store that failed, not what was sent."""
    from argo.storage.errors import StorageError

    return isinstance(error, StorageError)


def current(connection: Connection, consumer: str, asset: str) -> dict[str, Row]:
    """The current inputs by name: rows of `uploads`."""
    wanted = select(uploads).where(
        uploads.c.consumer == consumer, uploads.c.asset == asset, uploads.c.current.is_(True)
    )
    return {row["input"]: row for row in every(connection, wanted)}


def chosen(connection: Connection, consumer: str, ids: Sequence[str]) -> dict[str, Row]:
    """A consumer's inputs by their ids."""
    wanted = select(uploads).where(uploads.c.consumer == consumer, uploads.c.id.in_(ids))
    return {row["id"]: row for row in every(connection, wanted)}


def shown(row: Mapping[str, Any]) -> dict[str, object]:
    """An input as the API shows it."""
    return {
        "id": row["id"], "input": row["input"], "filename": row["filename"], "size": row["size"],
        "sha256": row["sha256"], "createdAt": row["created_at"],
    }  # fmt: skip
