"""The DAGs that ship: all compile without a diagnostic, those that need no GPU run and give what they promise."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from argo import shipped
from tests.system.conftest import Argosy
from tests.waiting import HANG


def _fetched(argosy: Argosy, name: str) -> dict[str, Path]:
    """The run's results on this machine, by their names."""
    return {row["output"]: argosy.cwd / row["path"] for row in argosy.json("fetch", name, "-d", name)}


def _expected_counts(text: str) -> Counter[str]:
    words = (word.lower().strip(".,;:!?\"'()") for word in text.split())
    return Counter(word for word in words if word)


def test_everything_that_ships_checks_clean(argosy: Argosy) -> None:
    assert argosy.json("check", shipped.folder("assets"), shipped.folder("dags")) == []


@pytest.mark.parametrize("path", sorted(shipped.folder("dags").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_dag_compiles_to_manifests(path: Path, argosy: Argosy) -> None:
    assert "kind: WorkflowTemplate" in argosy("compile", path).stdout


@pytest.mark.slow
def test_fork_join_counts_the_words_of_any_text(argosy: Argosy) -> None:
    text = "One fish, two fish; red fish, blue fish.\n"
    (argosy.cwd / "fish.txt").write_text(text)
    argosy("run", "fork-join", "--name", "default")
    argosy("run", "fork-join", "--name", "fish", "-i", "text=fish.txt", "-p", "parts=3")
    shipped_text = (shipped.folder("dags") / "fork_join.txt").read_text()
    for name, counted in (("default", shipped_text), ("fish", text)):
        assert json.loads(_fetched(argosy, name)["total"].read_text()) == _expected_counts(counted)
        assert argosy.json("status", name)["phase"] == "Succeeded"


@pytest.mark.slow
def test_the_sweep_picks_the_model_with_the_smallest_loss(argosy: Argosy) -> None:
    argosy("run", "sweep", "--name", "sweep", "-p", "epochs=200")
    results = _fetched(argosy, "sweep")
    with results["table"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses)
    best = json.loads(results["best"].read_text())
    assert best["loss"] == losses[0]
    assert best["degree"] > 1, "the measurements are curved"


def _approved(argosy: Argosy, name: str) -> bool:
    """Whether the gate could be approved; it is not while it has not been reached."""
    return argosy("approve", name, "approve", code=None).returncode == 0


@pytest.mark.slow
def test_publish_waits_for_approval_and_then_reports(argosy: Argosy) -> None:
    arguments = ("--name", "monthly", "-p", "title=Words of May", "-p", "top=3")
    log = argosy.cwd / "run.log"
    with log.open("w") as file:
        run = argosy.start("run", "publish", *arguments, stdout=file, stderr=file)
    try:
        while not _approved(argosy, "monthly"):
            assert run.poll() is None, f"the gate was never reached\n{log.read_text()}"
        assert run.wait(timeout=HANG) == 0, log.read_text()
    finally:
        run.kill()
        run.wait()
    report = _fetched(argosy, "monthly")["report"].read_text()
    counts = _expected_counts((shipped.folder("dags") / "fork_join.txt").read_text())
    assert report.startswith(f"# Words of May\n\n{counts.total()} words, {len(counts)} different ones.\n")
    assert f"| the | {counts['the']} |" in report
    assert len(report.splitlines()) == 9
