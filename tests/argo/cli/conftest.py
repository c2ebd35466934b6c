"""The command as a process of its own, with a home and a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import HANG, until

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Command:
    """Runs `argosy` in `cwd`."""

    home: Path
    cwd: Path
    executor: str = "process"
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ARGOSY_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "ARGOSY_EXECUTOR": self.executor,
        }

    def start(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        command = [sys.executable, "-P", "-m", "argosy", *args]
        process = subprocess.Popen(command, cwd=self.cwd, env=self.environment, text=True, **pipes)
        self.started.append(process)
        return process

    def __call__(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        process = self.start(*args)
        out, err = process.communicate(timeout=HANG)
        assert process.returncode == code, f"argosy {' '.join(args)}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *args: str, code: int = 0) -> Any:
        return json.loads(self(*args, "-o", "json", code=code).stdout)

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.cwd / f"{name}.yaml").write_text(text, encoding="utf-8")

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something to become true."""
        until(true)

    def phase(self, run: str, task: str) -> str:
        process = self.start("status", run, "-o", "json")
        out, _ = process.communicate()
        return str(json.loads(out)["tasks"].get(task, {}).get("phase", "")) if process.returncode == 0 else ""


@pytest.fixture
def argosy(tmp_path: Path) -> Iterator[Command]:
    (tmp_path / "work").mkdir()
    command = Command(tmp_path / "home", tmp_path / "work")
    yield command
    for process in command.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
