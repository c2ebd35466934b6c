"""Any DAG compiles to the same valid manifest each time; and what must hold of every manifest holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import pipeline
from compiler.diagnostics import has_errors
from compiler.manifest_schema import check_object
from tests.compiler.goldens import NAMES, compiled

ASSET = {
    "kind": "ComputeAsset",
    "name": "step",
    "image": "example.com/step:1",
    "command": ["step", "${{ params.n }}", "${{ inputs.file.path }}", "${{ inputs.folder.path }}"],
    "parameters": {"n": {"type": "string", "default": "0"}},
    "inputs": {
        "file": {"kind": "file", "path": "/in/file", "optional": True},
        "folder": {"kind": "directory", "path": "/in/folder", "optional": True},
        "settings": {"kind": "env", "optional": True},
    },
    "outputs": {
        "file": {"kind": "file", "path": "/out/file.txt"},
        "list": {"kind": "value", "path": "/out/list", "type": "json", "default": []},
    },
}


@st.composite
def dags(draw: st.DrawFn, name: str = "generated", nested: str | None = None) -> dict[str, Any]:
    """A DAG whose tasks read and wait for those before them in every way there is."""
    tasks: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 6))):
        task: dict[str, Any] = {}
        before = [other for other, made in tasks.items() if "pause" not in made]
        kinds = ["asset", "pause", *(["dag"] if nested else [])]
        kind = draw(st.sampled_from(kinds if before else ["asset"]))
        given_: dict[str, str] = {}
        if kind == "pause":
            task["pause"] = {"message": draw(st.sampled_from(["go", "{{ on }}"]))}
        else:
            task[kind] = nested if kind == "dag" else "step"
            if draw(st.booleans()):
                loops: list[Any] = [[1, 2], {"x": ["a", "b"], "y": [1]}, {"range": 3}]
                task["foreach"] = draw(st.sampled_from(loops))
            if before and kind == "asset":
                source = draw(st.sampled_from(before))
                many = "foreach" in tasks[source]
                given_["folder" if many else "file"] = f"${{{{ tasks.{source}.outputs.file }}}}"
                if not many and "foreach" not in task and draw(st.booleans()):
                    task["foreach"] = f"${{{{ tasks.{source}.outputs.list }}}}"
            if kind == "asset" and draw(st.booleans()):
                given_["settings"] = "${{ env }}"
            if draw(st.booleans()):
                task["when"] = "${{ params.mode }} == 'fast'"
            if given_:
                task["with"] = given_
        waits: bool = draw(st.booleans())
        if tasks and waits:
            task["needs"] = [draw(st.sampled_from(sorted(tasks)))]
        tasks[f"t{number}"] = task
    return {
        "kind": "Dag",
        "name": name,
        "parameters": {"mode": {"type": "string", "default": "fast"}},
        "env": {"A": "1"},
        "tasks": tasks,
        "results": {"file": "${{ tasks.t0.outputs.file }}", "list": "${{ tasks.t0.outputs.list }}"},
    }


def _inner(dag: dict[str, Any]) -> dict[str, Any]:
    dag["tasks"]["t0"].pop("foreach", None)  # a result that is gathered already cannot be looped over
    dag["tasks"]["t0"].pop("with", None)
    return dag


@settings(max_examples=60)
@given(dags("inner").map(_inner), dags("outer", "inner"))
def test_generated_dags(inner: dict[str, Any], outer: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dags.yaml"
        file.write_text("\n---\n".join(map(json.dumps, (ASSET, inner, outer))))
        result = pipeline.compile([file])
        if has_errors(result.diagnostics):
            # What the types forbid is not what is asked here.
            assert {d.code for d in result.diagnostics if d.severity == "error"} <= {"A305", "A315", "A321"}
            return
        assert pipeline.compile([file]).stream() == result.stream()
    for obj in result.objects():
        assert check_object(obj) == []
        if obj["kind"] == "WorkflowTemplate":
            _hold(obj["spec"])


@pytest.mark.parametrize("name", NAMES)
def test_goldens(name: str) -> None:
    for obj in compiled(name).objects():
        if obj["kind"] in ("WorkflowTemplate", "Workflow"):
            _hold(obj["spec"])


def _hold(spec: dict[str, Any]) -> None:
    templates = {template["name"]: template for template in spec["templates"]}
    assert len(templates) == len(spec["templates"])
    bodies = [json.dumps({k: v for k, v in t.items() if k != "name"}, sort_keys=True) for t in spec["templates"]]
    assert len(set(bodies)) == len(bodies), "two templates that are the same"
    assert spec["entrypoint"] in templates
    used = {spec["entrypoint"], spec.get("onExit")}
    for template in spec["templates"]:
        for task in template.get("dag", {}).get("tasks", ()):
            used.add(task["template"])
            _holds_for(task, templates[task["template"]], template)
        _reads_only_inputs(template)
        _is_hardened(template)
    assert used - {None} == set(templates), "a template that nothing uses"


def _holds_for(task: dict[str, Any], callee: dict[str, Any], caller: dict[str, Any]) -> None:
    """Every input without a default is given, and nothing that is not asked for."""
    arguments = task.get("arguments", {})
    for kind in ("parameters", "artifacts"):
        asked = {item["name"]: item for item in callee.get("inputs", {}).get(kind, ())}
        given_ = {item["name"] for item in arguments.get(kind, ())}
        assert given_ <= asked.keys()
        needed = {name for name, item in asked.items() if "default" not in item and not item.get("optional")}
        assert needed <= given_, (caller["name"], task["name"])
    if "withItems" in task or "withParam" in task:
        keys = [p["value"] for p in arguments.get("parameters", ()) if p["name"] == "item_index"]
        assert all(".i}}" in key or "._i}}" in key for key in keys)


def _reads_only_inputs(template: dict[str, Any]) -> None:
    """A pod's template reads its inputs; of the workflow only what makes up the keys of its outputs."""
    if "dag" in template:
        return
    for path, text in _texts(template):
        assert "{{tasks." not in text
        assert "{{item" not in text
        if path[-1] != "key" and "{{workflow." in text:
            raise AssertionError(f"{template['name']}: {text}")


def _is_hardened(template: dict[str, Any]) -> None:
    container = template.get("container") or template.get("script")
    if container is not None:
        assert "ALL" in container["securityContext"]["capabilities"]["drop"]
        assert "allowPrivilegeEscalation" in container["securityContext"]


def _texts(value: Any, path: tuple[str, ...] = ("",)) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path)
