"""Every code of lowering has a case in golden/errors; its report is byte for byte what is expected.

A case is a folder `<code>-<slug>` with definitions, all of which are given as paths, and `expected.txt`.
`pytest --snapshot-update` writes the expected reports.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import pipeline
from compiler.codes import REGISTRY
from compiler.report import text

CASES = Path(__file__).resolve().parents[2] / "golden" / "errors"
OWN = sorted(code for code in REGISTRY if "A450" <= code < "A500")
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.name.partition("-")[0] in OWN)


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    folder = CASES / name
    monkeypatch.chdir(folder)
    found = pipeline.check(sorted(path.name for path in folder.glob("*.yaml") if path.name != "argosy.yaml"))
    report = text(found)
    expected = folder / "expected.txt"
    if pytestconfig.getoption("update_snapshots", default=False):
        expected.write_bytes(report.encode())
    assert report.encode() == expected.read_bytes()
    assert name.partition("-")[0] in {item.code for item in found}
    assert all(item.span is not None for item in found), "a diagnostic without a place"


def test_every_code_has_a_case() -> None:
    assert sorted({name.partition("-")[0] for name in NAMES}) == OWN
