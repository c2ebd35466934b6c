"""Waiting in tests: for a condition, never for a time; how long is borne only tells what hangs from what is slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TypeVar

import pytest

T = TypeVar("T")
HANG = 300.0  # seconds after which something hangs, however busy the machine is


def until(true: Callable[[], T], what: str = "it becomes true", pause: float = 0.02) -> T:
    """What `true` gives once it is something."""
    end = time.monotonic() + HANG
    while not (found := true()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(pause)
    return found


def without_waiting(module: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Have a module wait for nothing; gives how long it would have waited, each time. Other threads wait as ever."""
    waited: list[float] = []
    clock = SimpleNamespace(sleep=waited.append, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr(f"{module}.time", clock)
    return waited
