"""Tells the time by which runs are driven: this machine's, but nobody can set it while a process lives.

It is the wall clock of when the process began, moved on by one that counts the seconds since this machine started, also
those that it slept. So a deadline is neither missed nor met for a clock that is set.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

_COUNTER = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since this machine started: the same in all its processes."""
    return time.clock_gettime(_COUNTER)


_EPOCH = time.time() - elapsed()


def seconds() -> float:
    """Now, in seconds since the epoch."""
    return _EPOCH + elapsed()


def now() -> datetime:
    """Now, in UTC."""
    return datetime.fromtimestamp(seconds(), UTC)
