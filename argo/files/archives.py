"""Tar and zip, in and out: what Argosy packs, and what others packed, taken out within limits.

An archive that somebody else made is read as it comes, its headers too, so that nothing it says of itself is believed
before it is held against the limits: no more than a piece of it is ever in memory. Nothing is written through a link.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from argo.errors import EnvironmentFailure, StoreError
from argo.files.beneath import DEEPEST, Node
from argo.files.shortage import remedy, shortage

Kind = Literal["tar", "zip"]

MEMBERS = 1_000_000  # files, links and folders of an archive
_HEADER = 32 << 10  # bytes of what a tar says of one entry: a name and a link's target, each once
_DIRECTORY = 64 << 20  # bytes of a zip's list of entries
_NAME = 4096  # bytes of a name with its folders, or of a link's target
_LINKS = 40  # links on the way to one place; the kernel follows no more
_RATIO, _FREE_OF_RATIO = 1100, 1 << 30  # bytes out of one byte, for what is larger than that: gzip makes 1,032 at most
_XZ_MEMORY = 128 << 20
_BLOCK = 1 << 20
_RECORD = 512
_ZIP_ENTRY = b"PK\x01\x02"
# The same content gives the same bytes: all entries bear the earliest time that a zip can hold.
_EPOCH = 315532800
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive; `content` is read before the next one is asked for."""

    name: str
    kind: Literal["file", "directory", "link", "hard"]
    size: int = 0
    mode: int = 0o644
    target: str = ""
    content: Readable | None = None
    time: float | None = None


def pack_tar(source: Node, target: Path, name: str, level: int = 6, *, plain: bool = False) -> None:
    """Archive a file or folder, called `name` in there, as `target`. Level 0 to 9, as in gzip; `plain` says of files
    only whether they can be executed.

    As Argo: no hard links, each name has the content. Links stay links; pipes, sockets and devices are left out.
    """
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", level, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for inner, node in _entries(source, name):
            entry = tarfile.TarInfo(inner)
            entry.mode = stat.S_IMODE(node.state.st_mode)
            if plain:
                entry.mode = 0o755 if node.is_folder or entry.mode & 0o100 else 0o644
            entry.mtime = _EPOCH
            if node.is_file:
                entry.size = node.state.st_size
                with os.fdopen(node.open(), "rb") as file:
                    archive.addfile(entry, file)
            elif node.is_folder:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            elif node.is_link:
                entry.type, entry.linkname = tarfile.SYMTYPE, node.target()
                archive.addfile(entry)
            archive.members.clear()  # type: ignore[attr-defined]  # else all entries are kept in memory


def pack_zip(source: Node, target: Path, name: str) -> None:
    """Archive a file or folder, called `name` in there, as `target`; what pack_tar leaves out is left out."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, node in _entries(source, name):
            info = zipfile.ZipInfo(inner + "/" * node.is_folder, _ZIP_EPOCH)
            info.external_attr = node.state.st_mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            if node.is_folder:
                archive.writestr(info, b"")
            elif node.is_link:
                archive.writestr(info, os.fsencode(node.target()))
            elif node.is_file:
                info.file_size = node.state.st_size
                with os.fdopen(node.open(), "rb") as file, archive.open(info, "w") as entry:
                    shutil.copyfileobj(file, entry, _BLOCK)


def files(source: Node) -> Iterator[tuple[str, Node]]:
    """A file, with no name, or all files of a folder by their places in it. Argo leaves out symbolic links."""
    if source.is_folder:
        yield from ((inner, node) for inner, node in source.walk() if node.is_file)
    else:
        yield "", source


def leads_out(folder: Node, inner: str) -> bool:
    """True where a link in a folder leads out of it, by itself or by other links there."""
    *at, _ = inner.split("/")
    with folder.below(inner.split("/")) as link:
        return not _stays(folder, at, link.target())


def is_packed(path: Path) -> bool:
    """True where a file is a tar with gzip and at least one entry, which is how Argo looks at an input artifact."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with suppress(StoreError), _reading(path, "tar", MEMBERS) as members:
        return packed and next(members, None) is not None
    return False


def kind_of(path: Path) -> Kind | None:
    """Tell tar from zip; None for any other file. The tar first: a zip is known by its end, which may be that of
    a zip in a tar."""
    with suppress(StoreError), _reading(path, "tar", MEMBERS) as members:
        next(members, None)
        return "tar"
    with suppress(OSError):
        if zipfile.is_zipfile(path):
            return "zip"
    return None


def unpack(
    archive: Path,
    kind: Kind,
    folder: Path,
    limit: int,
    *,
    strip: bool = True,
    members: int = MEMBERS,
    times: bool = False,
) -> Path:
    """Unpack into the new `folder`; the path of what it held.

    With `strip`, as Argo does it: an archive with a single entry at its top stands for that entry. `limit` bounds
    the bytes written, `members` the files and folders; with `times` files bear those of the archive. Raises StoreError
    for an archive that is broken, too large, or reaches out of the folder, EnvironmentFailure where this machine has no
    room; then the folder holds nothing to be trusted.
    """
    size = archive.stat().st_size
    limit = min(limit, max(_FREE_OF_RATIO, size * _RATIO))
    folder.mkdir(mode=0o700)
    with _reading(archive, kind, members) as found, Node.at(str(folder)) as top:
        _Writer(top, limit, members, times=times).write(found)
        with os.scandir(folder) as entries:
            first = [entry.name for entry in islice(entries, 2)]
        inner = folder / first[0] if strip and len(first) == 1 else folder
        with Node.at(str(inner)) as held:
            _check_links(held, first[0] if first else "")
    return inner


def tar_members(source: Readable) -> Iterator[Member]:
    """The entries of a tar, packed by gzip, bzip2 or xz or not at all. Raises StoreError."""
    stream = _decompressed(source)
    said: dict[str, str] = {}
    spent = 0
    if not stream.peek(1):
        raise EOFError("it is empty")
    while (block := _exactly(stream, _RECORD, some=True)) and block.count(0) < _RECORD:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.size < 0:
            raise StoreError(_refusal(info.name, "has a size below nothing"))
        if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE):
            spent += info.size + _RECORD
            if spent > _HEADER:
                raise StoreError(_refusal(info.name, f"is described by more than {_HEADER} bytes"))
            _describe(info.type, _exactly(stream, _padded(info.size))[: info.size], said)
            continue
        size = int(said["size"]) if said.get("size", "").isdecimal() else info.size
        content = _Part(stream, size)
        yield _member(info, said, content)
        content.skip(_padded(size) - size)
        said, spent = {}, 0


def _describe(kind: bytes, data: bytes, said: dict[str, str]) -> None:
    """Read a header about the next entry (GNU long name, pax) into `said`; one about all entries is passed over."""
    if kind in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        name = "path" if kind == tarfile.GNUTYPE_LONGNAME else "linkpath"
        said[name] = data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return
    while data and kind == tarfile.XHDTYPE:
        digits = data[:20].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        keyword, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise StoreError(_refusal("", "is described in a way that is not understood"))
        said[keyword.decode("utf-8", "surrogateescape")] = value[:-1].decode("utf-8", "surrogateescape")
        data = data[length:]


def _member(info: tarfile.TarInfo, said: dict[str, str], content: _Part) -> Member:
    name, target = said.get("path", info.name), said.get("linkpath", info.linkname)
    if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in said):
        raise StoreError(_refusal(name, "is a file with holes, which is not taken"))
    if info.isdir() or (info.type == tarfile.AREGTYPE and name.endswith("/")):
        return Member(name, "directory")
    if info.issym():
        return Member(name, "link", target=target)
    if info.islnk():
        return Member(name, "hard", target=target)
    if info.isreg():
        return Member(name, "file", content.left, info.mode, content=content, time=info.mtime)
    raise StoreError(_refusal(name, "is a device, a pipe or of an unknown kind"))


def _zip_members(file: IO[bytes], most: int) -> Iterator[Member]:
    with zipfile.ZipFile(_Careful(file, most)) as packed:
        for info in packed.infolist():
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                raise StoreError(_refusal(info.filename, "is encrypted"))
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
                raise StoreError(_refusal(info.filename, "is compressed in a way that is not taken"))
            if info.is_dir():
                yield Member(info.filename, "directory")
                continue
            with packed.open(info) as content:
                if stat.S_ISLNK(mode):
                    yield Member(info.filename, "link", target=os.fsdecode(content.read(_NAME + 1)))
                else:
                    yield Member(info.filename, "file", info.file_size, mode or 0o644, content=content)


class _Writer:
    """Writes the entries of an archive into a folder, and counts."""

    def __init__(self, top: Node, limit: int, most: int, *, times: bool) -> None:
        self._top, self._limit, self._most, self._times = top, limit, most, times
        self._bytes = self._count = 0

    def write(self, members: Iterable[Member]) -> None:
        for member in members:
            parts = _parts(member.name)
            if not parts:
                continue
            try:
                self._write(member, parts)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and shortage(error):
                    raise
                why = error.strerror if isinstance(error, OSError) else "has a name that no file can have"
                raise StoreError(_refusal(member.name, f"cannot be written: {why}")) from error

    def _write(self, member: Member, parts: list[str]) -> None:
        *parents, last = parts
        with self._folder(parents, member) as folder:
            if member.kind == "directory":
                self._folder([*parents, last], member).close()
                return
            self._take(member, member.size, 1)
            with suppress(FileNotFoundError):
                os.unlink(last, dir_fd=folder.descriptor)
            if member.kind == "link":
                if not member.target or len(os.fsencode(member.target)) > _NAME:
                    raise StoreError(_refusal(member.name, "leads nowhere, or has too long a target"))
                os.symlink(member.target, last, dir_fd=folder.descriptor)
            elif member.kind == "hard":
                with self._top.below(_parts(member.target)) as source:
                    if not source.is_file:
                        raise StoreError(_refusal(member.name, "is another name of what is no file"))
                    self._take(member, source.state.st_size, 0)
                    source.copy(folder, last)
            else:
                self._file(folder, last, member)

    def _folder(self, parts: list[str], member: Member) -> Node:
        return self._top.make(parts, lambda: self._take(member, 0, 1))

    def _take(self, member: Member, size: int, count: int) -> None:
        self._bytes += size
        self._count += count
        if self._count > self._most or self._bytes > self._limit:
            why = f"makes it larger than {self._limit} bytes or {self._most} entries"
            raise StoreError(_refusal(member.name, why), known=_NOTHING)

    def _file(self, folder: Node, name: str, member: Member) -> None:
        assert member.content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder.descriptor), "wb") as target:
            left = member.size
            while left and (block := member.content.read(min(left, _BLOCK))):
                target.write(block)
                left -= len(block)
            if left or member.content.read(1):
                raise StoreError(_refusal(member.name, "is not as long as it says"))
            target.flush()
            # Whatever the archive says, its reader may read it.
            os.fchmod(target.fileno(), member.mode & 0o755 | 0o600)
            if self._times and member.time is not None:
                os.utime(target.fileno(), (member.time, member.time))


def _check_links(top: Node, name: str) -> None:
    """Only the whole of the links shows where one really leads."""
    if top.is_link:
        raise StoreError(_refusal(name, "is nothing but a link"), known=_NOTHING)
    for inner, node in top.walk() if top.is_folder else ():
        if node.is_link and not _stays(top, inner.split("/")[:-1], node.target()):
            raise StoreError(_refusal(inner, "is a link that leads out of it"), known=_NOTHING)


def _stays(top: Node, at: list[str], target: str) -> bool:
    """True where following a link that lies in the folder `at` never leaves the folder `top`."""
    at, todo, followed = [*at], target.split("/")[::-1], 1
    while todo and followed <= _LINKS:  # who follows more is told that there are too many
        part = todo.pop()
        if target.startswith("/") or (part == ".." and not at):
            return False
        if part == "..":
            at.pop()
        elif part not in ("", "."):
            at.append(part)
            if link := _target(top, at):
                at.pop()
                target = link
                todo += target.split("/")[::-1]
                followed += 1
    return True


def _target(top: Node, parts: list[str]) -> str:
    """Where the link at a place leads; empty where there is none."""
    try:
        with top.below(parts) as node:
            return node.target() if node.is_link else ""
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _parts(name: str) -> list[str]:
    """The parts of a name without `.`; none for the folder itself."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise StoreError(_refusal(name, "reaches out of the folder"), known=_NOTHING)
    if len(parts) > DEEPEST or len(name) > _NAME:
        raise StoreError(_refusal(name, f"has more than {DEEPEST} folders or {_NAME} letters"), known=_NOTHING)
    return parts


def _entries(source: Node, top: str) -> Iterator[tuple[str, Node]]:
    """A file, or a folder and all in it, by the names in the archive."""
    yield top, source
    if source.is_folder:
        yield from ((f"{top}/{inner}", node) for inner, node in source.walk())


_NOTHING = "nothing of it was kept"


def _refusal(name: str, why: str) -> str:
    return f"the archive is refused: {name[:200]!r} {why}"


@contextmanager
def _reading(path: Path, kind: Kind, most: int) -> Iterator[Iterator[Member]]:
    """The entries of an archive."""
    with told(), path.open("rb") as file:
        yield tar_members(file) if kind == "tar" else _zip_members(file, most)


@contextmanager
def told() -> Iterator[None]:
    """Say in plain words what is wrong with an archive that is read: StoreError, and EnvironmentFailure for what this
    machine lacks."""
    from lzma import LZMAError

    try:
        yield
    except StoreError as error:
        error.known = error.known or _NOTHING
        raise
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, LZMAError, NotImplementedError) as error:
        raise StoreError(f"the archive cannot be unpacked: {str(error)[:200]}", known=_NOTHING) from error
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        if short := shortage(error):
            raise EnvironmentFailure(
                f"the archive cannot be unpacked here: {short.strerror}", known=_NOTHING, hint=remedy(short)
            ) from error
        raise StoreError("the archive cannot be unpacked: it is damaged", known=_NOTHING) from error


class _Source(io.RawIOBase):
    def readable(self) -> bool:
        return True


class _Part(_Source):
    """The content of one entry, out of a stream of many."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self.left = stream, size

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(min(len(buffer), self.left)) or b""
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)

    def skip(self, padding: int) -> None:
        left = self.left + padding
        while left > 0 and (data := self._stream.read(min(left, _BLOCK))):
            left -= len(data)
        if left:
            raise EOFError("it ends in the middle")


class _Careful(_Source):
    """A zip that is not read into memory by more than its list of entries may have."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY:
            raise StoreError(f"the archive is refused: its list of entries has more than {_DIRECTORY} bytes")
        data = self._file.read(size)
        if size > _BLOCK and data.count(_ZIP_ENTRY) > self._most:
            raise StoreError(f"the archive is refused: it has more than {self._most} entries")
        return data


class _Xz(_Source):
    """A decompressor of xz and lzma with bounded memory: a file may ask for as much as it likes."""

    def __init__(self, source: io.BufferedReader) -> None:
        from lzma import LZMADecompressor

        self._source, self._packed = source, LZMADecompressor(memlimit=_XZ_MEMORY)

    def readinto(self, buffer: Any) -> int:
        while not self._packed.eof:
            more = self._source.read(_BLOCK // 8) if self._packed.needs_input else b""
            data = self._packed.decompress(more, len(buffer))
            if data or (not more and self._packed.needs_input):
                buffer[: len(data)] = data
                return len(data)
        return 0


def _decompressed(source: Readable) -> io.BufferedReader:
    file: io.BufferedReader = io.BufferedReader(_Part(source, sys.maxsize), _BLOCK)
    start = file.peek(6)
    if start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(fileobj=file), _BLOCK)
    if start.startswith(b"BZh"):
        import bz2

        return io.BufferedReader(bz2.BZ2File(file), _BLOCK)
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return io.BufferedReader(_Xz(file), _BLOCK)
    return file


def _exactly(stream: Readable, size: int, *, some: bool = False) -> bytes:
    """So many bytes; with `some` none, too, at the end."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    if len(data) < size and (data or not some):
        raise EOFError("it ends in the middle")
    return data


def _padded(size: int) -> int:
    return -(-size // _RECORD) * _RECORD
