"""What a run asks of this machine is held against what it has, before anything starts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from argo.local.images import Images
from argo.local.resources import Machine
from argo.local.supported.machine import check as check_machine
from argo.workflow.manifests import ManifestDocument, parse
from compiler.diagnostics import Diagnostic
from compiler.source import SourceFile

MACHINE = Machine({"cpu": Decimal(2), "memory": Decimal(1 << 30), "pods": Decimal(110)}, {"nvidia.com/gpu": ("0",)})
HEAD = "kind: Workflow\nmetadata: {generateName: a-}\nspec:\n  entrypoint: a\n  templates:\n"
LIBRARY = (
    "kind: WorkflowTemplate\nmetadata: {name: NAME}\nspec:\n  templates:\n  - {name: t, container: {image: x/y}}\n"
)


def documents(text: str) -> list[ManifestDocument]:
    found, problems = parse(SourceFile("wf.yaml", text))
    assert problems == []
    return found


def checked(text: str, executor: str = "process", images: Images | None = None) -> list[Diagnostic]:
    return check_machine(documents(text), MACHINE, executor=executor, images=images)


def placed(found: list[Diagnostic]) -> list[tuple[str, int, int]]:
    return [(item.code, item.span.line, item.span.column) for item in found if item.span]


@pytest.mark.parametrize(
    "template",
    [
        "container: {image: x/y}",
        "script: {image: x/y, source: a}",
        "containerSet: {containers: [{name: main, image: x/y}]}",
        "{sidecars: [{name: s, image: x/y}], container: {image: z, command: [a]}}",
        "dag: {tasks: [{name: a, inline: {container: {image: x/y}}}]}",
        "steps: [[{name: a, inline: {container: {image: x/y}}}]]",
    ],
)
def test_a_container_needs_a_command_or_a_known_image(template: str) -> None:
    body = template[1:-1] if template.startswith("{") else template
    text = f"{HEAD}  - {{name: a, {body}}}\n"
    assert placed(checked(text)) == [("A730", 6, 7 + f"  - {{name: a, {body}".index("x/y") - 6)]
    assert checked(text, "podman") == []
    for name in ("x/y", "x/y:1", "x/y@sha256:0"):
        known: Images = {"x/y": {"entrypoint": ["run"]}}
        assert checked(text.replace("x/y", name), images=known) == []
    assert placed(checked(text, images={"y": {"entrypoint": ["run"]}}))


def test_a_command_may_come_from_elsewhere() -> None:
    template = "  - {name: a, container: {image: x}}\n"
    assert checked(f"{HEAD}{template}  templateDefaults: {{container: {{command: [run]}}}}\n") == []
    patch = """'{"containers":[{"name":"main","command":["run"]}]}'"""
    assert checked(f"{HEAD}{template}  podSpecPatch: {patch}\n") == []
    assert checked(f"{HEAD}  - {{name: a, container: {{image: '{{{{workflow.parameters.i}}}}'}}}}\n") == []


def test_only_what_the_run_reaches_is_looked_at() -> None:
    task = "{name: a, dag: {tasks: [{name: a, templateRef: {name: used, template: t}}]}}"
    objects = [f"{HEAD}  - {task}\n", LIBRARY.replace("NAME", "used"), LIBRARY.replace("NAME", "other")]
    assert placed(checked("---\n".join(objects))) == [("A730", 12, 34)]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ("limits: {nvidia.com/gpu: 2}", "A731"),
        ("limits: {nvidia.com/gpu: 1}", None),
        ("limits: {nvidia.com/gpu: '{{inputs.parameters.n}}'}", None),
        ("limits: {amd.com/gpu: 1}", "A731"),
        ("limits: {amd.com/gpu: 0}", None),
        ("requests: {cpu: 2500m}", "A732"),
        ("requests: {cpu: 2, memory: 1Gi}", None),
        ("requests: {memory: 1025Mi}", "A732"),
        ("requests: {cpu: 1}, limits: {cpu: 64}", None),
    ],
)
def test_what_the_machine_lacks(resources: str, expected: str | None) -> None:
    found = checked(f"{HEAD}  - {{name: a, container: {{image: x, command: [a], resources: {{{resources}}}}}}}\n")
    assert [item.code for item in found] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("template", "refused"),
    [
        ("outputs: {artifacts: [{name: o, path: /etc}]}", True),
        ("outputs: {artifacts: [{name: o, path: /usr/}]}", True),
        ("outputs: {artifacts: [{name: o, path: /etc/hosts}]}", False),
        ("outputs: {artifacts: [{name: o, path: /work}]}", False),
        ("outputs: {artifacts: [{name: o, path: /srv}]}, inputs: {artifacts: [{name: i, path: /srv}]}", False),
    ],
)
def test_a_folder_of_the_machine_is_no_output(template: str, refused: bool) -> None:
    text = f"{HEAD}  - {{name: a, container: {{image: z, command: [a]}}, {template}}}\n"
    assert [item.code for item in checked(text)] == ["A733"] * refused
    assert checked(text, "podman") == []


def test_a_mounted_folder_is_an_output() -> None:
    container = "container: {image: z, command: [a], volumeMounts: [{name: v, mountPath: /opt}]}"
    assert checked(f"{HEAD}  - {{name: a, {container}, outputs: {{artifacts: [{{name: o, path: /opt}}]}}}}\n") == []


@pytest.mark.parametrize(
    ("selector", "refused"),
    [
        ("kubernetes.io/os: windows", True),
        ("beta.kubernetes.io/os: linux", False),
        ("kubernetes.io/arch: s390x", True),
        ("disk: ssd", False),
        ("kubernetes.io/os: '{{workflow.parameters.os}}'", False),
    ],
)
def test_a_pod_for_another_machine(selector: str, refused: bool) -> None:
    template = f"  - {{name: a, container: {{image: z, command: [a]}}, nodeSelector: {{{selector}}}}}\n"
    assert [item.code for item in checked(HEAD + template)] == ["A734"] * refused
    whole = HEAD.replace("  templates:", f"  nodeSelector: {{{selector}}}\n  templates:")
    assert [item.code for item in checked(f"{whole}  - {{name: a, suspend: {{}}}}\n")] == ["A734"] * refused
