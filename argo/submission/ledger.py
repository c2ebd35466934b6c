"""Submissions under way, written down before they are sent: below ARGOSY_HOME, `submissions/<key>.json`.

An entry goes when it is known how its submission ended; one that stays tells the key under which the run is found.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from argo.errors import EnvironmentFailure
from argo.files.shortage import lacking, shortage

_FORGOTTEN = 30 * 24 * 3600  # seconds; who has not repeated a submission by then will not


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission: its key, the run's name, where to, from what, and the part of the inputs' keys that is its own."""

    key: str
    run: str
    place: str
    source: str
    inputs: str


@dataclass(slots=True)
class Attempt:
    """One attempt at what an entry stands for; `open` while nobody knows whether its submission was taken."""

    entry: Entry
    open: bool = False


class Ledger:
    """The entries of one folder, which is made with mode 0700."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def written(self, entry: Entry) -> Iterator[Attempt]:
        """Write an entry down; it goes with the end of the block, unless that leaves it `open` (or the process dies).

        Where one of the same key and run was left, it is the one meant: its `inputs` are taken. While another process
        has that in hand, the block goes on without one of its own.
        """
        path = self._folder / f"{entry.key}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            if found := shortage(error):
                raise lacking(found, self._folder, known="nothing was sent", then="repeat the command") from error
            raise EnvironmentFailure(
                f"the submission cannot be written down: {error.strerror}",
                known="nothing was sent",
                hint=f"look at {self._folder}, or set ARGOSY_HOME to a folder that you may write",
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield Attempt(entry)
                return
            left = _parse(path)
            if left is not None and (left.run, left.place) == (entry.run, entry.place):
                entry = left
            file.truncate(0)
            file.write(json.dumps(asdict(entry)))
            file.flush()
            os.fsync(file.fileno())
            attempt = Attempt(entry)
            try:
                yield attempt
            finally:
                if not attempt.open:
                    path.unlink(missing_ok=True)

    def left(self, source: str, place: str) -> list[Entry]:
        """Entries of the same source and place that no process has in attempt."""
        found = []
        for path in self._folder.glob("*.json"):
            entry = _parse(path)
            if entry is not None and (entry.source, entry.place) == (source, place) and not _held(path):
                found.append(entry)
        return found

    def _tidy(self) -> None:
        for path in self._folder.glob("*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()


def _parse(path: Path) -> Entry | None:
    try:
        return Entry(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None  # cut short: its submission was not sent


def _held(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
