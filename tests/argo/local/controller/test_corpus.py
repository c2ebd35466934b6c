"""What a real Argo controller made of Argo's own examples, and of the sample, is what this one makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from argo.backend import Json
from tests.argo.local.controller.harness import Objects, Play, Programs, normalised

SHARED = Path(__file__).resolve().parents[5] / "shared"
OUTCOMES = SHARED / "argo" / "outcomes"
EXAMPLES = SHARED / "argo" / "examples"
APPLIED = (
    "configmaps/simple-parameters-configmap.yaml",
    "workflow-template/templates.yaml",
    "cluster-workflow-template/clustertemplates.yaml",
)
REFUSED = {
    "life-cycle-hooks-tmpl-level": "http templates",
    "variables-showcase": "a daemon",
}

pytestmark = pytest.mark.shared


def _names() -> list[str]:
    if not OUTCOMES.is_dir():
        return []
    return sorted(str(path.relative_to(OUTCOMES).with_suffix("")) for path in OUTCOMES.rglob("*.json"))


def _load(manifest: Path) -> tuple[Json, Objects]:
    objects = Objects()
    for name in APPLIED:
        for document in yaml.safe_load_all((EXAMPLES / name).read_text()):
            objects.add(document)
    found: Json = {}
    for document in yaml.safe_load_all(manifest.read_text()):
        if document and document["kind"] == "Workflow":
            found = document
        elif document:
            objects.add(document)
    metadata = found["metadata"]
    metadata["name"] = metadata.get("name") or metadata["generateName"] + "x7k2p"
    metadata.update(namespace="default", uid="0-1")
    return found, objects


def _play(manifest: Path, folder: Path, reload: bool) -> Json:
    workflow, objects = _load(manifest)
    programs = Programs(folder)
    programs.config_maps = objects.config_maps
    return Play(workflow, programs, objects, reload=reload, running_first=True).run()


def test_there_are_outcomes() -> None:
    assert len(_names()) == 47
    assert set(REFUSED) <= set(_names())


@pytest.mark.parametrize("reload", [False, True], ids=["kept", "reloaded"])
@pytest.mark.parametrize("name", _names())
def test_outcome(name: str, reload: bool, tmp_path: Path) -> None:
    if name in REFUSED:
        pytest.skip(f"refused before it runs: {REFUSED[name]}")
    recorded = json.loads((OUTCOMES / f"{name}.json").read_text())
    workflow = _play(EXAMPLES / f"{name}.yaml", tmp_path, reload)
    assert normalised(workflow) == {key: recorded[key] for key in ("phase", "message", "nodes")}


@pytest.mark.parametrize("reload", [False, True], ids=["kept", "reloaded"])
def test_sample(reload: bool, tmp_path: Path) -> None:
    sample = SHARED / "design" / "sample"
    recorded = json.loads((sample / "count.outcome.json").read_text())
    workflow = _play(sample / "count.manifest.yaml", tmp_path, reload)
    assert normalised(workflow)["nodes"] == recorded["nodes"]
    assert workflow["status"]["phase"] == recorded["phase"]
    name = workflow["metadata"]["name"]
    total = json.loads((tmp_path / "store" / "runs" / "default" / name / "0-1" / "join" / "total").read_text())
    assert total == {"the": 3, **dict.fromkeys(("brown", "dog", "end", "fox", "jumps", "lazy", "over", "quick"), 1)}
