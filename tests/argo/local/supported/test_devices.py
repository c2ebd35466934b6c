"""Devices that a run's arguments ask for: refused before anything runs."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml

from argo.errors import UsageError
from argo.local.resources import Machine
from argo.local.supported.devices import require_devices
from argo.submission.arguments import set_parameters
from argo.submission.subject import subject_of
from compiler import pipeline

ASSET = """\
kind: ComputeAsset
name: simulate
image: registry.example.com/sim:1
command: [run]
resources: {gpu: {count: "${{ params.gpus }}"}}
parameters: {gpus: {type: int, default: 1, minimum: 0}}
"""
TASKS: dict[str, dict[str, Any]] = {
    "given": {"simulate": {"asset": "simulate", "with": {"gpus": "${{ params.gpus }}"}}},
    "default": {"simulate": {"asset": "simulate"}},
    "constant": {"simulate": {"asset": "simulate", "with": {"gpus": 3}}},
    "item": {"simulate": {"asset": "simulate", "foreach": [1, 3], "with": {"gpus": "${{ item }}"}}},
    "output": {
        "count": {"image": "a:1", "command": ["x"], "outputs": {"n": {"kind": "value", "path": "/n", "type": "int"}}},
        "simulate": {"asset": "simulate", "with": {"gpus": "${{ tasks.count.outputs.n }}"}},
    },
}


def submitted(folder: Path, tasks: dict[str, Any], parameters: dict[str, str]) -> Any:
    (folder / "simulate.yaml").write_text(ASSET)
    dag = {"kind": "Dag", "name": "batch", "parameters": {"gpus": {"type": "int", "default": 1}}, "tasks": tasks}
    (folder / "batch.yaml").write_text(yaml.safe_dump(dag))
    result = pipeline.compile([folder])
    assert [item for item in result.diagnostics if item.severity == "error"] == []
    made = subject_of(result.objects())
    set_parameters(made, parameters)
    return made


@pytest.mark.parametrize(
    ("kind", "parameters", "devices", "refused"),
    [
        ("given", {"gpus": "2"}, 0, "simulate asks for 2 nvidia.com/gpu, and this machine has none"),
        ("given", {"gpus": "2"}, 1, "simulate asks for 2 nvidia.com/gpu, and this machine has 1"),
        ("given", {"gpus": "2"}, 2, ""),
        ("given", {}, 0, "simulate asks for 1 nvidia.com/gpu"),
        ("given", {"gpus": "0"}, 0, ""),
        ("default", {}, 0, "simulate asks for 1 nvidia.com/gpu"),
        ("constant", {}, 2, "simulate asks for 3 nvidia.com/gpu"),
        ("constant", {}, 3, ""),
        ("item", {}, 2, "simulate asks for 3 nvidia.com/gpu"),
        ("item", {}, 3, ""),
        ("output", {}, 0, ""),  # looked at in the run
    ],
)
def test_a_gpu_that_this_machine_lacks_is_refused_where_its_number_is_a_parameter(
    tmp_path: Path, kind: str, parameters: dict[str, str], devices: int, refused: str
) -> None:
    made = submitted(tmp_path, TASKS[kind], parameters)
    machine = Machine({}, {"nvidia.com/gpu": tuple(map(str, range(devices)))})
    if not refused:
        require_devices(made.workflow, made.objects, machine)
        return
    with pytest.raises(UsageError, match=refused) as raised:
        require_devices(made.workflow, made.objects, machine)
    assert raised.value.known == "nothing was started"


LEAF = {
    "name": "leaf",
    "inputs": {"parameters": [{"name": "n", "default": "1"}]},
    "podSpecPatch": "containers: [{name: main, resources: {limits: {nvidia.com/gpu: '{{inputs.parameters.n}}'}}}]",
    "container": {"image": "a:1"},
}
GIVEN = {"parameters": [{"name": "n", "value": "{{item.gpus}}"}]}


@pytest.mark.parametrize(
    ("task", "templates", "library"),
    [
        ({"template": "leaf"}, [LEAF], []),
        ({"inline": {name: value for name, value in LEAF.items() if name != "name"}}, [], []),
        ({"templateRef": {"name": "library", "template": "leaf"}}, [], [LEAF]),
        ({"templateRef": {"name": "library", "template": "all"}}, [], [
            LEAF, {"name": "all", "inputs": LEAF["inputs"], "steps": [[{
                "name": "a", "template": "leaf",
                "arguments": {"parameters": [{"name": "n", "value": "{{inputs.parameters.n}}"}]},
            }]]},
        ]),
    ],
)  # fmt: skip
def test_whatever_way_a_template_is_reached(task: dict[str, Any], templates: list[Any], library: list[Any]) -> None:
    every = {"name": "each", "arguments": GIVEN, "withItems": [{"gpus": 1}, {"gpus": 3}], **task}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": [every]}}, *templates]}
    known: Any = {"kind": "WorkflowTemplate", "metadata": {"name": "library"}, "spec": {"templates": library}}
    for devices, refused in ((2, True), (3, False)):
        machine = Machine({}, {"nvidia.com/gpu": tuple(map(str, range(devices)))})
        with pytest.raises(UsageError, match="asks for 3 nvidia") if refused else nullcontext():
            require_devices({"spec": spec}, [known], machine)  # type: ignore[typeddict-item]
