"""Texts of definitions and consumers that would be options of the container runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.local.pods import PodOutcome
from compiler.extend import Extension, violations
from compiler.images import is_from, parse
from compiler.models import ComputeAsset
from tests.argo.local.executors.conftest import Machine, request, shell, until_done
from tests.attacks.runtimes import IMAGE, StandIn

Json = dict[str, Any]
OPTIONS = [
    "--mount=type=bind,source=/,target=/h@sha256:" + "0" * 64,
    "--privileged",
    "-v/:/h",
    "--",
    "-",
    "",
    "a b",
    "alpine\n",
    "alpine:3 --privileged",
    "alpine@sha256:" + "0" * 63,
    "alpine@sha256:" + "0" * 64 + "/../x",
    "alpine@sha256:" + "G" * 64,
    "alpine@md5:" + "0" * 32,
    "alpine@sha512:" + "0" * 64,
    "dir:etc",
    "oci-archive:x.tar",
    "docker-archive:/x.tar",
    "docker://alpine",
    "Alpine",
    "a//b",
    "../alpine",
    "a" * 256,
    "example.com:port/a",
    "ｅxample.com/a",
]
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize("image", OPTIONS)
def test_an_option_is_no_image(image: str) -> None:
    assert parse(image) is None


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("alpine", ("alpine", "", "")),
        ("alpine:3", ("alpine", "3", "")),
        ("docker:24-dind", ("docker", "24-dind", "")),
        (f"a/b__c/d---e.f@{DIGEST}", ("a/b__c/d---e.f", "", DIGEST)),
        (f"Host:5000/a:v1@{DIGEST}", ("Host:5000/a", "v1", DIGEST)),
        ("localhost/a:_x", ("localhost/a", "_x", "")),
        ("[::1]:5000/a", ("[::1]:5000/a", "", "")),
        ("a@sha512:" + "a" * 128, ("a", "", "sha512:" + "a" * 128)),
    ],
)
def test_every_image_has_its_parts(image: str, parts: tuple[str, str, str]) -> None:
    assert parse(image) == parts


@given(st.text(max_size=80))
def test_what_is_an_image_is_never_an_option(text: str) -> None:
    assert parse("-" + text) is None
    found = parse(text)
    assert found is None or (text.isascii() and text.isprintable() and " " not in text)


def test_a_registry_in_capitals_is_a_registry() -> None:
    assert not is_from("Evil/tool", "docker.io/Evil")


def _asset() -> ComputeAsset:
    bounds = {"registries": ["registry.example.com"], "digest": True, "command": True}
    return ComputeAsset.model_validate({"kind": "ComputeAsset", "name": "x", "mode": "extended", "bounds": bounds})


@pytest.mark.parametrize("image", [image for image in OPTIONS if image])
def test_no_option_passes_the_bounds(image: str) -> None:
    assert [found.rule for found in violations(_asset(), Extension(image=image))] == ["image"]


def test_bounds_take_an_image_with_its_whole_digest() -> None:
    assert not list(violations(_asset(), Extension(image=f"registry.example.com/a@{DIGEST}")))
    assert [found.rule for found in violations(_asset(), Extension(image="registry.example.com/a:1"))] == ["digest"]


def _run(machine: Machine, runtime: StandIn, given: Json, **fields: Any) -> PodOutcome:
    pods = machine.pods(executor=runtime.name, environment=runtime.environment)
    pods.create(request(given, **fields))
    return until_done(pods)["n1"]


@pytest.mark.parametrize("where", ["container", "sidecars", "initContainers"])
@pytest.mark.parametrize("image", OPTIONS)
def test_no_runtime_is_asked_to_run_an_option(machine: Machine, runtime: StandIn, image: str, where: str) -> None:
    given = shell("true", container={"image": image if where == "container" else IMAGE})
    if where != "container":
        given[where] = [{"name": "other", "image": image, "command": ["true"]}]
    outcome = _run(machine, runtime, given)
    assert outcome.phase == "Error"
    assert "is not the name of an image" in outcome.message or "has no image" in outcome.message
    assert runtime.calls() == []


def test_the_image_stands_where_no_option_is_looked_for(machine: Machine, runtime: StandIn) -> None:
    outcome = _run(machine, runtime, shell("echo $1", container={"image": IMAGE, "args": ["echo $0", "--privileged"]}))
    assert outcome.outputs["result"] == "--privileged"
    words = runtime.calls()[0]
    assert words[words.index("--") :] == ["--", IMAGE, "-ec", "echo $0", "--privileged"]
    assert "--env" not in words


def test_arguments_that_look_like_the_runtimes_are_the_programs(machine: Machine, runtime: StandIn) -> None:
    given = shell("true", container={"image": IMAGE, "args": ["echo $@", "--env", "NOT_MINE", "--mount", "x"]})
    assert _run(machine, runtime, given).outputs["result"] == "NOT_MINE --mount x"


PATHS = ["/h,source=/", '/h"', "/h\n,x", "/h\t"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("field", ["mountPath", "subPath", "claim", "input"])
def test_no_path_adds_to_a_mount(machine: Machine, runtime: StandIn, path: str, field: str) -> None:
    mount = {"name": "v", "mountPath": path if field == "mountPath" else "/v", "readOnly": True}
    claim = "c"
    if field == "subPath":
        mount["subPath"] = path.lstrip("/")
    elif field == "claim":
        claim = path.strip("/").replace("/", "-")
    inputs = {"artifacts": [{"name": "i", "path": path, "raw": {"data": ""}}]} if field == "input" else {}
    given = shell("true", container={"image": IMAGE, "volumeMounts": [mount]}, inputs=inputs)
    volumes = ({"name": "v", "persistentVolumeClaim": {"claimName": claim}},)
    outcome = _run(machine, runtime, given, volumes=volumes)
    assert outcome.phase == "Error"
    assert runtime.calls() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("A\nDOCKER_HOST", "x"), ("--privileged", "a\nb"), ("*", "a\nb"), ("#", "x"), ("A=B", "x"), ("", "x"),
     ("LD_PRELOAD", "/tmp/x.so\n"), ("CONTAINERS_CONF", "/c\n/x"), ("DOCKER_HOST", "tcp://x\n"), ("PATH", "/x\n")],
)  # fmt: skip
def test_no_variable_reaches_the_runtimes_own_program(
    machine: Machine, runtime: StandIn, name: str, value: str
) -> None:
    given = shell("true", container={"image": IMAGE, "env": [{"name": name, "value": value}]})
    outcome = _run(machine, runtime, given)
    assert outcome.phase == "Error"
    assert "cannot be given the variable" in outcome.message
    assert runtime.calls() == []


@pytest.mark.parametrize("user", ["0 --privileged", "root", "1000,size=9"])
def test_a_user_is_a_number(machine: Machine, runtime: StandIn, user: str) -> None:
    outcome = _run(machine, runtime, shell("true", container={"image": IMAGE, "securityContext": {"runAsUser": user}}))
    assert "is no user's or group's number" in outcome.message
    assert runtime.calls() == []


def test_options_as_values_stay_values(machine: Machine, runtime: StandIn) -> None:
    container = {
        "image": IMAGE,
        "workingDir": "--privileged",
        "securityContext": {"capabilities": {"add": ["--privileged"]}},
    }
    _run(machine, runtime, shell("true", container=container))
    words = runtime.calls()[0]
    for at, word in enumerate(words):
        assert word != "--privileged" or words[at - 1] in ("--workdir", "--cap-add")


@pytest.mark.slow
@pytest.mark.usefixtures("real_podman")
def test_the_real_podman_runs_an_image_after_two_dashes(machine: Machine, tmp_path: Path) -> None:
    import os

    pods = machine.pods(executor="podman", environment=dict(os.environ))
    pods.create(request(shell("echo $0", container={"image": IMAGE, "args": ["echo $0", "--privileged"]})))
    assert until_done(pods)["n1"].outputs["result"] == "--privileged"
    option = f"--mount=type=bind,source={tmp_path},target=/h@{DIGEST}"
    pods.create(request(shell("ls /h", container={"image": option}), "n2"))
    assert "InvalidImageName" in json.dumps(until_done(pods)["n2"].message)
