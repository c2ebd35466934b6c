"""Unpack a tar or zip that somebody else wrote: nothing outside the folder, no links out of it, bounded in size."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from argo.errors import StoreError

Kind = Literal["tar", "zip"]

MEMBERS = 1_000_000
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    kind: Literal["file", "directory", "link", "hard"]
    size: int
    mode: int
    target: str
    content: IO[bytes] | None


def unpack(archive: Path, kind: Kind, folder: Path, limit: int, *, strip: bool = True, members: int = MEMBERS) -> Path:
    """Unpack into the new `folder`; the path of what it held.

    With `strip`, as Argo does it: an archive with a single entry at its top stands for that entry. `limit` bounds
    the bytes written, `members` the files and folders. Raises StoreError for an archive that is broken, too large, or
    reaches out of the folder; then the folder holds no link.
    """
    folder.mkdir(mode=0o700)
    try:
        links = _write(_tar(archive) if kind == "tar" else _zip(archive), folder, limit, members)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise StoreError(f"the archive cannot be unpacked: {error}", known="nothing of it was kept") from error
    entries = {path.name for path in folder.iterdir()} | {PurePosixPath(name).parts[0] for name in links}
    top = folder / entries.pop() if strip and len(entries) == 1 else folder
    if top != folder and top.name in links:
        raise _refuse(top.name, "is nothing but a link")
    _link(links, folder, top)
    return top


def _write(members: Iterator[_Member], folder: Path, limit: int, most: int) -> dict[str, str]:
    """Write files and folders; the links, which are made last so that nothing is ever written through one."""
    links: dict[str, str] = {}
    count = total = 0
    for member in members:
        name = _inside(member.name)
        if not name:
            continue
        count += 1
        total += member.size
        if count > most or total > limit:
            raise _refuse(member.name, f"makes it larger than {limit} bytes or {most} entries")
        path = folder / name
        links.pop(name, None)
        if member.kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
        elif member.kind == "link":
            links[name] = member.target
        elif member.kind == "hard":
            path.parent.mkdir(parents=True, exist_ok=True)
            source = folder / _inside(member.target)
            total += source.stat().st_size
            shutil.copyfile(source, path, follow_symlinks=False)
        else:
            _file(path, member)
    return links


def _file(path: Path, member: _Member) -> None:
    assert member.content is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with member.content as source, os.fdopen(os.open(path, flags, 0o600), "wb") as target:
        left = member.size
        while left and (block := source.read(min(left, _BLOCK))):
            target.write(block)
            left -= len(block)
        if left or source.read(1):
            raise ValueError(f"{member.name} is not as long as it says")
        os.fchmod(target.fileno(), member.mode & 0o755 | 0o600)


def _link(links: dict[str, str], folder: Path, top: Path) -> None:
    made: list[Path] = []
    for name, target in links.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        made.append(path)
    root = os.path.realpath(top)
    for path in made:
        # Only the whole of the links shows where one really leads.
        if path.readlink().is_absolute() or not os.path.realpath(path).startswith(root + os.sep):
            for other in made:
                other.unlink()
            raise _refuse(str(path.relative_to(folder)), "is a link that leads out of it")


def _inside(name: str) -> str:
    """The name without `.` parts; empty for the folder itself."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        raise _refuse(name, "reaches out of the folder")
    return "" if str(path) == "." else str(path)


def _tar(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive, "r:*") as tar:
        for info in tar:
            if info.isreg():
                yield _Member(info.name, "file", info.size, info.mode, "", tar.extractfile(info))
            elif info.isdir():
                yield _Member(info.name, "directory", 0, info.mode, "", None)
            elif info.issym():
                yield _Member(info.name, "link", 0, 0, info.linkname, None)
            elif info.islnk():
                yield _Member(info.name, "hard", 0, 0, info.linkname, None)
            else:
                raise _refuse(info.name, "is a device, a pipe or of an unknown kind")


def _zip(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                raise _refuse(info.filename, "is encrypted")
            if info.is_dir():
                yield _Member(info.filename, "directory", 0, mode, "", None)
            elif stat.S_ISLNK(mode):
                yield _Member(info.filename, "link", 0, 0, packed.read(info)[:4096].decode(), None)
            else:
                yield _Member(info.filename, "file", info.file_size, mode or 0o644, "", packed.open(info))


def _refuse(name: str, why: str) -> StoreError:
    return StoreError(f"the archive is refused: {name!r} {why}", known="nothing of it was kept")
