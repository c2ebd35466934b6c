"""Write a pod's records so that a kill or a power failure leaves the whole of one or nothing."""

from __future__ import annotations

import json
import os
import time
from typing import Any

# The folder, below the pod's, in which main containers see which sidecars have ended, and how.
ENDS = "ctr"


def write(folder: str, name: str, value: Any, *, sync: bool = True, mode: int = 0o600) -> None:
    """Write `value` as JSON to `<folder>/<name>`: temporary name, fsync, rename, fsync of the folder."""
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        data = memoryview(json.dumps(value).encode())
        while data:
            data = data[os.write(descriptor, data) :]
        os.fchmod(descriptor, mode)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, os.path.join(folder, name))
    if sync:
        sync_path(folder)


def sync_path(path: str) -> None:
    """Make a file, or the names in a folder, last a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stamp(seconds: float | None = None) -> str:
    """A time as RFC 3339 in UTC with microseconds."""
    now = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
