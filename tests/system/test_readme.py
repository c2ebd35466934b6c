"""The README's first asset and DAG: written as it stands there, checked, run and fetched by its own commands."""

from __future__ import annotations

import re
import shutil
import subprocess
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


def test_quickstart_installs_what_changed_and_nothing_else(tmp_path: Path) -> None:
    """On programs that write down what they are asked for, in place of a virtual environment."""
    for name in ("quickstart", "pyproject.toml"):
        shutil.copy(README.parent / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "argosy"):
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> calls\n')
        (programs / name).chmod(0o755)

    def calls() -> list[str]:
        (tmp_path / "calls").unlink(missing_ok=True)
        done = subprocess.run(["./quickstart"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "--executor process" in done.stdout
        return (tmp_path / "calls").read_text().splitlines()

    def installs(lines: list[str]) -> bool:
        return any("-m pip install" in line for line in lines)

    first = calls()
    assert installs(first)
    assert any(line.startswith("argosy run") and line.endswith("--executor process") for line in first)
    assert not installs(calls())
    with (tmp_path / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert installs(calls())
    assert not installs(calls())
    (programs / "argosy").rename(programs / "gone")
    copied = 'case "$*" in *"pip install"*) cp .venv/bin/gone .venv/bin/argosy;; esac'
    (programs / "python").write_text(f'#!/bin/sh\necho python "$@" >> calls\n{copied}\n')
    assert installs(calls())
