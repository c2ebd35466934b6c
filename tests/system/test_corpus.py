"""The engine's outcome equals what a real Argo controller made of the same manifest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import ROOT, Argosy

SHARED = ROOT.parent / "shared"
OUTCOMES = SHARED / "argo" / "outcomes"
NAMES = sorted(str(path.relative_to(OUTCOMES).with_suffix("")) for path in OUTCOMES.rglob("*.json"))

# Refused by name and position, with what is refused.
REFUSED = {
    "life-cycle-hooks-tmpl-level": "`http` is not supported",
    "variables-showcase": "`daemon` is not supported",
}

# Argo takes it from its own configuration, or asks the registry.
PROJECT = """\
kind: Project
profiles:
  local:
    images:
      argoproj/argosay: {entrypoint: [argosay]}
"""

pytestmark = pytest.mark.shared


def digest(workflow: dict[str, Any]) -> dict[str, Any]:
    """The form in which outcomes are kept: nodes by name with `$WF` for the workflow's name."""
    name, nodes = workflow["metadata"]["name"], workflow["status"]["nodes"]

    def neutral(text: str) -> str:
        return text.replace(name, "$WF")

    def node(value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"type": value["type"], "phase": value["phase"]}
        if "templateName" in value:  # not of a templateRef
            result["template"] = value["templateName"]
        inputs = {p["name"]: neutral(p.get("value", "")) for p in value.get("inputs", {}).get("parameters", ())}
        outputs = value.get("outputs", {})
        kept: dict[str, Any] = {}
        if outputs.get("artifacts"):
            kept["artifacts"] = sorted(a["name"] for a in outputs["artifacts"] if a["name"] != "main-logs")
        if outputs.get("parameters"):
            kept["parameters"] = {p["name"]: neutral(p.get("value", "")) for p in outputs["parameters"]}
        kept |= {key: outputs[key] for key in ("result", "exitCode") if key in outputs}
        children = sorted(neutral(nodes[child]["name"]) for child in value.get("children", ()))
        parts = {"inputs": inputs, "outputs": {k: v for k, v in kept.items() if v}, "children": children}
        return result | {key: part for key, part in parts.items() if part}

    return {
        "phase": workflow["status"]["phase"],
        "nodes": {neutral(value["name"]): node(value) for value in nodes.values()},
    }


def expected(path: Path) -> dict[str, Any]:
    outcome = json.loads(path.read_text())
    for node in outcome["nodes"].values():
        if "children" in node:
            node["children"] = sorted(node["children"])
        if "artifacts" in node.get("outputs", {}):
            node["outputs"]["artifacts"] = sorted(node["outputs"]["artifacts"])
    return {"phase": outcome["phase"], "nodes": outcome["nodes"]}


@pytest.fixture
def corpus(argosy: Argosy) -> Argosy:
    """The command in a project that knows the image of the examples, with stand-ins for its program and for sleep."""
    (argosy.cwd / "argosy.yaml").write_text(PROJECT)
    return replace(argosy, programs=Path(__file__).parent / "programs")


def run_and_compare(argosy: Argosy, manifests: list[Path], outcome: Path) -> None:
    want = expected(outcome)
    argosy("run", *manifests, "--name", "corpus", code=0 if want["phase"] == "Succeeded" else 1)
    assert digest(argosy.json("get", "corpus")) == want


@pytest.mark.parametrize("name", NAMES)
def test_outcome(corpus: Argosy, name: str) -> None:
    examples = SHARED / "argo" / "examples"
    manifests = [examples / f"{name}.yaml"]
    manifests += sorted((examples / "configmaps").glob("*.yaml"))
    manifests += [
        examples / "workflow-template/templates.yaml",
        examples / "cluster-workflow-template/clustertemplates.yaml",
    ]
    if name in REFUSED:
        refusal = corpus("run", *manifests, "--name", "corpus", code=2)
        assert REFUSED[name] in refusal.stderr
        assert f"{name}.yaml:" in refusal.stderr
        return
    run_and_compare(corpus, manifests, OUTCOMES / f"{name}.json")


def test_the_documentation_lists_the_outcomes() -> None:
    rows = [f"| {name} | {f'refused: {REFUSED[name]}' if name in REFUSED else 'equal'} |\n" for name in NAMES]
    text = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    assert "<!-- outcomes -->\n| manifest | outcome |\n|---|---|\n" + "".join(rows) + "\n## " in text


def test_sample_outcome(argosy: Argosy) -> None:
    sample = SHARED / "design" / "sample"
    run_and_compare(argosy, [sample / "count.manifest.yaml"], sample / "count.outcome.json")
