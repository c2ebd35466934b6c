"""The gate on the shape of the code finds what it is there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import structure


def _project(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / "pkg" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return root


def test_a_clean_project_has_no_findings(tmp_path: Path) -> None:
    _project(tmp_path, __init__="", a="from pkg import b\n", b="X = 1\n")
    assert structure.findings(tmp_path, ["pkg"]) == (3, [])


def test_a_module_may_have_600_lines_and_no_more(tmp_path: Path) -> None:
    _project(tmp_path, a="X = 1\n" * 600, b="X = 1\n" * 601)
    _, wrong = structure.findings(tmp_path, ["pkg"])
    assert wrong == [f"{tmp_path / 'pkg' / 'b.py'}: 601 lines (at most 600)"]


def test_a_function_may_have_50_lines_and_no_more(tmp_path: Path) -> None:
    fits = "def fits():\n" + "    x = 1\n" * 49
    over = "class C:\n    async def over(self):\n" + "        x = 1\n" * 50
    _project(tmp_path, a=fits + over)
    _, wrong = structure.findings(tmp_path, ["pkg"])
    assert wrong == [f"{tmp_path / 'pkg' / 'a.py'}:52: over has 51 lines (at most 50)"]


@pytest.mark.parametrize(
    "back",
    [
        "import pkg.a\n",
        "from pkg import a\n",
        "def f():\n    import pkg.a\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.a import X\n",
    ],
)
def test_a_cycle_is_found_however_it_is_written(tmp_path: Path, back: str) -> None:
    _project(tmp_path, __init__="", a="from pkg.b import Y\nX = 1\n", b=back)
    _, wrong = structure.findings(tmp_path, ["pkg"])
    assert len(wrong) == 1
    assert wrong[0].startswith("import cycle: ")
    assert "pkg.a" in wrong[0]
    assert "pkg.b" in wrong[0]


def test_generated_data_is_left_out(tmp_path: Path) -> None:
    _project(tmp_path, a="")
    (tmp_path / "pkg" / "_generated").mkdir()
    (tmp_path / "pkg" / "_generated" / "big.py").write_text("X = 1\n" * 500)
    assert structure.findings(tmp_path, ["pkg"])[1] == []
