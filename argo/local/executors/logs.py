"""Read what a container printed: the log files that its supervisor writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `time` as RFC 3339 in UTC, `stream` stdout or stderr, `text` the bytes with their newline, if any."""

    time: str
    stream: str
    text: bytes


def containers(folder: Path) -> list[str]:
    """Names of the containers of a pod that have a log; `main` first."""
    names = [path.stem for path in folder.glob("*.log") if path.stem != "supervisor"]
    return sorted(names, key=lambda name: (name != "main", name))


def read(path: Path, *, follow: Callable[[], bool] | None = None) -> Iterator[Entry]:
    """The lines of a log. With `follow` wait for more for as long as it says True. A log that is not there is empty."""
    while not path.exists():
        if follow is None or not follow():
            return
        time.sleep(_POLL)
    with path.open("rb") as file:
        rest = b""
        while True:
            going_on = follow is not None and follow()  # asked first: what is written before the end is read
            while line := file.readline():
                rest += line
                if rest.endswith(b"\n"):
                    yield _entry(rest)
                    rest = b""
            if not going_on:
                return
            time.sleep(_POLL)


def _entry(line: bytes) -> Entry:
    stamp, stream, kind, text = [*line.split(b" ", 3), b"", b"", b""][:4]  # of a line cut short, what there is
    return Entry(stamp.decode(), stream.decode(), text if kind == b"F" else text[:-1])
