"""The README's first asset and DAG: written as it stands there, checked, run and fetched by its own commands."""

from __future__ import annotations

import re
from pathlib import Path

from tests.system.conftest import Argosy

README = Path(__file__).resolve().parents[2] / "README.md"


def _blocks(marker: str) -> dict[str, str]:
    pattern = rf"<!-- {marker}: ([\w./-]+) -->\n```\w+\n(.*?)```"
    return dict(re.findall(pattern, README.read_text(encoding="utf-8"), re.DOTALL))


def test_a_first_asset_and_dag_of_ones_own(argosy: Argosy) -> None:
    files = _blocks("file")
    assert sorted(files) == ["assets/shout.yaml", "dags/hello.yaml"]
    for name, text in files.items():
        (argosy.cwd / name).parent.mkdir(exist_ok=True)
        (argosy.cwd / name).write_text(text, encoding="utf-8")
    for line in _blocks("commands")["hello"].splitlines():
        argosy(*line.split()[1:])
    (result,) = (path for path in (argosy.cwd / "results").rglob("*") if path.is_file())
    assert sorted(result.read_text(encoding="utf-8").split()) == [
        "HELLO",
        "HELLO",
        "HELLO",
        "WORLD!",
        "WORLD?",
        "WORLD…",
    ]


def test_the_commands_of_the_readme_are_marked_for_ci() -> None:
    text = README.read_text(encoding="utf-8")
    commands = re.findall(r"<!-- (first-command|test-command) -->\s*```\w*\n([^\n]+)\n```", text)
    assert [name for name, _ in commands] == ["first-command", "test-command"]
    assert "pytest" in commands[1][1]
