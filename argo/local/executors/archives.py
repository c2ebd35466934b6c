"""Archives of artifacts, as Argo makes and opens them: tar with gzip, and zip."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from argo.local.executors.errors import PodError
from argo.local.executors.folder import remove
from argo.local.executors.shim.beneath import Node

# The same content gives the same bytes: all entries bear the earliest time that a zip can hold.
_EPOCH = 315532800
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack_tar(source: Node, target: Path, name: str, level: int = 6) -> None:
    """Archive a file or folder, called `name` in there, as `target`. Level 0 to 9, as in gzip.

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
                    shutil.copyfileobj(file, entry, 1 << 20)


def files(source: Node) -> Iterator[tuple[str, Node]]:
    """A file, with no name, or all files of a folder by their places in it. Argo leaves out symbolic links."""
    if source.is_folder:
        yield from ((inner, node) for inner, node in source.walk() if node.is_file)
    else:
        yield "", source


def is_tarball(path: Path) -> bool:
    """Whether a file is a tar with gzip and at least one entry, which is how Argo looks at an input artifact."""
    if not path.is_file():
        return False
    try:
        with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            return archive.next() is not None
    except (OSError, EOFError, zlib.error, tarfile.TarError):
        return False


def unpack_tar(source: Path, target: Path) -> None:
    """Open a tar, with gzip or without, as `target`: its one file or folder, else a folder of all it holds."""
    folder = _fresh(target)
    try:
        with tarfile.open(source, mode="r|*") as archive:
            for entry in archive:
                _unpack_entry(archive, entry, folder)
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise PodError(f"not a tar archive: {error}") from error
    _settle(folder, target)


def unpack_zip(source: Path, target: Path) -> None:
    """Open a zip as `target`: its one file or folder, else a folder of all it holds."""
    folder = _fresh(target)
    try:
        with zipfile.ZipFile(source) as archive:
            for info in archive.infolist():
                place = _inside(folder, info.filename)
                if info.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                if stat.S_ISLNK(info.external_attr >> 16):
                    _link(folder, place, archive.read(info)[:4096].decode(errors="surrogateescape"))
                    continue
                with archive.open(info) as file:
                    _write(folder, place, file, (info.external_attr >> 16) & 0o777 or 0o644)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise PodError(f"not a zip archive that can be opened: {error}") from error
    _settle(folder, target)


def _entries(source: Node, top: str) -> Iterator[tuple[str, Node]]:
    """A file, or a folder and all in it, by the names in the archive."""
    yield top, source
    if source.is_folder:
        yield from ((f"{top}/{inner}", node) for inner, node in source.walk())


def _unpack_entry(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    place = _inside(folder, entry.name)
    if entry.isdir():
        place.mkdir(parents=True, exist_ok=True)
        _check_real(folder, place)
    elif entry.issym():
        _link(folder, place, entry.linkname)
    elif entry.islnk():
        original = _inside(folder, entry.linkname)
        _check_real(folder, original)
        with original.open("rb") as file:
            _write(folder, place, file, stat.S_IMODE(original.stat().st_mode))
    elif entry.isreg():
        file_ = archive.extractfile(entry)
        assert file_ is not None
        _write(folder, place, file_, entry.mode & 0o777)
        os.utime(place, (entry.mtime, entry.mtime))


def _link(folder: Path, place: Path, target: str) -> None:
    _inside(folder, os.path.relpath(Path(place.parent, target), folder))
    place.parent.mkdir(parents=True, exist_ok=True)
    _check_real(folder, place.parent)
    place.symlink_to(target)


def _write(folder: Path, place: Path, source: IO[bytes], mode: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    _check_real(folder, place.parent)
    if place.is_symlink():
        place.unlink()
    with place.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    # Whatever the archive says, its reader may read it.
    place.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)


def _inside(folder: Path, name: str) -> Path:
    place = Path(os.path.normpath(folder / name))
    if place != folder and folder not in place.parents:
        raise PodError(f"illegal file path in the archive: {name}")
    return place


def _check_real(folder: Path, place: Path) -> None:
    real, root = place.resolve(), folder.resolve()
    if real != root and root not in real.parents:
        raise PodError(f"illegal file path in the archive: {place.name} lies outside by a symbolic link")


def _fresh(target: Path) -> Path:
    folder = target.with_name(f"{target.name}.tmpdir")
    remove(folder)
    folder.mkdir(parents=True)
    return folder


def _settle(folder: Path, target: Path) -> None:
    """Argo's rule: an archive of one thing is that thing."""
    found = list(folder.iterdir())
    if len(found) == 1:
        found[0].rename(target)
        folder.rmdir()
    else:
        folder.rename(target)
