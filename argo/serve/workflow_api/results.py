"""Results of runs as answers: streamed from the store, in ranges, or by a grant of just one."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, insert, select, update

from argo.backend import Json
from argo.errors import NotFoundError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.consumers import digest
from argo.serve.workflow_api.database import Database, Row, now, ref_of
from argo.serve.workflow_api.delivery import SUFFIX
from argo.serve.workflow_api.progress import result_of
from argo.serve.workflow_api.schema import consumers, grants, runs
from argo.workflow.outputs import Result

if TYPE_CHECKING:
    from argo.serve.workflow_api.place import TargetBackend
    from argo.storage import ObjectInfo, Store

_PIECE: Final = 256 << 10
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an object: `start` and `length` in bytes, of `size`; `whole` where no range was asked for."""

    start: int
    length: int
    size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Download:
    """An object that is about to be sent."""

    store: Store
    info: ObjectInfo
    filename: str
    media_type: str
    packed: str = "none"  # as in `argo.workflow.outputs.Result`

    def part(self, range_: str | None) -> Part:
        """The stretch that a Range header asks for. Raises Refusal (416)."""
        size = self.info.size
        found = _RANGE.fullmatch((range_ or "").strip())
        if found is None or found[0] == "bytes=-":  # several ranges, other units: the whole is a right answer
            return Part(0, size, size, whole=True)
        first, last = found[1], found[2]
        start = max(size - int(last), 0) if not first else int(first)
        end = size - 1 if not first or not last else min(int(last), size - 1)
        if start > end or start >= size:
            raise Refusal(416, "range", f"the object has {size} bytes")
        return Part(start, end - start + 1, size, whole=False)

    def pieces(self, part: Part) -> Iterator[bytes]:
        """The bytes of a stretch."""
        left = part.length
        if not left:
            return
        with self.store.open(self.info.key, part.start, None if part.whole else part.length) as source:
            while left and (piece := source.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece


class Results:
    """The results of runs."""

    def __init__(self, database: Database, place: TargetBackend) -> None:
        self._database = database
        self._place = place

    def shown(self, row: Mapping[str, Any]) -> list[Json]:
        """A run's results: `name`, `kind`, `ready`, then `value`, or what is stored of it."""
        return [self._described(result) for result in self._all(row)]

    def _described(self, result: Result) -> Json:
        about: Json = {"name": result.name, "kind": result.kind, "ready": result.ready}
        if result.kind == "value":
            return {**about, "value": result.value}
        if not result.ready:
            return about
        items = self._items(result)
        shown: Json = {**about, "mediaType": _media(result), "size": sum(info.size for _, info in items)}
        if result.kind == "files":
            shown["items"] = [{"name": name, "size": info.size} for name, info in items]
        return shown

    def download(self, row: Mapping[str, Any], name: str, item: str = "") -> Download:
        """One result, to be sent. Raises Refusal where there is none, StoreError."""
        result = next((found for found in self._all(row) if found.name == name), None)
        if result is None:
            raise Refusal(404, "not-found", f"the run has no output {name}")
        if result.kind == "value":
            raise Refusal(409, "conflict", f"{name} is a value; it stands in the list of outputs")
        if not result.ready:
            raise Refusal(404, "not-ready", f"there is nothing of {name} yet")
        found = [(known, info) for known, info in self._items(result) if not item or known == item]
        if not found:
            raise Refusal(404, "not-found", f"nothing is stored of {name}")
        if len(found) > 1:
            raise Refusal(409, "conflict", f"{name} consists of {len(found)} files; name one of them with ?item=")
        known, info = found[0]
        filename = known or _filename(result)
        return Download(self._store(result), info, filename, _media(result), result.packed)

    def _all(self, row: Mapping[str, Any]) -> Sequence[Result]:
        kept = [result_of(entry) for entry in json.loads(row["results"])]
        if kept or row["uid"] is None or row["state"] not in ("pending", "running"):
            return kept
        from argo.workflow.outputs import results

        try:
            return results(self._place.backend.get(ref_of(row)))
        except NotFoundError:
            return []

    def _items(self, result: Result) -> list[tuple[str, ObjectInfo]]:
        store = self._store(result)
        if result.kind == "files":
            prefix = result.key.rstrip("/") + "/"
            return [(info.key[len(prefix) :], info) for info in store.list(prefix)]
        info = store.stat(result.key)
        return [] if info is None else [("", info)]

    def _store(self, result: Result) -> Store:
        store = self._place.backend.store()
        return store.with_bucket(result.bucket) if result.bucket else store


def grant(connection: Connection, run: str, output: str, lasts: float, transfer: str | None = None) -> str:
    """A token that opens one result of one run, for so many seconds; it is told this once."""
    token = secrets.token_urlsafe(32)
    row = {"digest": digest(token), "run": run, "transfer": transfer, "output": output, "revoked": False}
    connection.execute(insert(grants).values(**row, expires_at=now() + lasts))
    return token


def revoke(connection: Connection, transfer: str) -> None:
    """Let the grants of a transfer open nothing any more."""
    connection.execute(update(grants).where(grants.c.transfer == transfer).values(revoked=True))


def granted(database: Database, token: str) -> tuple[Row, str]:
    """The run and the name of the result that a token opens. Raises Refusal."""
    wanted = (
        select(runs, grants.c.output)
        .join(grants, grants.c.run == runs.c.id)
        .join(consumers, consumers.c.id == runs.c.consumer)
        .where(
            grants.c.digest == digest(token),
            consumers.c.disabled.is_(False),
            grants.c.revoked.is_(False),
            grants.c.expires_at > now(),
            runs.c.deleted.is_(False),
        )
    )
    row = database.first(wanted)
    if row is None:
        raise Refusal(404, "not-found", "this address opens nothing, or nothing any more")
    return row, str(row["output"])


def attachment(filename: str) -> str:
    """The header Content-Disposition of a result (RFC 6266)."""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"


def _filename(result: Result) -> str:
    last = result.path.rstrip("/").rpartition("/")[2] or result.name.rpartition("/")[2]
    suffix = SUFFIX.get(result.packed, "")
    return last if last.endswith(suffix) else last + suffix


def _media(result: Result) -> str:
    if result.media_type:
        return result.media_type
    return {"tar": "application/gzip", "zip": "application/zip"}.get(result.packed, "application/octet-stream")
