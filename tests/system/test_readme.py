"""The README's first asset and DAG: written as it stands there, checked, run and fetched by its own commands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def _blocks(marker: str) -> dict[str, str]:
    pattern = rf"<!-- {marker}: ([\w./-]+) -->\n```\w+\n(.*?)```"
    return dict(re.findall(pattern, README.read_text(encoding="utf-8"), re.DOTALL))


def test_a_first_asset_and_dag_of_ones_own(tmp_path: Path, argosy_home: dict[str, str]) -> None:
    files = _blocks("file")
    assert sorted(files) == ["assets/shout.yaml", "dags/hello.yaml"]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for line in _blocks("commands")["hello"].splitlines():
        command = [sys.executable, "-m", "argo.cli", *line.split()[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=argosy_home, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    (result,) = (path for path in (tmp_path / "results").rglob("*") if path.is_file())
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
