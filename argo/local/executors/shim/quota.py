"""How much the containers of a pod write to disk, looked at now and then, as the kubelet does."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from argo.local.executors.shim.container import Container

EVERY = 1.0  # seconds between two looks, at least
_SHARE = 4  # a look may take so much of the time: one part in five


class Quota:
    """The bytes that all containers of a pod may have on disk: in its folder, and in what a runtime keeps of them."""

    def __init__(self, limit: int, folder: str, containers: Sequence[Container]) -> None:
        self._limit = limit
        self._folder = folder
        self._containers = containers
        self._next = 0.0

    def exceeded(self) -> bool:
        """True where there is more than is allowed; False where it is too soon to look again."""
        begun = time.monotonic()
        if begun < self._next:
            return False
        over = self._used() > self._limit
        done = time.monotonic()
        self._next = done + max(EVERY, (done - begun) * _SHARE)
        return over

    def _used(self) -> int:
        total, waiting = sum(container.written() for container in self._containers), [self._folder]
        while waiting and total <= self._limit:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
            except FileNotFoundError:
                continue  # it was removed meanwhile
            except OSError:
                return self._limit + 1  # what nobody may look into could hold anything
        return total
