"""Every code of `load` has a case in golden/errors; its report is byte for byte what is expected.

A case is a folder `<code>-<slug>` with definitions and `expected.txt`. The files beside it are loaded, or those that
`paths` names; `shipped/` plays what ships with Argosy. `pytest --snapshot-update` writes the expected reports.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.codes import REGISTRY
from compiler.diagnostics import Diagnostic
from compiler.load.dotenv import parse
from compiler.load.workspace import load
from compiler.report import json_list, text

CASES = Path(__file__).resolve().parents[2] / "golden" / "errors"
OWN = sorted(code for code in REGISTRY if code.startswith("A1") or code == "A601")
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.name.partition("-")[0] in OWN)


def diagnose(folder: Path) -> list[Diagnostic]:
    paths = folder / "paths"
    if paths.exists():
        names = paths.read_text().split()
    else:
        names = sorted(file.name for file in folder.iterdir() if file.suffix in (".yaml", ".py", ".env", ".json"))
    if names[0].endswith(".env") and not paths.exists():
        return parse(names[0], (folder / names[0]).read_bytes())[1]
    shipped = folder / "shipped"
    _, diagnostics = load(
        [name for name in names if name != "argosy.yaml"], shipped=shipped if shipped.is_dir() else None
    )
    return diagnostics


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    folder = CASES / name
    monkeypatch.chdir(folder)
    diagnostics = diagnose(folder)
    report = text(diagnostics)
    expected = folder / "expected.txt"
    if pytestconfig.getoption("update_snapshots", default=False):
        expected.write_bytes(report.encode())
    assert report.encode() == expected.read_bytes()
    assert name.partition("-")[0] in {item.code for item in diagnostics}
    assert all(item["line"] and item["column"] for item in json_list(diagnostics))


def test_every_code_has_a_case() -> None:
    assert sorted({name.partition("-")[0] for name in NAMES}) == OWN


def test_no_expected_report_is_orphaned() -> None:
    assert all((CASES / name / "expected.txt").is_file() for name in NAMES)
