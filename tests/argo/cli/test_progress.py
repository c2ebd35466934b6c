"""What takes longer than a moment says on a terminal what it is doing; in a pipe it is quiet."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argo.backend import Submission
from argo.cli import app, progress
from argo.local.backend import LocalBackend
from argo.serve.workflow_api.consumers import Consumers
from tests.waiting import HANG


class Screen(io.StringIO):
    """A terminal, or a pipe, that knows when a text has been written to it."""

    def __init__(self, wanted: str, *, terminal: bool) -> None:
        super().__init__()
        self.wanted, self.terminal, self.seen = wanted, terminal, threading.Event()

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        if self.wanted in text:
            self.seen.set()
        return super().write(text)


def slow(call: Callable[..., Any], screen: Screen) -> Callable[..., Any]:
    """The call, which takes until something is seen of it on a terminal."""

    def waiting(*args: Any, **more: Any) -> Any:
        if screen.terminal:
            assert screen.seen.wait(HANG)
        return call(*args, **more)

    return waiting


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(
    ("owner", "method", "command", "said"),
    [
        (LocalBackend, "list", ["list"], "asking for the runs"),
        (LocalBackend, "stop", ["stop", "r"], "stopping r: its tasks are given time to end"),
        (LocalBackend, "terminate", ["stop", "--now", "r"], "stopping r"),
        (LocalBackend, "delete", ["delete", "r"], "removing r"),
        (LocalBackend, "list", ["prune", "--older-than", "1d"], "looking for the runs"),
        (Consumers, "all", ["consumers", "list"], "asking the service's database"),
    ],
)
def test_a_command_that_takes_long_says_so(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    terminal: bool,
    owner: Any,
    method: str,
    command: list[str],
    said: str,
) -> None:
    monkeypatch.setenv("ARGOSY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    backend = LocalBackend()
    templates = [{"name": "main", "suspend": {}}]
    workflow: Any = {
        "kind": "Workflow",
        "metadata": {"name": "r"},
        "spec": {"entrypoint": "main", "templates": templates},
    }
    backend.record(Submission(workflow), executor="process")
    backend.close()
    screen = Screen(said, terminal=terminal)
    monkeypatch.setattr(progress, "_FIRST", 0.0)
    monkeypatch.setattr(owner, method, slow(getattr(owner, method), screen))
    monkeypatch.setattr(sys, "stderr", screen)
    assert app.run(command) == 0
    assert (said in screen.getvalue()) == terminal
