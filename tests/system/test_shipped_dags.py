"""The DAGs that ship: all compile without a diagnostic, those that need no GPU run and give what they promise."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from argo import shipped

ROOT = Path(__file__).resolve().parents[2]


def _argosy(env: dict[str, str], *arguments: str, expect: int = 0, cwd: Path = ROOT) -> str:
    command = [sys.executable, "-m", "argo.cli", *arguments]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == expect, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _fetched(env: dict[str, str], name: str, folder: Path) -> dict[str, Path]:
    """The run's results on this machine, by their names (values are left out)."""
    rows = json.loads(_argosy(env, "fetch", name, "-d", str(folder), "-o", "json"))
    return {row["output"]: Path(row["path"]) for row in rows}


def _expected_counts(text: str) -> Counter[str]:
    words = (word.lower().strip(".,;:!?\"'()") for word in text.split())
    return Counter(word for word in words if word)


def test_everything_that_ships_checks_clean(argosy_home: dict[str, str]) -> None:
    paths = [str(shipped.folder("assets")), str(shipped.folder("dags"))]
    assert json.loads(_argosy(argosy_home, "check", *paths, "-o", "json")) == []


@pytest.mark.parametrize("path", shipped.definitions("dags"), ids=lambda path: path.stem)
def test_a_dag_compiles_to_manifests(path: Path, argosy_home: dict[str, str]) -> None:
    assert "kind: WorkflowTemplate" in _argosy(argosy_home, "compile", str(path))


@pytest.mark.slow
def test_fork_join_counts_the_words_of_any_text(tmp_path: Path, argosy_home: dict[str, str]) -> None:
    text = "One fish, two fish; red fish, blue fish.\n"
    (tmp_path / "fish.txt").write_text(text)
    _argosy(argosy_home, "run", "fork-join", "--name", "default", cwd=tmp_path)
    _argosy(argosy_home, "run", "fork-join", "--name", "fish", "-i", "text=fish.txt", "-p", "parts=3", cwd=tmp_path)
    shipped_text = (shipped.folder("dags") / "fork_join.txt").read_text()
    for name, counted in (("default", shipped_text), ("fish", text)):
        total = _fetched(argosy_home, name, tmp_path / name)["total"]
        assert json.loads(total.read_text()) == _expected_counts(counted)
        outcome = json.loads(_argosy(argosy_home, "status", name, "-o", "json"))
        assert outcome["phase"] == "Succeeded"


@pytest.mark.slow
def test_the_sweep_picks_the_model_with_the_smallest_loss(tmp_path: Path, argosy_home: dict[str, str]) -> None:
    _argosy(argosy_home, "run", "sweep", "--name", "sweep", "-p", "epochs=200")
    results = _fetched(argosy_home, "sweep", tmp_path)
    with results["table"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses)
    best = json.loads(results["best"].read_text())
    assert best["loss"] == losses[0]
    assert best["degree"] > 1, "the measurements are curved"


@pytest.mark.slow
def test_publish_waits_for_approval_and_then_reports(tmp_path: Path, argosy_home: dict[str, str]) -> None:
    _argosy(argosy_home, "run", "publish", "--name", "monthly", "-p", "title=Words of May", "-p", "top=3")
    _argosy(argosy_home, "approve", "monthly", "approve")
    _argosy(argosy_home, "resume", "monthly")
    report = _fetched(argosy_home, "monthly", tmp_path)["report"].read_text()
    counts = _expected_counts((shipped.folder("dags") / "fork_join.txt").read_text())
    assert report.startswith(f"# Words of May\n\n{counts.total()} words, {len(counts)} different ones.\n")
    assert f"| the | {counts['the']} |" in report
    assert len(report.splitlines()) == 9
