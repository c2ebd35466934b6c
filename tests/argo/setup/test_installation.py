"""Another installed package of our packages' names is noticed: by `doctor`, and at the start when it is in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import argosy
from argo.setup.doctor import examine
from argo.target import Target

ROOT = Path(__file__).resolve().parents[3]


def install(site: Path, name: str, package: str, text: str) -> Path:
    """A distribution as pip leaves it in a folder of packages."""
    (site / package).mkdir(parents=True)
    (site / package / "__init__.py").write_text(text)
    about = site / f"{name.replace('-', '_')}-5.0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 5.0.0\n")
    (about / "RECORD").write_text(f"{package}/__init__.py,,\n")
    return site


def started(first: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, where packages are looked for in `first` before ours."""
    path = os.pathsep.join((str(first), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-P", str(ROOT / "argosy.py"), *arguments],
        env={**os.environ, "PYTHONPATH": path}, cwd=first, text=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "raise RuntimeError('not for this Python')\n", "print 'for Python 2'\n"])
@pytest.mark.parametrize("package", argosy.PACKAGES)
def test_a_package_in_the_way_is_named_at_the_start(tmp_path: Path, package: str, text: str) -> None:
    site = install(tmp_path / "site", "argo-workflows", package, text)
    done = started(site, "compile", "fork-join")
    assert done.returncode == 3
    assert f"argo-workflows 5.0.0 has a package named {package}, too" in done.stderr
    assert "next: give Argosy an environment of its own, or install it again after" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_that_nobody_installed_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "argo.py").write_text("")
    done = started(tmp_path, "compile", "fork-join")
    assert (done.returncode, f"argo is imported from {tmp_path / 'argo.py'}" in done.stderr) == (3, True)
    assert "next: rename it" in done.stderr


def test_another_mistake_of_an_import_is_shown_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise ImportError('broken')\n")
    done = started(tmp_path, "compile", "fork-join")
    assert (done.returncode, "ImportError: broken" in done.stderr) == (1, True)


@pytest.mark.parametrize("package", argosy.PACKAGES)
def test_doctor_sees_one_that_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setenv("ARGOSY_HOME", str(tmp_path / "home"))
    first, *_ = examine(Target(), argosy.displaced)
    assert (first.name, first.state) == ("installation", "ok")
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(sys, "path", [*sys.path, str(install(tmp_path / "site", "argo-workflows", package, ""))])
    first, *_ = examine(Target(), argosy.displaced)
    assert (first.state, "argo-workflows 5.0.0" in first.found, "pip uninstall argo-workflows" in first.hint) == (
        "failed", True, True
    )  # fmt: skip
