"""Compares `argosy fetch` to MinIO's own client: whole processes, from a MinIO server of this machine.

    python bench/fetch.py [--rounds N] [--json]

Needs the programs `minio` and `mc` (`go install github.com/minio/minio@latest`, `… /mc@latest`), in PATH or named by
ARGOSY_MINIO and ARGOSY_MC. Both sides bring the same objects, which `mc` has stored; in each round one runs after the
other, now this one first, now that one, into a folder that is not there and with nothing left to be written. Times are
of the clock, since both wait for the same server on the same machine; memory is the peak of the process, or of this
one where that is larger. Argosy's side also verifies every byte, which mc does not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUCKET = "results"


@dataclass(frozen=True, slots=True)
class Cost:
    """One process: seconds by the clock, CPU seconds, peak memory in MiB."""

    seconds: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Medians of both sides; `speed` is the median of the rounds' ratios of mc's time to Argosy's."""

    title: str
    rounds: int
    mc: Cost
    argosy: Cost
    speed: float

    def __str__(self) -> str:
        left = f"{self.title:20} mc {self.mc.seconds:6.2f} s"
        right = f"Argosy {self.argosy.seconds:6.2f} s {self.argosy.memory:4.0f} MiB"
        return f"{left}   {right}   speed {self.speed:.2f} of mc's"


def program(variable: str, name: str) -> str:
    found = os.environ.get(variable) or shutil.which(name)
    if not found:
        raise SystemExit(f"{name} is not here: go install github.com/minio/{name}@latest, or set {variable}")
    return found


@contextmanager
def server(folder: Path) -> Iterator[dict[str, str]]:
    """A MinIO server; yields the environment that both clients reach it with."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    process = subprocess.Popen(
        [program("ARGOSY_MINIO", "minio"), "server", "--quiet", "--address", endpoint, str(folder / "minio")],
        env={**os.environ, "MINIO_ROOT_USER": key, "MINIO_ROOT_PASSWORD": secret},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://{endpoint}/minio/health/ready", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        (folder / "argosy.yaml").write_text(
            "kind: Project\ndefault: local\nprofiles:\n  local:\n    engine: local\n"
            f"    store: {{endpoint: '{endpoint}', bucket: {BUCKET}, insecure: true}}\n"
        )
        yield {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "MC_HOST_here": f"http://{key}:{secret}@{endpoint}", "MC_CONFIG_DIR": str(folder / "mc"),
            "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "ARGOSY_HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def run(command: list[str], environment: dict[str, str], cwd: Path) -> Cost:
    """Runs a process to its end, with nothing to write before it; a failure ends the measurement."""
    os.sync()
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, cwd=cwd, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:80]} ended with {process.returncode}")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(folder: Path, environment: dict[str, str], title: str, run_name: str, rounds: int) -> Comparison:
    key = f"here/{BUCKET}/runs/default/{run_name}/u/task/"
    sides = {
        "mc": ([program("ARGOSY_MC", "mc"), "--quiet", "cp", "--recursive", key, "mc-brought/"], folder / "mc-brought"),
        "argosy": (
            [sys.executable, "-m", "argo.cli", "fetch", run_name, "-d", "argosy-brought"],
            folder / "argosy-brought",
        ),
    }
    pairs, expected = [], {}
    for number in range(rounds + 1):
        costs = {}
        for name in sorted(sides, reverse=number % 2 == 0):
            command, target = sides[name]
            costs[name] = run(command, environment, folder)
            found = digests(target / "task" if name == "argosy" else target)
            expected = expected or found
            if found != expected:
                raise SystemExit(f"{name} has not brought the same bytes")
            shutil.rmtree(target)
        pairs.append((costs["mc"], costs["argosy"]))
    pairs = pairs[1:]  # the first makes the byte code
    return Comparison(
        title, rounds, median([p[0] for p in pairs]), median([p[1] for p in pairs]),
        statistics.median(theirs.seconds / ours.seconds for theirs, ours in pairs),
    )  # fmt: skip


def digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(c.seconds for c in costs),
        statistics.median(c.cpu for c in costs),
        max(c.memory for c in costs),
    )


def measure(folder: Path, rounds: int) -> Iterator[Comparison]:
    with server(folder) as environment:
        mc, chance = program("ARGOSY_MC", "mc"), random.Random(7)
        run([mc, "--quiet", "mb", f"here/{BUCKET}"], environment, folder)
        big = folder / "big"
        with big.open("wb") as file:
            for _ in range(64):
                file.write(chance.randbytes(16 << 20))
        run([mc, "--quiet", "cp", str(big), f"here/{BUCKET}/runs/default/big/u/task/blob.bin"], environment, folder)
        big.unlink()
        yield compare(folder, environment, "1 GiB", "big", rounds)
        many = folder / "many" / "parts"
        many.mkdir(parents=True)
        for number in range(10_000):
            (many / f"{number}.json").write_bytes(chance.randbytes(10_000))
        target = f"here/{BUCKET}/runs/default/many/u/task/"
        run([mc, "--quiet", "cp", "--recursive", str(many), target], environment, folder)
        shutil.rmtree(many)
        yield compare(folder, environment, "10,000 of 10 kB", "many", max(1, rounds // 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=6, help="for the large object; for the many a third of it")
    parser.add_argument("--json", action="store_true", help="print a JSON list when all is measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = []
        for item in measure(Path(name), max(1, given.rounds)):
            found.append(asdict(item))
            if not given.json:
                print(item, flush=True)
        if given.json:
            print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
