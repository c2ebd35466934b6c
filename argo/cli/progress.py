"""A line on a terminal about work that takes longer than a second: what it is, how far, since when."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_FIRST, _NEXT = 1.0, 0.5  # seconds before the line is shown, and between two of it


@contextmanager
def ticking(text: Callable[[], str]) -> Iterator[None]:
    """Show `text()` on stderr while the block takes its time; nothing in a pipe, nothing for what is quick."""
    if not sys.stderr.isatty():
        yield
        return
    import threading
    import time

    done = threading.Event()

    def tick() -> None:
        from argo.views.text import clean, crop, duration

        started, pause, shown = time.monotonic(), _FIRST, False
        with suppress(OSError):
            while not done.wait(pause):
                pause, shown = _NEXT, True
                line = f"{clean(text())}  {duration(time.monotonic() - started)}"
                sys.stderr.write(f"\r{crop(line, _columns() - 1)}\x1b[K")
                sys.stderr.flush()
            if shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _columns() -> int:
    import os

    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80
