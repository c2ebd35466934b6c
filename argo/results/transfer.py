"""Bring the objects of results into their stage: several at once, each verified, none twice over a kill."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING

from argo.errors import StoreError
from argo.results.plan import Item, objects
from argo.storage.store import Moved, digest_file
from argo.workflow.outputs import Result

if TYPE_CHECKING:
    from argo.storage import ObjectInfo, Store

# Objects at once. More only wait for each other: for the network, the disk, or Python's own lock.
_AT_ONCE = 6

# Objects of a result that one thread brings one after the other; what a kill may forget of small ones.
_BATCH = 16
_LARGE = 1 << 20  # bytes

Plan = Callable[[Result, "Store"], Iterable[Item]]
"""What tells the objects of a result in a store."""

Digests = dict[str, str | None]
"""SHA-256 by path below what was brought, None where nobody asked for it; of a single file the path is empty."""


@dataclass(slots=True)
class Download:
    """A downloaded result: a file or a folder, and the digests of what is in it."""

    path: Path
    digests: Digests


@dataclass(slots=True)
class Load:
    """One result on its way; `wait` gives what came of it."""

    result: Result
    folder: Path
    planned: Future[None]
    pieces: list[Future[Digests]]

    def wait(self) -> Download | None:
        """The result when it is whole; None where there is none. Raises StoreError."""
        self.planned.result()
        if not self.pieces:
            return None
        digests: Digests = {}
        for piece in self.pieces:
            digests |= piece.result()
        return Download(self.folder / "data", digests)


class Transfer:
    """The threads that bring objects into a stage; `moved` is told of the bytes as they come."""

    def __init__(self, stage: Path, moved: Moved, *, digests: bool = True) -> None:
        self._stage = stage
        self._moved = moved
        self._digests = digests
        self._pool = ThreadPoolExecutor(_AT_ONCE, "fetch")
        self._journal = _Journal(stage / "journal")

    @contextmanager
    def open(self) -> Iterator[Transfer]:
        """Ends the threads with the block: an error stops what has not begun."""
        try:
            yield self
        finally:
            self._pool.shutdown(cancel_futures=True)
            self._journal.close()

    def begin(self, results: Iterable[Result], store: Store, plan: Plan = objects) -> list[Load]:
        """Have the results brought, in this order, each into a folder of its own. `plan` tells a result's objects."""
        chosen = list(results)
        stores = {bucket: store.with_bucket(bucket) if bucket else store for bucket in {r.bucket for r in chosen}}
        loads = []
        for result in chosen:
            folder = self._stage / _short(f"{result.name}\0{result.bucket}\0{result.key}")
            pieces: list[Future[Digests]] = []
            planned = self._pool.submit(self._begin, result, stores[result.bucket], plan, folder, pieces)
            loads.append(Load(result, folder, planned, pieces))
        return loads

    def _begin(self, result: Result, store: Store, plan: Plan, folder: Path, pieces: list[Future[Digests]]) -> None:
        """Have the objects of one result brought as soon as they are known."""
        data, parts = folder / "data", folder / "parts"
        parts.mkdir(mode=0o700, parents=True, exist_ok=True)
        if result.kind == "value" and result.value is not None:
            pieces.append(self._pool.submit(_value, data, result.value))
            return
        names: set[str] = set()
        folders: set[Path] = set()
        for several in _batched(plan(result, store), _BATCH):
            for name, _ in several:
                names.add(name)
                above = (data / name).parent
                if above not in folders:
                    above.mkdir(parents=True, exist_ok=True)
                    folders.add(above)
            pieces.append(self._pool.submit(self._bring_all, store, several, data, parts))
        if "" not in names:
            _keep_only(data, names)

    def _bring_all(self, store: Store, several: Sequence[Item], data: Path, parts: Path) -> Digests:
        return {name: self._bring(store, info, data / name if name else data, parts) for name, info in several}

    def _bring(self, store: Store, info: ObjectInfo, target: Path, parts: Path) -> str | None:
        known = self._journal.known(store.bucket, info)
        if known and target.is_file() and digest_file(target) == known:
            self._moved(info.size)
            return known
        got = store.download(info.key, target, parts, self._moved, digest=self._digests)
        size = target.stat().st_size
        if info.size not in (-1, size) or info.sha256 not in (None, got.sha256):
            target.unlink()
            raise StoreError(
                f"{info.key} arrived with {size} bytes that are not the {info.size} that were stored",
                known="nothing was kept under the final name",
                hint="fetch again",
            )
        if got.sha256 is not None:
            self._journal.note(store.bucket, info, got.sha256)
        return got.sha256


class _Journal:
    """Which objects have come whole, and with what digest. A line cut short by a kill says nothing."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._known: dict[tuple[str, ...], str] = {}
        if path.exists():
            for line in path.read_text("utf-8", "replace").splitlines():
                with suppress(ValueError, TypeError):
                    *version, sha256 = json.loads(line)
                    self._known[tuple(version)] = sha256
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._file.write("\n")
        self._unwritten = 0

    def known(self, bucket: str, info: ObjectInfo) -> str:
        """The digest of an object that has come; empty where it has not, or where nothing tells its versions apart."""
        return self._known.get(_version(bucket, info), "") if info.etag else ""

    def note(self, bucket: str, info: ObjectInfo, sha256: str) -> None:
        with self._lock:
            self._file.write(json.dumps([*_version(bucket, info), sha256]) + "\n")
            self._unwritten += 1
            if info.size >= _LARGE or self._unwritten >= _BATCH:
                self._file.flush()
                self._unwritten = 0

    def close(self) -> None:
        self._file.close()


def _version(bucket: str, info: ObjectInfo) -> tuple[str, ...]:
    return bucket, info.key, str(info.size), info.etag


def _batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while several := list(islice(rest, count)):
        yield several


def _keep_only(data: Path, names: set[str]) -> None:
    """Remove from a stage what does not belong there any more: the run was retried since."""
    for folder, _, files in os.walk(data, topdown=False):
        for file in files:
            path = Path(folder, file)
            if path.relative_to(data).as_posix() not in names:
                path.unlink()


def _value(path: Path, value: str) -> Digests:
    path.write_bytes(value.encode())
    return {"": digest_file(path)}


def _short(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
