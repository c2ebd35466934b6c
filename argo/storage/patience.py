"""Waits for a store that does not answer: the one policy for all that would be lost, or have to be done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from argo.errors import ArgosyError
from argo.storage.errors import passing

T = TypeVar("T")
# Seconds for which a store is waited for, and between two attempts, each of which is patient for seconds by itself.
PATIENCE, PAUSE = 300.0, 1.0


def outlast(
    work: Callable[[bool], T],
    say: Callable[[str], object],
    *,
    over: Callable[[], bool] = lambda: False,
    wait: Callable[[float], object] = time.sleep,
) -> T:
    """Give what `work` gives, which is done again while its store does not answer, and told whether for the last time.

    `say` is told what is waited for. It is the last time when `over` says so, or after PATIENCE; a `wait` that gives
    something true ends it, too. Raises what `work` raised then.
    """
    until = time.monotonic() + PATIENCE
    while True:
        last = over() or time.monotonic() > until
        try:
            return work(last)
        except (ArgosyError, OSError) as error:
            away = passing(error)
            if away is None or last or wait(PAUSE):
                raise
            say(f"waiting for the store: {away.message}")
