"""The sample project: compiles, checks clean, and its count DAG gives the right totals."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.system.conftest import Argosy

pytestmark = pytest.mark.shared


@pytest.fixture
def sample(shared: Path, argosy: Argosy) -> Path:
    target = argosy.cwd / "sample"
    shutil.copytree(shared / "design" / "sample", target)
    return target


def totals(text: str) -> dict[str, int]:
    return dict(Counter(text.lower().split()))


def fetched(argosy: Argosy, run: str) -> dict[str, int]:
    files = argosy.json("fetch", run, "-d", "results")
    assert [entry["output"] for entry in files] == ["total"]
    return dict(json.loads((argosy.cwd / files[0]["path"]).read_bytes()))


def test_checks_clean(argosy: Argosy, sample: Path) -> None:
    found = argosy.json("check", sample / "assets", sample / "dags")
    assert [entry for entry in found if entry["severity"] != "note"] == []


@pytest.mark.parametrize("form", ["template", "workflow"])
@pytest.mark.parametrize("profile", [None, "dev"])
def test_compiles(argosy: Argosy, sample: Path, form: str, profile: str | None) -> None:
    options = ["--as", form] + (["--profile", profile] if profile else [])
    done = argosy("compile", sample / "dags", *options)
    kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert ("Workflow" if form == "workflow" else "WorkflowTemplate") in kinds
    assert "ConfigMap" in kinds


def test_count_gives_the_right_totals(argosy: Argosy, sample: Path) -> None:
    run = argosy.json("run", sample / "dags/count.yaml", "--name", "first")
    assert (run["name"], run["phase"]) == ("first", "Succeeded")
    assert fetched(argosy, "first") == totals((sample / "dags/text.txt").read_text())


def test_count_takes_another_text(argosy: Argosy, sample: Path) -> None:
    text = "One two TWO three three Three\n" * 500
    (argosy.cwd / "other.txt").write_text(text)
    argosy("run", sample / "dags/count.yaml", "--name", "second", "-i", "text=other.txt", "-p", "parts=7")
    assert fetched(argosy, "second") == totals(text)


def test_the_manifest_alone_runs(argosy: Argosy, sample: Path) -> None:
    """The manifest that ships is the manifest that ran: no definition is at hand any more."""
    argosy("compile", sample / "dags/count.yaml", "--as", "workflow", "-d", "manifests")
    text = (sample / "dags/text.txt").read_text()
    shutil.rmtree(sample)
    manifests = sorted((argosy.cwd / "manifests").iterdir())
    run = argosy.json("run", *manifests, "--name", "shipped")
    assert run["phase"] == "Succeeded"
    assert fetched(argosy, "shipped") == totals(text)
