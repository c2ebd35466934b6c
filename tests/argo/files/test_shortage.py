from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from argo.errors import EnvironmentFailure
from argo.files.shortage import lacking, probe, shortage
from tests.disks import Disk
from tests.disks import small_disk as small_disk


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "next: make space, then: argosy resume r"),
        (errno.EDQUOT, "next: make space, or have the quota raised, then: argosy resume r"),
        (errno.EROFS, "next: mount it for writing, or set ARGOSY_HOME to another folder, then: argosy resume r"),
        (errno.EMFILE, "next: raise the limit of open files (ulimit -n 1024), then: argosy resume r"),
    ],
)
def test_what_has_run_out_is_found_behind_other_errors_and_told(number: int, told: str) -> None:
    first = OSError(number, os.strerror(number), "/home/x")
    try:
        try:
            raise first
        except OSError as error:
            raise EnvironmentFailure("the store cannot") from error
    except EnvironmentFailure as error:
        found = shortage(error)
    assert found is first
    assert told in "\n".join(lacking(found, "/home", known="nothing is lost", then="argosy resume r").lines())


@pytest.mark.parametrize(
    ("error", "number"),
    [(MemoryError(), errno.ENOMEM), (RuntimeError("can't start new thread"), errno.EAGAIN)],
)
def test_what_python_says_in_its_own_words(error: Exception, number: int) -> None:
    found = shortage(error)
    assert found is not None
    assert found.errno == number


def test_other_errors_are_no_shortage() -> None:
    assert shortage(FileNotFoundError(errno.ENOENT, "no such file")) is None
    assert shortage(ValueError("no number")) is None
    assert shortage(None) is None


def test_a_probe_tells_why_a_folder_cannot_be_written_to(small_disk: Disk, tmp_path: Path) -> None:
    assert probe(tmp_path) is None
    assert list(tmp_path.glob(".probe-*")) == []
    found = probe(tmp_path / "none")
    assert found is not None
    assert found.errno == errno.ENOENT
    small_disk.fill()
    found = probe(small_disk.path)
    assert found is not None
    assert found.errno == errno.ENOSPC
    small_disk.make_space()
    small_disk.remount("ro")
    found = probe(small_disk.path)
    assert found is not None
    assert found.errno == errno.EROFS
