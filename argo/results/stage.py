"""A hidden folder beside the place that results go to: there they are brought, and from there they get their names.

What a killed fetch leaves is that folder; the next fetch of the same run into the same place goes on with it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argo.errors import ConflictError
from argo.storage.errors import Unreachable
from argo.storage.store import sync

PREFIX = ".argosy-fetch-"
_KEPT = 7 * 24 * 3600  # seconds in which somebody may come back to a fetch that was killed


@contextmanager
def stage(folder: Path, run: str) -> Iterator[Path]:
    """The stage of the run with this uid below `folder`; a second fetch at the same time gets one of its own.

    It is removed with the block, but for an error after which another attempt may go on with it: a store that
    cannot be reached, an interrupt.
    """
    _tidy(folder)
    own = folder / (PREFIX + hashlib.sha256(run.encode()).hexdigest()[:12])
    for path in (own, *(folder / (PREFIX + secrets.token_hex(6)) for _ in range(8))):
        path.mkdir(mode=0o700, exist_ok=True)
        with _held(path) as ours:
            if not (ours and path.exists()):
                continue
            try:
                yield path
            except (Unreachable, KeyboardInterrupt):
                raise
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
            shutil.rmtree(path, ignore_errors=True)
            return
    raise ConflictError(f"other fetches take every stage in {folder}", hint="repeat the command")


def place(made: Path, target: Path) -> None:
    """Give what is staged its final name, in place of what a fetch before put there. Raises ConflictError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if made.is_dir():
        if target.is_symlink() or target.is_file():
            raise ConflictError(f"{target} is in the way: it is a file", hint="move it, or fetch into another folder")
        if target.exists():
            target.rename(made.parent / f"old-{secrets.token_hex(6)}")
    elif target.is_dir() and not target.is_symlink():
        raise ConflictError(f"{target} is in the way: it is a folder", hint="move it, or fetch into another folder")
    made.rename(target)


def sync_all(made: Path) -> None:
    """Make a file, or all that is in a folder, last a power failure."""
    sync(made)
    for folder, _, files in os.walk(made) if made.is_dir() else ():
        for name in (".", *files):
            path = Path(folder, name)
            if not path.is_symlink():
                sync(path)


def _tidy(folder: Path) -> None:
    """Remove the stages that nobody came back to."""
    for stale in folder.glob(PREFIX + "*"):
        with _held(stale) as free:
            if free and time.time() - stale.stat().st_mtime > _KEPT:
                shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold a stage; False where another process does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    free = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)
