"""The golden definitions, each compiled as its name says."""

from __future__ import annotations

from pathlib import Path

from compiler import pipeline

FOLDER = Path(__file__).resolve().parents[1] / "golden"
DEFINITIONS = FOLDER / "definitions"
MANIFESTS = FOLDER / "manifests"
NAMES = sorted(path.stem for path in DEFINITIONS.glob("*.yaml") if path.name != "argosy.yaml")


def compiled(name: str) -> pipeline.Result:
    """`cluster*` are for the cluster's profile, `workflow*` come as a Workflow."""
    profile = "cluster" if name.startswith("cluster") else "local"
    form: pipeline.Form = "workflow" if name.startswith("workflow") else "template"
    return pipeline.compile([DEFINITIONS / f"{name}.yaml"], profile=profile, form=form)
