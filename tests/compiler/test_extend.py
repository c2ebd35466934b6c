"""What consumers bring to extended assets: every rule, and what an asset comes to with it."""

from __future__ import annotations

from typing import Any

import pytest

from compiler import pipeline
from compiler.extend import Extension, extended, violations, within
from compiler.lower.text import LAST
from compiler.models import ComputeAsset

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.example.com/partners/job@{DIGEST}"


def asset(**more: Any) -> ComputeAsset:
    bounds = {
        "registries": ["registry.example.com/partners", "docker.io/library"],
        "cpu": 4,
        "memory": "8Gi",
        "gpu": 1,
        "timeout": "1h",
        **more.pop("bounds", {}),
    }
    ComputeAsset.build()
    return ComputeAsset.model_validate({"name": "bring", "mode": "extended", "bounds": bounds, **more})


def rules(subject: ComputeAsset, **given: Any) -> list[str]:
    return [broken.rule for broken in violations(subject, Extension(**{"image": IMAGE, **given}))]


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, []),
        ({"cpu": "4", "memory": "8Gi", "gpu": 1, "timeout": "1h", "command": ("a",)}, []),
        ({"image": f"python@{DIGEST}"}, []),
        ({"image": ""}, ["image"]),
        ({"image": "registry.example.com/partners/job:1.0"}, ["digest"]),
        ({"image": "registry.example.com/partners/job@sha256:abc"}, ["image"]),
        ({"image": f"registry.example.com/partners-x/job@{DIGEST}"}, ["registry"]),
        ({"image": f"registry.example.com:5000/partners/job@{DIGEST}"}, ["registry"]),
        ({"image": f"evil.example/registry.example.com/partners/job@{DIGEST}"}, ["registry"]),
        ({"image": "evil.example/x:latest"}, ["registry", "digest"]),
        ({"image": "{{workflow.parameters.x}}"}, ["image"]),
        ({"image": "a b"}, ["image"]),
        ({"args": ("{{workflow.name}}",)}, ["tag"]),
        ({"results": "/results"}, ["results"]),  # it has no output that is a folder
        ({"args": ("a {{ =1+1}}",)}, ["tag"]),
        ({"command": ("sh", "-c", "{{ .Values.x }} {{workflows}}")}, []),
        ({"cpu": "4001m"}, ["cpu"]),
        ({"cpu": "lots"}, ["cpu"]),
        ({"memory": "9Gi"}, ["memory"]),
        ({"memory": "8590Mi"}, ["memory"]),
        ({"gpu": 2}, ["gpu"]),
        ({"timeout": "61m"}, ["timeout"]),
        ({"timeout": "for ever"}, ["timeout"]),
        ({"cpu": "${{ params.cpu }}", "memory": "${{ params.memory }}"}, ["cpu", "memory"]),
        ({"cpu": "5", "gpu": 9, "timeout": "2h"}, ["cpu", "gpu", "timeout"]),
    ],
)
def test_rules(given: dict[str, Any], broken: list[str]) -> None:
    assert rules(asset(), **given) == broken


def test_what_is_not_named_is_not_allowed() -> None:
    ComputeAsset.build()
    bare = ComputeAsset.model_validate({"name": "bring", "mode": "extended", "image": "base:1", "bounds": {}})
    given = {"image": IMAGE, "cpu": "1001m", "memory": "1025Mi", "gpu": 1, "timeout": "61m"}
    assert rules(bare, **given) == ["registry", "cpu", "memory", "gpu", "timeout"]
    assert rules(asset(bounds={"command": False}), command=("sh",)) == ["command"]
    without = ComputeAsset.model_validate({"name": "bring", "mode": "extended", "image": "base:1"})
    assert rules(without) == ["bounds"]
    job = ComputeAsset.model_validate({"name": "job", "image": "base:1"})
    assert rules(job) == ["mode"]
    assert list(violations(job, Extension())) == []


def test_an_asset_with_what_was_brought() -> None:
    own = {"cpu": 1, "memory": "1Gi", "gpu": {"product": "A100"}}
    subject = asset(image="base:1", command=["old"], args=["x"], timeout="5m", resources=own)
    made = extended(subject, Extension(IMAGE, ("new",), ("y",), "2", "2Gi", 1, "10m"))
    assert (made.image, made.command, made.args, made.timeout) == (IMAGE, ("new",), ("y",), 600)
    assert made.resources is not None
    assert (made.resources.cpu, made.resources.memory) == ("2", "2Gi")
    assert made.resources.gpu is not None
    assert (made.resources.gpu.count, made.resources.gpu.product) == (1, "A100")
    kept = extended(subject, Extension(IMAGE))
    assert (kept.command, kept.timeout) == (("old",), 300)
    none = extended(subject, Extension(IMAGE, gpu=0))
    assert none.resources is not None
    assert none.resources.gpu is None


def asked(made: ComputeAsset) -> tuple[Any, ...]:
    assert made.resources is not None
    return (made.resources.cpu, made.resources.memory, made.resources.disk, made.timeout)


def test_a_bound_is_what_a_run_gets_and_the_most_that_it_gets() -> None:
    assert asked(within(extended(asset(), Extension(IMAGE)))) == ("4", "8Gi", "10Gi", 3600)
    assert asked(within(asset(bounds={"disk": "1Gi"}, timeout="2h"))) == ("4", "8Gi", "1Gi", 3600)
    assert asked(within(asset(resources={"cpu": 1, "memory": "1Ti", "disk": "50Gi"}))) == ("1", "8Gi", "50Gi", 3600)
    assert asked(within(asset(resources={"memory": "${{ params.memory }}"})))[1] == "8Gi"
    bare = ComputeAsset.model_validate({"name": "bring", "mode": "extended", "image": "base:1", "bounds": {}})
    assert asked(within(bare)) == ("1", "1Gi", "10Gi", 3600), "left out is not without end"
    job = ComputeAsset.model_validate({"name": "job", "image": "base:1"})
    assert within(job) is job


def test_it_compiles_hardened_and_what_looks_like_argos_stays_text(tmp_path: Any) -> None:
    (tmp_path / "bring.yaml").write_text(
        "kind: ComputeAsset\nname: bring\nmode: extended\nbounds: {registries: [registry.example.com], timeout: 1h}\n"
    )
    given = Extension(IMAGE, ("sh", "-c"), ("echo {{name}}",))
    result = pipeline.compile_asset([tmp_path / "bring.yaml"], "bring", "0.0.0", extension=given)
    assert result.diagnostics == ()
    workflow, policy = result.objects()
    (template,) = [item for item in workflow["spec"]["templates"] if "container" in item]
    assert template["container"]["image"] == IMAGE
    assert template["container"]["args"] == [f"echo {LAST}name}}}}"]
    assert template["container"]["securityContext"]["allowPrivilegeEscalation"] is False
    assert template["activeDeadlineSeconds"] == "3600"
    amounts = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "10Gi"}
    assert template["container"]["resources"] == {"requests": amounts, "limits": amounts}
    assert policy["spec"]["podSelector"]["matchLabels"] == template["metadata"]["labels"]
    assert [list(rule) for rule in policy["spec"]["egress"]] == [["to", "ports"]], "nothing but names, of the cluster"


def test_references_to_what_is_not_there_are_mistakes(tmp_path: Any) -> None:
    (tmp_path / "bring.yaml").write_text(
        "kind: ComputeAsset\nname: bring\nmode: extended\nbounds: {registries: [registry.example.com]}\n"
    )
    given = Extension(IMAGE, ("cat", "${{ inputs.other.path }}"))
    result = pipeline.compile_asset([tmp_path / "bring.yaml"], "bring", "0.0.0", extension=given)
    assert [item.code for item in result.diagnostics if item.severity == "error"] == ["A302"]


FOLDERS: dict[str, Any] = {
    "volumes": {"results": {"empty": "1Gi", "path": "/output"}, "other": {"empty": "1Gi", "path": "/other"}},
    "outputs": {
        "all": {"kind": "directory", "path": "/output", "mount": False},
        "log": {"kind": "file", "path": "/l/g"},
    },
}


@pytest.mark.parametrize("folder", ["/opt/carla/rosbag", "/results", "/a.b/c_d-e"])
def test_results_lie_where_the_program_leaves_them(folder: str) -> None:
    subject = asset(**FOLDERS)
    assert rules(subject, results=folder) == []
    made = extended(subject, Extension(image=IMAGE, results=folder))
    assert {name: output.path for name, output in made.outputs.items()} == {"all": folder, "log": "/l/g"}
    assert {name: volume.path for name, volume in made.volumes.items()} == {"results": folder, "other": "/other"}
    assert made.outputs["all"].mount is False


@pytest.mark.parametrize(
    "folder", ["/", "x", "/etc/x", "/a/../b", "/a//b", "/{{workflow.name}}", "/a b", "/proc", "/a/."]
)
def test_results_lie_in_no_place_of_the_system(folder: str) -> None:
    assert rules(asset(**FOLDERS), results=folder) == ["results"]
