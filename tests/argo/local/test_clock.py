from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from argo.local import clock


def test_a_clock_that_is_set_does_not_set_the_time_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.seconds()
    real = time.time
    for jump in (86400.0, -86400.0):
        monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        assert abs(clock.seconds() - before) < 3600
        assert abs(clock.now().timestamp() - before) < 3600


def test_it_is_the_wall_clock_s_time() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(hours=1)
