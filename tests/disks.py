"""Small disks of a test's own: `from tests.disks import small_disk` in a conftest makes the fixture known."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Disk:
    """A file system in memory, mounted at `path`."""

    path: Path

    def mount(self, **options: int | str) -> None:
        """Mount it, or another one over a folder of it."""
        _run("mount", "-t", "tmpfs", "-o", ",".join(f"{k}={v}" for k, v in options.items()), "argosy-test", self.path)

    def below(self, folder: str, **options: int | str) -> Disk:
        """Another disk, mounted in a folder of this one."""
        disk = Disk(self.path / folder)
        disk.path.mkdir(parents=True)
        disk.mount(**options)
        return disk

    def remount(self, how: str) -> None:
        """Make it `ro` or `rw`."""
        _run("mount", "-o", f"remount,{how}", self.path)

    def fill(self, leave: int = 0) -> None:
        """Take all its space but `leave` bytes, and with `leave` 0 the last byte."""
        size = max(0, self.free() - leave)
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(1, size))
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while not leave:
                file.write(bytes(4096))

    def fill_inodes(self) -> None:
        """Take all its inodes."""
        folder = self.path / ".many"
        folder.mkdir(exist_ok=True)
        number = len(list(folder.iterdir()))
        while True:
            try:
                (folder / f"{number}").touch()
            except OSError:
                return
            number += 1

    def make_space(self) -> None:
        """Give back what was taken."""
        self._filler.unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(self.path / ".many")], check=True)

    def free(self) -> int:
        """Bytes that are free."""
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def unmount(self) -> None:
        _run("umount", "-l", self.path)

    @property
    def _filler(self) -> Path:
        return self.path / ".filler"


def _run(*command: str | Path) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk of 16 MiB."""
    disk = Disk(tmp_path / "disk")
    disk.path.mkdir()
    try:
        disk.mount(size="16m", nr_inodes=4000)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"this user may not mount a disk: {getattr(error, 'stderr', None) or error}")
    yield disk
    while os.path.ismount(disk.path):
        for inner in sorted(_mounts(disk.path), key=len, reverse=True):
            subprocess.run(["umount", "-l", inner], check=True)


def _mounts(path: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [place for place in (line.split()[1] for line in lines) if f"{place}/".startswith(f"{path}/")]
