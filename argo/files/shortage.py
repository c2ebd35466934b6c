"""Tells that this machine has run out of something from a failure of what was asked, and says what to do about it."""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from argo.errors import EnvironmentFailure

if TYPE_CHECKING:
    from pathlib import Path

_FILES = "raise the limit of open files (ulimit -n 1024)"
_REMEDIES = {
    errno.ENOSPC: ("no space, or no inodes, left on the disk", "make space"),
    errno.EDQUOT: ("the disk quota is used up", "make space, or have the quota raised"),
    errno.EROFS: ("the file system is read-only", "mount it for writing, or set ARGOSY_HOME to another folder"),
    errno.EMFILE: ("too many open files", _FILES),
    errno.ENFILE: ("too many open files on this machine", "end programs that hold many files open"),
    errno.ENOMEM: ("no memory left", "end programs that use much memory"),
    errno.EAGAIN: ("no more processes or threads may be started", "raise the limit of processes (ulimit -u)"),
}
_DAMAGED = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_PROBE = 1 << 16  # bytes; what SQLite needs to open a database, and more


def shortage(error: BaseException | None) -> OSError | None:
    """The system's own error in a chain of errors, where it says that something has run out; else None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REMEDIES:
            return error
        if isinstance(error, MemoryError):
            return OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        if isinstance(error, RuntimeError) and "start new thread" in str(error):  # which is all that Python says
            return OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def lacking(error: OSError, place: object, *, known: str, then: str) -> EnvironmentFailure:
    """The error that says what has run out where; `then` is the command to give when there is enough again."""
    what, cure = _REMEDIES[error.errno or 0]
    return EnvironmentFailure(f"{place}: {what}", known=known, hint=f"{cure}, then: {then}")


def remedy(error: OSError) -> str:
    """Return what to do about an error of the system; empty where it is no shortage."""
    return _REMEDIES.get(error.errno or 0, ("", ""))[1]


def damaged(error: BaseException) -> bool:
    """True where SQLite says that its file is damaged, or no database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED or str(error).startswith("Could not decode")


def probe(folder: Path) -> OSError | None:
    """Why no file can be written in a folder; None where one can. SQLite does not tell these reasons apart."""
    path = folder / f".probe-{os.getpid()}-{time.monotonic_ns()}"
    try:
        with path.open("xb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, _PROBE)
    except OSError as error:
        return None if error.errno in (errno.EOPNOTSUPP, errno.EINVAL) else error
    finally:
        with suppress(OSError):
            path.unlink()
    return None
