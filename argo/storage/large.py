"""Downloads one large object in pieces, several at once; finished pieces outlive a kill, and all is verified."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Lock
from typing import Protocol, TextIO

from argo.storage.errors import StorageError
from argo.storage.http import Head, Reader
from argo.storage.store import Moved

PIECE = 16 << 20
"""Bytes of a piece, where the object's own parts do not say another size."""

_LARGEST_PIECE = 64 << 20
_CONNECTIONS = 3
_MEMORY = 1 << 20
_WRITE = 256 << 10  # at once; of more, Linux looks for larger pages, which takes several times as long as the copy
_MD5S = re.compile(r"([0-9a-f]{32})(?:-(\d+))?")


class _Hash(Protocol):
    def update(self, data: memoryview, /) -> None: ...

    def hexdigest(self) -> str: ...


class _Nothing:
    """A digest that is always `-`, for pieces that the digest of the whole object verifies."""

    def update(self, data: memoryview) -> None:
        pass

    def hexdigest(self) -> str:
        return "-"


def _md5() -> _Hash:
    return hashlib.md5(usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Layout:
    """An object's division into pieces, and the digests that verify its bytes.

    `part` is the size of the parts that the ETag's MD5s are of, 0 where it says nothing. `check` is what each piece
    is known by in the journal: nothing where the whole has a digest, else its own MD5, which is the part's where the
    pieces are the parts. Nothing else tells a piece that a power failure took from one that is there.
    """

    head: Head
    piece: int
    part: int
    check: Callable[[], _Hash]

    @classmethod
    def of(cls, head: Head, part: int) -> Layout:
        """Choose the layout of an object; `part` is the size of its first part."""
        found = _MD5S.fullmatch(head.etag) if head.digest and not head.sha256 else None
        if found is None or (found[2] and -(-head.size // max(part, 1)) != int(found[2])):
            return cls(head, PIECE, 0, _Nothing if head.sha256 else _md5)
        if found[2] and part <= _LARGEST_PIECE:
            return cls(head, part, part, _md5)
        return cls(head, PIECE, part if found[2] else head.size, _Nothing)

    @property
    def count(self) -> int:
        return -(-self.head.size // self.piece)

    def span(self, index: int) -> tuple[int, int]:
        """Return the offsets of a piece's first byte and of the byte behind its last."""
        return index * self.piece, min((index + 1) * self.piece, self.head.size)


def bring(
    reader: Reader,
    key: str,
    head: Head,
    target: Path,
    folder: Path,
    moved: Moved,
    *,
    digest: bool,
) -> str | None:
    """Download the object to `target`, verified; return its SHA-256, None where neither `digest` nor a check needs it.

    What an earlier call of the same version left in `folder`, or finished as `target`, is used, what there is of
    another is removed. `moved` is told of bytes as they come. Raises StorageError; what has come stays.
    """

    def parts(number: int) -> int:
        return reader.part_size(key, head.etag, number)

    layout = Layout.of(head, parts(1) if "-" in head.etag and head.digest and not head.sha256 else 0)
    path = _begun(folder, target, f"{reader.bucket}/{key}", f"{head.etag} {head.size} {layout.piece}")
    digest = digest or bool(head.sha256)
    while True:
        sha256 = hashlib.sha256() if digest else None
        with _journal(path) as (kept, journal), path.open("r+b", buffering=0) as file:
            transfer = _Transfer(reader, key, layout, file.fileno(), kept, journal, moved, sha256)
            transfer.run()
            if transfer.verified(parts):
                break
        _journal_of(path).unlink()
        path.unlink()
        if not kept:
            raise StorageError(
                f"{reader.bucket}/{key} came damaged", known="nothing of it was kept", hint="fetch again"
            )
    path.replace(target)
    return transfer.sha256.hexdigest() if transfer.sha256 is not None else None


def _begun(folder: Path, target: Path, key: str, version: str) -> Path:
    """The file of a download, with what an earlier one of the same version left; what another left is removed."""
    path = folder / f"{_short(key)}-{_short(version)}.part"
    for other in folder.glob(f"{_short(key)}-*"):
        if not other.name.startswith(path.name):
            other.unlink(missing_ok=True)
    if target.is_file() and _journal_of(path).exists() and not path.exists():
        target.replace(path)
    return path


@dataclass(slots=True)
class _Transfer:
    """An attempt at a download: threads fetch and write pieces in order, others read and digest them in order."""

    reader: Reader
    key: str
    layout: Layout
    file: int
    kept: dict[int, str]
    journal: TextIO
    moved: Moved
    sha256: _Hash | None
    _md5s: dict[int, str] = field(default_factory=dict)
    _next: int = 0
    _there: set[int] = field(default_factory=set)
    _ended: bool = False
    _changed: Condition = field(default_factory=Condition)
    _writing: Lock = field(default_factory=Lock)  # a file system lets one write at a time: others would spin

    def run(self) -> None:
        tasks = [self._work] * min(_CONNECTIONS, self.layout.count)
        if self.sha256 is not None:
            tasks.append(self._digest)
        if self.layout.part and self.layout.check is not _md5:
            tasks.append(self._digest_parts)
        with ThreadPoolExecutor(len(tasks), "fetch") as pool:
            futures = [pool.submit(task) for task in tasks]
            try:
                for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                    future.result()
            finally:
                with self._changed:
                    self._ended = True
                    self._changed.notify_all()

    def verified(self, parts: Callable[[int], int]) -> bool:
        """True where the bytes match the object's SHA-256 or its ETag of MD5s, or where it has neither."""
        head = self.layout.head
        if head.sha256 and self.sha256 is not None:
            return self.sha256.hexdigest() == head.sha256
        if not self.layout.part:
            return True
        if _etag([self._md5s[index] for index in sorted(self._md5s)], head.etag) == head.etag:
            return True
        # Parts need not be of one size, and only asking for each of them tells.
        number = int(head.etag.partition("-")[2] or 1)
        sizes = [parts(index) for index in range(1, number + 1)] if number > 1 else [head.size]
        if sum(sizes) != head.size or set(sizes[:-1]) == {sizes[0]}:
            return False
        digests, place = [], 0
        for size in sizes:
            md5 = _md5()
            for data in self._read(place, place + size, memoryview(bytearray(_MEMORY))):
                md5.update(data)
            digests.append(md5.hexdigest())
            place += size
        return _etag(digests, head.etag) == head.etag

    def _work(self) -> None:
        memory = memoryview(bytearray(_MEMORY))
        while True:
            with self._changed:
                index = self._next
                if self._ended or index == self.layout.count:
                    return
                self._next += 1
            digest = self._piece(index, memory)
            with self._changed:
                if self.layout.part and self.layout.check is _md5:
                    self._md5s[index] = digest
                self._there.add(index)
                self._changed.notify_all()

    def _piece(self, index: int, memory: memoryview) -> str:
        """Fetch a piece unless the file has it already; return its check, as the journal holds it."""
        start, stop = self.layout.span(index)
        if index in self.kept:
            check = self.layout.check()
            if self.kept[index] != "-":
                for data in self._read(start, stop, memory):
                    check.update(data)
            if check.hexdigest() == self.kept[index]:
                self.moved(stop - start)
                return check.hexdigest()
        check = self.layout.check()
        with self._writing:
            _reserve(self.file, start, stop - start)

        def sink(data: memoryview, place: int) -> None:
            if self._ended:
                raise StorageError(f"{self.key} is not fetched any more")
            check.update(data)
            with self._writing:
                _write(self.file, data, place)
            self.moved(len(data))

        self.reader.pull(self.key, self.layout.head.etag, start, stop, sink, memory)
        with self._changed:
            self.journal.write(f"{index} {check.hexdigest()}\n")
            self.journal.flush()
        return check.hexdigest()

    def _digest(self) -> None:
        assert self.sha256 is not None
        for data, _ in self._in_order():
            self.sha256.update(data)

    def _digest_parts(self) -> None:
        """Digest the parts (MD5), where they are not the pieces."""
        md5, number, left = _md5(), 0, self.layout.part
        for block, _ in self._in_order():
            data = block
            while data:
                md5.update(data[:left])
                taken = min(left, len(data))
                data, left = data[taken:], left - taken
                if not left:
                    self._md5s[number] = md5.hexdigest()
                    md5, number, left = _md5(), number + 1, self.layout.part
        if left < self.layout.part:
            self._md5s[number] = md5.hexdigest()

    def _in_order(self) -> Iterator[tuple[memoryview, int]]:
        memory = memoryview(bytearray(_MEMORY))
        for index in range(self.layout.count):
            if not self._wait(index):
                return
            start, stop = self.layout.span(index)
            for data in self._read(start, stop, memory):
                yield data, index

    def _wait(self, index: int) -> bool:
        """Wait for a piece; return False where it does not come any more."""
        with self._changed:
            self._changed.wait_for(lambda: index in self._there or self._ended)
            return index in self._there

    def _read(self, start: int, stop: int, memory: memoryview) -> Iterator[memoryview]:
        place = start
        while place < stop:
            count = os.preadv(self.file, [memory[: stop - place]], place)
            if not count:  # less is there than the journal says: what is missing does not have the digest
                return
            yield memory[:count]
            place += count


def _etag(digests: list[str], like: str) -> str:
    """Return the ETag that S3 gives an object whose parts have these MD5s."""
    if "-" not in like:
        return "".join(digests)
    whole = hashlib.md5(bytes.fromhex("".join(digests)), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


@contextmanager
def _journal(path: Path) -> Iterator[tuple[dict[int, str], TextIO]]:
    """Open the journal; yield the finished pieces' checks and the file for more. A line cut short fits no digest."""
    journal = _journal_of(path)
    kept: dict[int, str] = {}
    if path.exists() and journal.exists():
        for line in journal.read_text("ascii", "replace").splitlines():
            fields = line.split()
            if len(fields) == 2 and fields[0].isdigit():
                kept[int(fields[0])] = fields[1]
    else:
        journal.unlink(missing_ok=True)
        path.touch()
    with journal.open("a", encoding="ascii") as file:
        file.write("\n")
        yield kept, file


def _journal_of(path: Path) -> Path:
    return path.with_name(path.name + ".ranges")


def _reserve(file: int, place: int, size: int) -> None:
    """Reserve space in the file system, which makes writing cheaper; not every one can."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file, place, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENODEV):
                raise


def _write(file: int, data: memoryview, place: int) -> None:
    while data:
        count = os.pwrite(file, data[:_WRITE], place)
        data, place = data[count:], place + count


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
