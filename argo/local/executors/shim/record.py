"""Write a pod's records so that a kill or a power failure leaves the whole of one or nothing."""

from __future__ import annotations

import errno
import json
import os
import time
from contextlib import suppress
from typing import Any

from argo.local.clock import elapsed

_epoch = time.time() - elapsed()

Record = dict[str, Any]  # what the engine and a supervisor tell each other, as JSON

# The folder, below the pod's, in which main containers see which sidecars have ended, and how.
ENDS = "ctr"
EXIT = "exit.json"
# Space taken before the pod starts: its end, with what a script's result may be, can be recorded on a full disk.
_RESERVE, _RESERVED = ".exit", 320 << 10


def write(folder: str, name: str, value: Any, *, sync: bool = True, mode: int = 0o600) -> None:
    """Write `value` as JSON to `<folder>/<name>`: temporary name, fsync, rename, fsync of the folder."""
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(descriptor, json.dumps(value).encode())
            os.fchmod(descriptor, mode)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, os.path.join(folder, name))
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    if sync:
        sync_path(folder)


def reserve(folder: str) -> None:
    """Take the space that the exit record will need. Raises OSError where there is none."""
    descriptor = os.open(os.path.join(folder, _RESERVE), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _RESERVED)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot promise space
            raise
    finally:
        os.close(descriptor)


def conclude(folder: str, value: Record, short: Record) -> None:
    """Write the exit record into the space that was reserved; `short` stands in where there is none for the whole."""
    reserved = os.path.join(folder, _RESERVE)
    descriptor = os.open(reserved, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            size = write_all(descriptor, json.dumps(value).encode())
        except OSError:
            os.lseek(descriptor, 0, os.SEEK_SET)
            size = write_all(descriptor, json.dumps(short).encode())
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(reserved, os.path.join(folder, EXIT))
    sync_path(folder)


def write_all(descriptor: int, data: bytes) -> int:
    """Write all of `data`; its size."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


def sync_path(path: str) -> None:
    """Make a file, or the names in a folder, last a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_clock(now: float) -> None:
    """Have `stamp` tell the engine's time, by which it is `now`."""
    global _epoch  # noqa: PLW0603 -- of this process, which has one engine
    _epoch = now - elapsed()


def stamp() -> str:
    """Now as RFC 3339 in UTC with microseconds."""
    now = _epoch + elapsed()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
