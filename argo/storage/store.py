"""The protocol of an object store, the value it describes objects by, and what its implementations share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol

from argo.storage.errors import StorageError

CHUNK = 1 << 20
Moved = Callable[[int], None]
"""Is told of bytes as they come, from several threads."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object. `sha256` (hex) is None where the store did not keep one."""

    key: str
    size: int
    etag: str
    sha256: str | None = None


class Readable(Protocol):
    """A source of bytes that is read to its end, in pieces."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


class Measured:
    """A source, with the size in bytes and the SHA-256 (hex) of what it has given."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        """As the source's."""
        data = self._source.read(size)
        self.size += len(data)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        """Of all that was given so far."""
        return self._digest.hexdigest()


def uncounted(size: int) -> None:
    """A `Moved` that counts nothing."""


class Store(Protocol):
    """Objects by key in one bucket. Every method raises StorageError or one of its kinds.

    A write is seen whole or not at all; the same key written twice is the last one. Keys are UTF-8, use `/` between
    their parts and start with none.
    """

    bucket: str

    def with_bucket(self, bucket: str) -> Store:
        """The same store at another bucket."""

    def put_file(self, key: str, path: Path, *, give: bool = False) -> ObjectInfo:
        """Store the file at `path`. With `give` the caller will not change it any more, so that it may be shared."""

    def put_bytes(self, key: str, data: bytes) -> ObjectInfo:
        """Store `data`."""
        return self.put_stream(key, BytesIO(data))

    def put_stream(self, key: str, source: Readable) -> ObjectInfo:
        """Store what `source` gives until its end, as it comes; its SHA-256 is told here. What the source raises is
        raised; nothing is stored then."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:
        """The object to read from its byte `start`; the caller closes it, and reads no more than the `length` that it
        asked for. Raises NotFound."""

    def get_file(self, key: str, path: Path) -> ObjectInfo:
        """Write the object to `path`: under a temporary name first, verified, synced, then renamed. Raises NotFound."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".", suffix=".part", dir=path.parent) as folder:
                staged = Path(folder, "whole")
                info = self.download(key, staged, Path(folder), uncounted)
                sync(staged)
                staged.replace(path)
            sync(path.parent)
        except OSError as error:
            raise StorageError(f"{self.bucket}/{key}: {error.strerror or error}") from error
        return info

    def download(self, key: str, path: Path, parts: Path, moved: Moved, *, digest: bool = True) -> ObjectInfo:
        """Write the object to `path`, verified; after an error it may be half written. Raises NotFound.

        What has come of a large object is kept in the folder `parts`, and a later call goes on with it. Without
        `digest` the SHA-256 of what came may be left out, where something else verifies it.
        """

    def stat(self, key: str) -> ObjectInfo | None:
        """Return what is known of the object at `key`; None where there is none."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose keys begin with `prefix`, by key. `sha256` is not given here."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""

    def share(self, key: str, expires: timedelta) -> str:
        """A URL that gives the object to whoever has it, for this long. Raises StorageError where there is no such."""


def check_key(key: str) -> str:
    """`key` as it is, or StorageError where it is not one that every store can hold."""
    if not key or len(key.encode("utf-8", "surrogatepass")) > 1024:
        raise StorageError(f"not a key: {key[:80]!r}", hint="a key has 1 to 1024 bytes")
    if "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise StorageError(f"not a key: {key!r}", hint="the parts between slashes may not be empty, '.' or '..'")
    return key


def utf8_key(key: str) -> str:
    """As `check_key`, for stores whose keys are text: a file's name that is none cannot be one."""
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise StorageError(f"not a key: {key[:80]!r} is not UTF-8, as S3 has it") from error
    return check_key(key)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, last a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_file(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_digest(source: Readable, target: BinaryIO, moved: Moved = uncounted) -> tuple[int, str]:
    """Copy all of `source` in pieces; its size and SHA-256."""
    measured = Measured(source)
    while piece := measured.read(CHUNK):
        target.write(piece)
        moved(len(piece))
    return measured.size, measured.sha256
