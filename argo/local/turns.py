"""Whose turn it is: the runs that nobody at a terminal drives have so many processes at once, the oldest runs first.

Who submits a run, serves this machine's runs, watches a run that waits, or has driven one to its end, lets the next
ones begin. A run that waits for a decision of people gives its turn to others, and goes on at once when it is decided.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import argo.local.state.kept as kept
from argo.errors import ArgosyError
from argo.local.home import Home

if TYPE_CHECKING:
    from argo.backend import RunRef
    from argo.local.state.database import State

WAITING: Final = "waiting for its turn: "
_FILE = "engines"  # below ARGOSY_HOME: how many processes at once, where somebody has said it
_EACH = 64 << 20  # bytes of memory that a process takes
_A_CORE = 16  # processes, most of which wait
_PAUSE, _LONGEST = 1.0, 60.0  # seconds until a process that did not hold is started again
_GOOD = 1.0  # seconds for which a list of what waits is good


def most_engines(home: Home) -> int:
    """How many processes drive runs at once: as was said, else as this machine's cores and memory allow."""
    with suppress(OSError, ValueError):
        return max(1, int((home.root / _FILE).read_text(encoding="ascii")))
    from argo.local.resources import this_machine

    amounts = this_machine().amounts
    return max(4, int(min(amounts["cpu"] * _A_CORE, amounts["memory"] / 4 / _EACH)))


def limit(home: Home, most: int | None) -> None:
    """Say how many processes drive runs of this home at once; None: what is said counts no more."""
    path = home.root / _FILE
    if most is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(str(most), encoding="ascii")


class Turns:
    """The turns of one home."""

    def __init__(
        self, home: Home, state: State, active: Callable[[RunRef], bool], start: Callable[[RunRef], None]
    ) -> None:
        self._home = home
        self._state = state
        self._active = active  # whether a process drives the run
        self._start = start  # has one drive it
        self._next: dict[str, tuple[float, float]] = {}  # uid -> when to try again, the pause after
        self._idle: dict[str, tuple[int, bool]] = {}  # uid -> a revision, whether the run waits for people then
        self._known: tuple[float, list[str]] = (-_GOOD, [])

    def advance(self, wanted: RunRef | None = None) -> None:
        """Let the runs begin whose turn it is. Raises EnvironmentFailure where the process of `wanted` fails."""
        with self._alone():
            busy, waiting = self._look()
            for ref in waiting:
                if busy >= most_engines(self._home):
                    break
                after, pause = self._next.get(ref.uid, (0.0, _PAUSE))
                now = time.monotonic()
                if now < after and ref != wanted:
                    continue
                self._next[ref.uid] = (now + pause, min(pause * 2, _LONGEST))
                try:
                    self._start(ref)
                except ArgosyError:  # in the run's engine.log
                    if ref == wanted:
                        raise
                else:
                    busy += self._active(ref)
        self._known = (-_GOOD, [])

    def before(self, ref: RunRef) -> int | None:
        """How many runs begin before one that waits for its first turn; None where it does not wait."""
        when, waiting = self._known
        if time.monotonic() - when > _GOOD:
            busy, found = self._look()
            full = busy >= most_engines(self._home)
            waiting = [other.uid for other in found] if full else []
            self._known = (time.monotonic(), waiting)
        return waiting.index(ref.uid) if ref.uid in waiting else None

    def _look(self) -> tuple[int, list[RunRef]]:
        """How many processes have something to do, and the runs that have none, the oldest first."""
        runs = kept.detached(self._state)
        driven = [ref for ref in runs if self._active(ref)]
        return sum(not self._waits_for_people(ref) for ref in driven), [ref for ref in runs if ref not in driven]

    def _waits_for_people(self, ref: RunRef) -> bool:
        from argo.workflow.tree import idle

        revision = self._state.revision(ref.uid)
        if self._idle.get(ref.uid, (None, False))[0] != revision:
            self._idle[ref.uid] = (revision, idle(self._state.workflow(ref.uid)[0]))
        return self._idle[ref.uid][1]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever lets runs begin does so alone: they are counted."""
        descriptor = os.open(self._home.root / "turns.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
