"""The `argosy` command as a user runs it: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.disks import small_disk as small_disk
from tests.waiting import HANG

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Argosy:
    """Runs the command in `cwd` with its state under `home`."""

    home: Path
    cwd: Path
    programs: Path | None = None  # found first by tasks

    def environment(self) -> dict[str, str]:
        own = {"ARGOSY_HOME": str(self.home), "ARGOSY_EXECUTOR": "process"}  # no image is pulled in a test
        if self.programs is not None:
            own["PATH"] = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **own, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}

    def start(self, *args: str | Path, **kwargs: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "argosy", *map(str, args)]
        return subprocess.Popen(command, cwd=self.cwd, env=self.environment(), text=True, **kwargs)

    def __call__(self, *args: str | Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run to the end; fail the test when the exit code is not `code` (None: any)."""
        process = self.start(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        out, err = process.communicate(timeout=HANG)
        if code is not None:
            assert process.returncode == code, f"argosy {' '.join(map(str, args))}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *args: str | Path, code: int | None = 0) -> Any:
        return json.loads(self(*args, "-o", "json", code=code).stdout)


@pytest.fixture
def argosy(tmp_path: Path) -> Argosy:
    cwd = tmp_path / "work"
    cwd.mkdir()
    return Argosy(tmp_path / "home", cwd)
