"""Runs processes to their end, and says what each has cost."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """One process: seconds by the clock, CPU seconds (user and system), peak memory in MiB."""

    seconds: float
    cpu: float
    memory: float


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's variables, with a home for Argosy, and byte code written as an installation has it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "ARGOSY_HOME": str(home), "PYTHONPATH": str(ROOT), **more}


def run(*command: str, env: Mapping[str, str], cwd: Path) -> Cost:
    """Run a program, or Python where it begins with an option, read all it writes; a failure ends the measurement."""
    words = (sys.executable, *command) if command[0].startswith("-") else command
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, env=env, cwd=cwd) as process:
            assert process.stdout is not None
            process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)[:80]} ended with {process.returncode}\n{errors.read().decode()}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("seconds", "cpu", "memory")))


def report(about: str | None, measure: Callable[[argparse.Namespace, Path], Iterator[Any]], **more: int | bool) -> None:
    """Print what is measured as it comes, or with `--json` as a list when all is; `more` are options and defaults."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print a JSON list when all is measured")
    for name, default in more.items():
        how: dict[str, Any] = {"action": "store_true"} if default is False else {"type": int, "default": default}
        parser.add_argument(f"--{name}", **how)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for item in measure(given, Path(folder)):
            found.append(asdict(item))
            if not given.json:
                print(item, flush=True)
    if given.json:
        print(json.dumps(found, indent=2))
