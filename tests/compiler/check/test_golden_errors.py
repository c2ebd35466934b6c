"""Every code of `resolve` and `check` has a case in golden/errors; its report is byte for byte what is expected.

A case is a folder `<code>-<slug>` with definitions, all of which are given as paths, and `expected.txt`; `profile.txt`
names the profile that is asked for. `pytest --snapshot-update` writes the expected reports.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.check import check
from compiler.codes import REGISTRY
from compiler.diagnostics import Diagnostic
from compiler.load.workspace import load
from compiler.report import text
from compiler.resolve import resolve

CASES = Path(__file__).resolve().parents[2] / "golden" / "errors"


def _is_own(code: str) -> bool:
    return (code[:2] in ("A2", "A3", "A5", "A6") and code != "A601") or "A400" <= code < "A450"


OWN = sorted(code for code in REGISTRY if _is_own(code))
NAMES = sorted(folder.name for folder in CASES.iterdir() if _is_own(folder.name.partition("-")[0]))


def diagnose(folder: Path) -> list[Diagnostic]:
    """What load, resolve and check say of a folder that is the working directory."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix == ".yaml" and path.name != "argosy.yaml")
    workspace, found = load(names)
    asked = folder / "profile.txt"
    program, more = resolve(workspace, profile=asked.read_text(encoding="utf-8").strip() if asked.exists() else None)
    assert program is not None
    return sorted([*found, *more, *check(program)])


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    folder = CASES / name
    monkeypatch.chdir(folder)
    found = diagnose(folder)
    report = text(found)
    expected = folder / "expected.txt"
    if pytestconfig.getoption("update_snapshots", default=False):
        expected.write_bytes(report.encode())
    assert report.encode() == expected.read_bytes()
    assert name.partition("-")[0] in {item.code for item in found}
    assert all(item.span is not None for item in found), "a diagnostic without a place"
    assert all(item.severity == REGISTRY[item.code].severity for item in found)


def test_every_code_has_a_case() -> None:
    assert sorted({name.partition("-")[0] for name in NAMES}) == OWN


def test_no_expected_report_is_orphaned() -> None:
    assert all((CASES / name / "expected.txt").is_file() for name in NAMES)
