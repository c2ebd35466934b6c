"""A run followed to its end, whatever happens to the connection.

What comes from a stream is a hint that there is something new; where the stream breaks, the run is read anew. A
picture older than the last one is never shown.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from argo.backend import FINISHED, Snapshot
from argo.errors import AuthError, EnvironmentFailure, RemoteError
from argo.workflow.hydrate import changed
from compiler.manifest_types import Workflow

_PATIENCE = 1800.0  # seconds without any answer after which following a run is given up
_PAUSE, _LONGEST = 0.5, 15.0  # seconds between attempts
_JITTER = random.Random()  # noqa: S311
_AUTH = 3  # refusals in a row that are believed: a token may be about to be renewed


def follow(
    read: Callable[[], Workflow], pictures: Callable[[Workflow], Iterator[Workflow]], patience: float = 1.0
) -> Iterator[Snapshot]:
    """Snapshots until the run has ended. `read` gives the run as it is now, `pictures` what comes after such a
    picture until the stream ends. `patience` scales all waiting times.

    Raises RemoteError where the place stays away, and as `read` does for a run that is gone; never because a run
    failed.
    """
    last: Workflow | None = None
    attempts = Attempts(patience)
    while True:
        before = last
        try:
            for workflow in _all(read, pictures):
                attempts.well()
                if last is None or _newer(workflow, last):
                    before, last = last, workflow
                    yield Snapshot(workflow, changed(before, workflow))
                    if ended(workflow):
                        return
            if before is last:  # a stream that ends without anything new may do so at once, again and again
                attempts.pause(_PAUSE)
        except (RemoteError, EnvironmentFailure) as error:
            attempts.again(error)


def ended(workflow: Workflow) -> bool:
    """True where the run has ended: nothing of it will change any more."""
    return (workflow.get("status") or {}).get("phase") in FINISHED


def _all(read: Callable[[], Workflow], pictures: Callable[[Workflow], Iterator[Workflow]]) -> Iterator[Workflow]:
    now = read()
    yield now
    if not ended(now):
        yield from pictures(now)


class Attempts:
    """How long to wait before the next attempt, and when to give up."""

    def __init__(self, patience: float) -> None:
        self._scale = patience
        self._pause = _PAUSE
        self._refused = 0
        self._since = time.monotonic()

    def well(self) -> None:
        self._pause, self._refused = _PAUSE, 0
        self._since = time.monotonic()

    def again(self, error: Exception) -> None:
        """Wait; raises `error` once it is to be believed."""
        self._refused += isinstance(error, AuthError)
        if self._refused >= _AUTH or time.monotonic() - self._since > _PATIENCE * self._scale:
            raise error
        self.pause(self._pause * _JITTER.uniform(0.5, 1.0))
        self._pause = min(self._pause * 2, _LONGEST)

    def pause(self, seconds: float) -> None:
        """Wait, as long as the client's patience makes of it."""
        time.sleep(seconds * self._scale)


def _newer(workflow: Workflow, last: Workflow) -> bool:
    """True where a Workflow object is newer than another one of the same run; its version counts up."""
    one, other = (str(w["metadata"].get("resourceVersion") or "") for w in (workflow, last))
    if one.isdigit() and other.isdigit():
        return int(one) > int(other)
    return one != other
