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
import os
import random
import secrets
import shutil
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import Cost, environment, median, report, run

BUCKET = "results"


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
        mc = {"MC_HOST_here": f"http://{key}:{secret}@{endpoint}", "MC_CONFIG_DIR": str(folder / "mc")}
        yield environment(folder / "home", AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret, **mc)
    finally:
        process.terminate()
        process.wait()


def compare(folder: Path, variables: Mapping[str, str], title: str, run_name: str, rounds: int) -> Comparison:
    key = f"here/{BUCKET}/runs/default/{run_name}/u/task/"
    sides = {
        "mc": ([program("ARGOSY_MC", "mc"), "--quiet", "cp", "--recursive", key, "mc-brought/"], folder / "mc-brought"),
        "argosy": (["-m", "argo.cli", "fetch", run_name, "-d", "argosy-brought"], folder / "argosy-brought"),
    }
    pairs, expected = [], {}
    for number in range(rounds + 1):
        costs = {}
        for name in sorted(sides, reverse=number % 2 == 0):
            command, target = sides[name]
            os.sync()
            costs[name] = run(*command, env=variables, cwd=folder)
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


def measure(given: argparse.Namespace, folder: Path) -> Iterator[Comparison]:
    """Rounds are of the large object; of the many a third of them."""
    rounds = max(1, given.rounds)
    with server(folder) as variables:
        mc, chance = program("ARGOSY_MC", "mc"), random.Random(7)
        run(mc, "--quiet", "mb", f"here/{BUCKET}", env=variables, cwd=folder)
        big = folder / "big"
        with big.open("wb") as file:
            for _ in range(64):
                file.write(chance.randbytes(16 << 20))
        target = f"here/{BUCKET}/runs/default/big/u/task/blob.bin"
        run(mc, "--quiet", "cp", str(big), target, env=variables, cwd=folder)
        big.unlink()
        yield compare(folder, variables, "1 GiB", "big", rounds)
        many = folder / "many" / "parts"
        many.mkdir(parents=True)
        for number in range(10_000):
            (many / f"{number}.json").write_bytes(chance.randbytes(10_000))
        target = f"here/{BUCKET}/runs/default/many/u/task/"
        run(mc, "--quiet", "cp", "--recursive", str(many), target, env=variables, cwd=folder)
        shutil.rmtree(many)
        yield compare(folder, variables, "10,000 of 10 kB", "many", max(1, rounds // 3))


if __name__ == "__main__":
    report(__doc__, measure, rounds=6)
