"""A DAG that is too large for a Workflow becomes several; each of them fits, and says what it is to say."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compiler import pipeline, size
from compiler.diagnostics import has_errors
from compiler.manifest_schema import check_object
from tests.compiler.lower.test_dags import ASSET, dags

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "split"


def compiled(path: Path, budget: int) -> pipeline.Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size, "BUDGET", budget)
        return pipeline.compile([path])


def test_a_split_dag_gives_its_manifests(pytestconfig: pytest.Config) -> None:
    """`pytest --snapshot-update` writes them."""
    result = compiled(FOLDER / "wide.yaml", 12_500)
    assert not has_errors(result.diagnostics)
    file = FOLDER / "expected" / "wide.yaml"
    if pytestconfig.getoption("update_snapshots", default=False):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(result.stream())
    assert result.stream().decode() == file.read_text(encoding="utf-8")
    assert result.stats[0].note == "the largest of 4 Workflows: split into 3 child Workflows"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(dags(), st.sampled_from([0.6, 0.75, 0.9]))
def test_every_workflow_fits(dag: dict[str, Any], share: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "generated.yaml"
        file.write_text(yaml.safe_dump_all([ASSET, dag]))
        whole = compiled(file, 1 << 20)
        assume(not has_errors(whole.diagnostics))
        budget = int(whole.stats[0].size * share)
        result = compiled(file, budget)
    told = "A451" in {item.code for item in result.diagnostics}
    workflows = [document for document in result.documents if document.kind == "WorkflowTemplate"]
    assert told == (len(workflows) == 1) == (result.stats[0].size > budget)
    for document, obj in zip(result.documents, result.objects(), strict=True):
        assert not list(check_object(obj))
        assert told or len(document.data) <= budget
    if not told:
        _assert_complete(dag, [obj["spec"] for obj in result.objects() if obj["kind"] == "WorkflowTemplate"])


def test_interactive_tasks_stay_where_people_look_for_them(tmp_path: Path) -> None:
    desk = {"kind": "ComputeAsset", "name": "desk", "mode": "interactive", "image": "x:1", "command": ["x"],
            "ports": {"web": {"port": 80}}, "token": {"env": "T"}}  # fmt: skip
    inner = {"kind": "Dag", "name": "inner", "tasks": {"desk": {"asset": "desk"}}}
    plain = {f"plain-{n}": {"image": "busybox:1", "command": ["echo", "x" * 400]} for n in range(120)}
    dag = {"kind": "Dag", "name": "wide", "tasks": {**plain, "desk": {"asset": "desk"}, "nested": {"dag": "inner"}}}
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump_all([desk, inner, dag], sort_keys=False))
    result = compiled(tmp_path / "wide.yaml", 40_000)
    assert not has_errors(result.diagnostics)
    parent, *children = [value["spec"] for value in result.objects() if value["metadata"]["name"].startswith("wide")]
    assert children, "it was split"
    names = {template["name"] for template in parent["templates"]}
    assert {"desk", "inner"} <= names
    assert not any("sidecars" in template for spec in children for template in spec["templates"])
    entry = next(template for template in parent["templates"] if template["name"] == "wide")
    assert {"desk", "nested", "part-1"} <= {task["name"] for task in entry["dag"]["tasks"]}


def _assert_complete(dag: dict[str, Any], specs: list[dict[str, Any]]) -> None:
    """Every task is in one of them; what a child is given is what it takes."""
    names: list[str] = []
    for spec in specs:
        entry = next(template for template in spec["templates"] if template["name"] == dag["name"])
        names += [task["name"] for task in entry["dag"]["tasks"]]
    parts = [name for name in names if name.startswith("part-")]
    assert sorted(set(names) - set(parts)) == sorted(dag["tasks"])
    assert len(names) == len(set(names))
    assert len(parts) == len(specs) - 1
    created = [template["resource"]["manifest"] for template in specs[0]["templates"] if "resource" in template]
    for manifest, spec in zip(created, specs[1:], strict=True):
        given_ = [
            line.removeprefix("    - name: ") for line in manifest.splitlines() if line.startswith("    - name: ")
        ]
        assert given_ == [parameter["name"] for parameter in spec["arguments"]["parameters"]]
