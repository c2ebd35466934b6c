"""Defines the lock that lets one process, and no other, drive a run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class RunLock:
    """An advisory lock on two files of a run; the kernel releases it when the process that holds it ends, however.

    Who drives a run has its `engine.lock`. Who only looks whether somebody does, or does something for a moment while
    nobody does, has `turn.lock` all that time, too; and nobody tries for `engine.lock` without `turn.lock`. So a
    refusal always means that the run is being driven, never that somebody was just looking.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors: list[int] = []

    def acquire(self, *, briefly: bool = False) -> bool:
        """Take the lock; return False where another process has it.

        `briefly` is for who lets go of it at once: whoever comes meanwhile waits instead of being refused.
        """
        if self._descriptors:
            return True
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        turn = self._locked("turn.lock", fcntl.LOCK_EX)
        try:
            engine = self._locked("engine.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(turn)
            return False
        self._descriptors = [engine, turn]
        if not briefly:
            os.close(self._descriptors.pop())
        return True

    def release(self) -> None:
        """Release the lock, if this process holds it."""
        while self._descriptors:
            os.close(self._descriptors.pop(0))

    def held(self) -> bool:
        """True where any process, this one included, drives the run now."""
        if self._descriptors:
            return True
        if not (self._folder / "engine.lock").exists():
            return False
        if self.acquire(briefly=True):
            self.release()
            return False
        return True

    def _locked(self, name: str, how: int) -> int:
        # To be locked a file need not be open for writing, which a read-only file system does not allow.
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> None:
        self.release()
