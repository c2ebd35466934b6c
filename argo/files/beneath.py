"""Opens what lies below a pod's folders from outside of the pod: through no link, without waiting, within limits.

A container controls the trees that are looked at here, and may change them meanwhile. So each step is taken from the
descriptor of the folder before it and follows no link, and a descriptor stays what it is: names are never read twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

DEEPEST = 256
MOST = 1_000_000
_PATIENCE = 16  # times that a folder is not empty after all
_HOLD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 20


class UnsafeFileError(OSError):
    """A container left something that is not looked into; `strerror` says what it is."""

    def __init__(self, text: str) -> None:
        super().__init__(errno.EPERM, text)


class Node:
    """A file, a folder, a link or anything else, held by a descriptor. Use it in a `with`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.state = os.fstat(descriptor)

    @classmethod
    def at(cls, path: str) -> Node:
        """Hold what is at a path that no container controls; a link in its last part is held itself."""
        return cls(os.open(path, _HOLD))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)

    @property
    def path(self) -> str:
        """A path of this process that leads here, whatever becomes of names."""
        return f"/proc/self/fd/{self.descriptor}"

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.state.st_mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.state.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.state.st_mode)

    def child(self, name: str) -> Node:
        """Hold what the folder has under a name."""
        return Node(os.open(name, _HOLD, dir_fd=self.descriptor))

    def below(self, parts: Iterable[str]) -> Node:
        """Hold what is reached by stepping from folder to folder; a link on the way is no folder."""
        node = Node(os.dup(self.descriptor))
        for part in parts:
            with node:
                node = node.child(part)
        return node

    def make(self, parts: Iterable[str], made: Callable[[], object] = lambda: None) -> Node:
        """Hold the folder that is reached so; folders that are missing are made, and `made` is called for each."""
        node = Node(os.dup(self.descriptor))
        for part in parts:
            with node:
                try:
                    os.mkdir(part, dir_fd=node.descriptor)
                    made()
                except FileExistsError:
                    pass
                node = node.child(part)
        if not node.is_folder:
            with node:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return node

    def target(self) -> str:
        """Where a link leads."""
        return os.readlink("", dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """The names in a folder, sorted."""
        descriptor = os.open(self.path, _READ | os.O_DIRECTORY)
        try:
            found: list[str] = []
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    found.append(entry.name)
                    if len(found) > MOST:
                        raise UnsafeFileError(f"holds more than {MOST} files")
            return sorted(found)
        finally:
            os.close(descriptor)

    def open(self) -> int:
        """Open a regular file for reading; UnsafeFileError for what is none."""
        if not self.is_file:
            raise UnsafeFileError(f"is {_kind(self.state.st_mode)}, no regular file")
        return os.open(self.path, _READ)

    def read(self, limit: int) -> bytes:
        """The content of a file that may have `limit` bytes at most."""
        with os.fdopen(self.open(), "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise UnsafeFileError(f"larger than {limit} bytes")
        return data

    def end(self, size: int) -> bytes:
        """The last bytes of a file."""
        with os.fdopen(self.open(), "rb") as file:
            file.seek(max(0, self.state.st_size - size))
            return file.read(size)

    def walk(self) -> Iterator[tuple[str, Node]]:
        """All that is in a folder, by name, what is in a folder after it. Each is held until the next is asked for.

        UnsafeFileError for more than the disk can hold: a file with holes may say that it has any size.
        """
        disk = os.statvfs(self.path)
        left, count = disk.f_frsize * disk.f_blocks, 0
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            parts = waiting.pop()
            if len(parts) > DEEPEST:
                raise UnsafeFileError(f"has folders deeper than {DEEPEST}")
            inner: list[tuple[str, ...]] = []
            with self.below(parts) as folder:
                for name in folder.names():
                    with folder.child(name) as node:
                        count += 1
                        left -= node.state.st_size if node.is_file else 0
                        if count > MOST or left < 0:
                            raise UnsafeFileError(f"holds more than the disk, or more than {MOST} files")
                        yield "/".join((*parts, name)), node
                        if node.is_folder:
                            inner.append((*parts, name))
            waiting += reversed(inner)

    def usable(self) -> None:
        """Raise UnsafeFileError for what is no file or folder, and for a file that says it is larger than the disk."""
        if not (self.is_file or self.is_folder):
            raise UnsafeFileError(f"is {_kind(self.state.st_mode)}, no regular file or folder")
        disk = os.statvfs(self.path)
        if self.is_file and self.state.st_size > disk.f_frsize * disk.f_blocks:
            raise UnsafeFileError("is larger than the disk")

    def sync(self) -> None:
        """Make a file, or a folder and all in it, last a power failure."""
        self._sync()
        if self.is_folder:
            for _, node in self.walk():
                node._sync()

    def _sync(self) -> None:
        if self.is_file or self.is_folder:
            descriptor = os.open(self.path, _READ)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def copy(self, into: Node, name: str) -> None:
        """Copy a file, or a folder with the files, folders and links in it, to a new name in another folder."""
        self.usable()
        _copy_one(self, into, name)
        if not self.is_folder:
            return
        with into.child(name) as top:
            for inner, node in self.walk():
                *parents, last = inner.split("/")
                with top.below(parents) as folder:
                    _copy_one(node, folder, last)

    def move(self, name: str, into: Node, new: str) -> None:
        """Move what this folder has under a name to a new one in another folder, on any file system."""
        try:
            os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=into.descriptor)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with self.child(name) as node:
                node.copy(into, new)
            self.remove(name)

    def clear(self, name: str) -> None:
        """Make a name of this folder free, where it is free or that of an empty folder. Raises OSError."""
        try:
            os.rmdir(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            pass

    def write(self, name: str, data: bytes, mode: int) -> None:
        """Write a file of this folder anew, never through what was there under its name."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            pass
        with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=self.descriptor), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)

    def lend(self, target: str) -> str:
        """A path of the file while it is held that no container sees: `target`, made a second name of it, or where it
        can have none, one that may only be read."""
        if not self.is_file:
            raise UnsafeFileError(f"is {_kind(self.state.st_mode)}, no regular file")
        try:
            os.link(self.path, target, src_dir_fd=self.descriptor)  # which makes Python follow, here to the file itself
        except OSError:
            return self.path
        return target

    def remove(self, name: str) -> None:
        """Remove what this folder has under a name, at any depth, also where programs took their own rights away.

        Folders are brought up to the top before they are emptied: there is no descent, and so no depth. Somebody else
        may be removing the same. Raises PermissionError when all is removed but what another user made.
        """
        for last in (*[False] * _PATIENCE, True):
            try:
                with self.child(name) as top:
                    if not top.is_folder:
                        os.unlink(name, dir_fd=self.descriptor)
                        return
                    top._empty_all()
                os.rmdir(name, dir_fd=self.descriptor)
            except FileNotFoundError:
                return
            except OSError as error:
                if last or error.errno != errno.ENOTEMPTY:
                    raise

    def _empty_all(self) -> None:
        kept: list[PermissionError] = []
        doomed = self._empty(self, kept)
        while doomed:
            found = doomed.pop()
            with contextlib.suppress(FileNotFoundError):
                with self.child(found) as folder:
                    doomed += folder._empty(self, kept)
                try:
                    os.rmdir(found, dir_fd=self.descriptor)
                except OSError:
                    if not kept:
                        raise
        if kept:
            raise kept[0]

    def _empty(self, top: Node, kept: list[PermissionError]) -> list[str]:
        """Remove all but the folders, which are brought up to `top`; their names there."""
        folders: list[str] = []
        for name, folder in self._entries():
            try:
                if folder:
                    folders.append(name if self is top else self._bring_up(name, top))
                else:
                    os.unlink(name, dir_fd=self.descriptor)
            except FileNotFoundError:
                continue
            except PermissionError as error:
                kept.append(error)
        return folders

    def _entries(self) -> list[tuple[str, bool]]:
        self._allow()
        descriptor = os.open(self.path, _READ | os.O_DIRECTORY)
        try:
            with os.scandir(descriptor) as entries:
                return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        finally:
            os.close(descriptor)

    def _bring_up(self, name: str, top: Node) -> str:
        with self.child(name) as folder:
            folder._allow()
        new = os.urandom(16).hex()
        os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=top.descriptor)
        return new

    def _allow(self) -> None:
        if self.is_folder and self.state.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(self.path, stat.S_IRWXU)


def _copy_one(node: Node, into: Node, name: str) -> None:
    if node.is_folder:
        os.mkdir(name, 0o700, dir_fd=into.descriptor)
        with into.child(name) as made:
            os.chmod(made.path, stat.S_IMODE(node.state.st_mode) & 0o777 | 0o700)
    elif node.is_link:
        os.symlink(node.target(), name, dir_fd=into.descriptor)
    elif node.is_file:
        _copy_file(node, os.open(name, _NEW, 0o600, dir_fd=into.descriptor))


def _copy_file(node: Node, target: int) -> None:
    with os.fdopen(target, "wb") as into, os.fdopen(node.open(), "rb") as source:
        left = node.state.st_size  # a file that grows meanwhile has no end
        while left > 0 and (data := source.read(min(left, _BLOCK))):
            left -= len(data)
            into.write(data)
        os.fchmod(into.fileno(), stat.S_IMODE(node.state.st_mode) & 0o777 | 0o600)


def _kind(mode: int) -> str:
    names = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for test, name in names if test(mode)), "a device")
