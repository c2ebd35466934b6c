"""An object store in a directory: the object `key` of `bucket` is the file `<root>/<bucket>/<key>`."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from argo.storage.errors import Denied, NotFound, StorageError
from argo.storage.store import Moved, ObjectInfo, Readable, Store, check_key, copy_digest, digest_file, sync

_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,62}")
_ATTRIBUTE = "user.argosy.sha256"
# A name that no bucket can have: what is being written lies there.
_PARTS = ".parts"


class DirectoryStore(Store):
    """Objects as files, laid out as in a bucket.

    A file system cannot hold `a` and `a/b` at once, as S3 can: the second of them is refused with StorageError.
    The SHA-256 lies in an extended attribute where the file system has them, with the size and time it holds for, so
    that a file changed by hand is not taken for what was stored.
    """

    def __init__(self, root: Path, bucket: str = "argosy") -> None:
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise StorageError(f"not a bucket name: {bucket!r}")
        self.bucket = bucket
        self._root = Path(root)
        self._base = self._root / bucket

    def with_bucket(self, bucket: str) -> DirectoryStore:
        return self if bucket == self.bucket else DirectoryStore(self._root, bucket)

    def put_file(self, key: str, path: Path, *, give: bool = False) -> ObjectInfo:
        def fill(temporary: Path) -> None:
            if give and _link(path, temporary):
                sha256 = digest_file(temporary)
                sync(temporary)
            else:
                with path.open("rb") as source:
                    sha256 = _write(temporary, source)
            _remember(temporary, sha256)

        return self._put(key, fill)

    def put_stream(self, key: str, source: Readable) -> ObjectInfo:
        return self._put(key, lambda temporary: _remember(temporary, _write(temporary, source)))

    def open(self, key: str, start: int = 0, length: int | None = None) -> BinaryIO:  # noqa: ARG002  (nothing is sent)
        with self._told(key):
            file = self._file(key).open("rb")
            file.seek(start)
            return file

    def download(self, key: str, path: Path, parts: Path, moved: Moved, *, digest: bool = True) -> ObjectInfo:  # noqa: ARG002
        with self.open(key) as source, self._told(key, writing=True), path.open("wb") as target:
            known = _info(key, source.fileno())
            size, sha256 = copy_digest(source, target, moved)
        if size != known.size or known.sha256 not in (None, sha256):
            raise StorageError(f"{self.bucket}/{key} is not what was stored", known="nothing of it was kept")
        return replace(known, sha256=sha256)

    def share(self, key: str, expires: timedelta) -> str:  # noqa: ARG002
        raise StorageError(
            f"{key} lies in a folder of this machine: there is no URL of it",
            hint="argosy fetch brings it; argosy share needs a profile with a `store`",
        )

    def stat(self, key: str) -> ObjectInfo | None:
        try:
            with self.open(key) as file:
                return _info(key, file.fileno())
        except NotFound:
            return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder)
        found = [key for key in _walk(self._base / folder, f"{folder}/" if folder else "") if key.startswith(prefix)]
        for key in sorted(found):
            try:
                state = self._file(key).stat()
            except FileNotFoundError:  # deleted since it was listed
                continue
            yield ObjectInfo(key, state.st_size, _etag(state))

    def delete(self, key: str) -> None:
        path = self._file(key)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        except PermissionError as error:
            raise Denied(f"{self.bucket}/{key}: {error.strerror}") from error
        for parent in path.parents:
            if parent == self._base:
                break
            try:
                parent.rmdir()
            except OSError:
                break

    def _file(self, key: str) -> Path:
        return self._base / check_key(key)

    def _put(self, key: str, fill: Callable[[Path], None]) -> ObjectInfo:
        target = self._file(key)
        with self._told(key, writing=True):
            parts = self._root / _PARTS
            parts.mkdir(parents=True, exist_ok=True)
            temporary = parts / secrets.token_hex(8)
            try:
                fill(temporary)
                for _ in range(8):  # a delete of a neighbour may take the empty folder away in between
                    target.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        temporary.replace(target)
                        break
                    except FileNotFoundError:
                        continue
            finally:
                temporary.unlink(missing_ok=True)
            sync(target.parent)
            with target.open("rb") as file:
                return _info(key, file.fileno())

    @contextmanager
    def _told(self, key: str, *, writing: bool = False) -> Iterator[None]:
        """Say in the store's own terms what the file system refuses."""
        name = f"{self.bucket}/{key}"
        try:
            yield
        except OSError as error:
            if writing and self._clash(key):
                raise StorageError(
                    f"{name} is both an object and a prefix of others",
                    hint="a directory cannot hold both; give one of them another key",
                ) from error
            if not writing and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
                raise NotFound(f"no object {name}") from error
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise Denied(f"{name}: {error.strerror}") from error
            raise StorageError(f"{name}: {error.strerror or error}") from error

    def _clash(self, key: str) -> bool:
        path = self._base / key
        return path.is_dir() or any(parent.is_file() for parent in path.parents if parent != self._base)


def _write(path: Path, source: Readable) -> str:
    with path.open("xb") as file:
        _, sha256 = copy_digest(source, file)
        file.flush()
        os.fsync(file.fileno())
    return sha256


def _link(source: Path, target: Path) -> bool:
    """Share the file's content by a hard link; False where the file system cannot."""
    if source.is_symlink():
        return False
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _remember(path: Path, sha256: str) -> None:
    state = path.stat()
    try:
        os.setxattr(path, _ATTRIBUTE, f"{sha256} {state.st_size} {state.st_mtime_ns}".encode())
    except (OSError, AttributeError):
        return  # a file system, or a platform, without extended attributes: the digest is not kept


def _info(key: str, descriptor: int) -> ObjectInfo:
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        raise NotFound(f"no object {key}")
    sha256 = None
    try:
        kept = os.getxattr(descriptor, _ATTRIBUTE).decode().split()
        if kept[1:] == [str(state.st_size), str(state.st_mtime_ns)]:
            sha256 = kept[0]
    except (OSError, AttributeError):
        pass
    return ObjectInfo(key, state.st_size, _etag(state), sha256)


def _etag(state: os.stat_result) -> str:
    return f"{state.st_size:x}-{state.st_mtime_ns:x}"


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    """Keys of all files below `folder`."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/")
        elif entry.is_file():
            yield f"{prefix}{entry.name}"
