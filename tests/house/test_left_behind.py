"""What a test leaves behind is found: a thread, a daemon too, a process, one of its own making too."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tests import left_behind
from tests.left_behind import nothing_left

CHILD = "import subprocess, sys; subprocess.Popen(['sleep', '600'], start_new_session=True)"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "ENDING", 0.1)


@pytest.mark.parametrize("daemon", [False, True])
def test_a_thread_that_goes_on_is_named(daemon: bool) -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="forgotten", daemon=daemon)
    with pytest.raises(AssertionError, match="left behind: thread forgotten"), nothing_left():
        thread.start()
    over.set()
    thread.join()


def test_a_process_that_another_one_left_is_named_and_ended() -> None:
    with pytest.raises(AssertionError, match=r"left behind: process \d+: sleep 600"), nothing_left():
        subprocess.run([sys.executable, "-c", CHILD], check=True)
    with nothing_left():
        pass


def test_what_has_ended_is_not_left() -> None:
    with nothing_left():
        thread = threading.Thread(target=lambda: None)
        thread.start()
        subprocess.run(["true"], check=True)
