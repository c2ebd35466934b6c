"""Models: names in Python and YAML, short forms, defaults that are shared, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import compiler.models
from compiler.models import ComputeAsset, Dag, Gpu, Profile, Project, Resources, Schedule, Task


def test_every_public_name_is_there() -> None:
    for name in compiler.models.__all__:
        assert getattr(compiler.models, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = compiler.models.Nothing


def test_names_in_python_and_in_yaml() -> None:
    ours = Task(image="a", working_dir="/x", with_={"a": 1}, image_pull_policy="Always")
    theirs = Task.model_validate({"image": "a", "workingDir": "/x", "with": {"a": 1}, "imagePullPolicy": "Always"})
    assert ours == theirs
    assert ours.model_dump(by_alias=True, exclude_unset=True) == {
        "image": "a", "workingDir": "/x", "with": {"a": 1}, "imagePullPolicy": "Always",
    }  # fmt: skip


def test_short_forms() -> None:
    assert Resources.model_validate({"gpu": True}).gpu == Gpu(count=1)
    assert Resources.model_validate({"gpu": 2}).gpu == Gpu(count=2)
    assert Resources.model_validate({"gpu": False}).gpu is None
    assert Resources.model_validate({"gpu": "${{ params.n }}"}).gpu == Gpu(count="${{ params.n }}")
    task = {"one": {"asset": "b", "timeout": "1h30m"}}
    dag = Dag.model_validate({"name": "a", "tasks": task, "schedule": "@daily", "env": {"A": 1.5}})
    assert dag.schedule == Schedule(cron=("@daily",))
    assert dag.env is not None
    assert dag.env.values == {"A": "1.5"}
    assert dag.tasks["one"].timeout == 5400
    assert Profile.model_validate({"engine": "local"}).engine.server is None


def test_definitions_are_frozen() -> None:
    asset = ComputeAsset(name="a", image="b")
    with pytest.raises(ValidationError):
        asset.name = "c"
    with pytest.raises(TypeError):
        asset.labels["a"] = "b"
    assert asset.labels == {}
    assert Project().policy.registries == ()


PROBE = """
import sys
from compiler.load.workspace import load
workspace, diagnostics = load([sys.argv[1]])
assert workspace.requested == ("a",) and not diagnostics
print(*sorted(sys.modules))
"""


def test_a_small_dag_imports_little(tmp_path: Path, root: Path) -> None:
    definition = tmp_path / "a.yaml"
    definition.write_text("kind: Dag\nname: a\ntasks: {one: {image: b, command: [c]}}\n")
    run = [sys.executable, "-c", PROBE, str(definition)]
    imported = set(subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout.split())
    assert "pydantic" in imported
    unwanted = {"hera", "email", "importlib.metadata", "runpy", "difflib", "asyncio"}
    lazy = {f"compiler.models.{name}" for name in ("offer", "behaviour", "hardware", "project", "asset", "settings")}
    assert imported & (unwanted | lazy) == set()


def test_a_dotenv_file_needs_no_pydantic(root: Path) -> None:
    probe = "import sys, compiler.load.dotenv; print('pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", probe], cwd=root, capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
