"""What the engine accepts and what it refuses, by name and position."""

from __future__ import annotations

from pathlib import Path

import pytest

import argo.validate as validate
from argo.local.supported.engine import check
from argo.local.supported.table import FIELDS, TITLES
from argo.workflow.manifests import load, parse
from compiler.diagnostics import Diagnostic
from compiler.manifest_schema import fields_of
from compiler.source import SourceFile

SHARED = Path(__file__).parents[5] / "shared" / "argo"
EXAMPLES = SHARED / "examples"
COMMON = ("configmaps", "workflow-template/templates.yaml", "cluster-workflow-template/clustertemplates.yaml")

# Of the manifests whose outcome on a real controller is known: the two that this engine refuses, and why.
REFUSED_OUTCOMES = {
    "life-cycle-hooks-tmpl-level.yaml": {("A711", "http")},
    "variables-showcase.yaml": {("A711", "daemon")},
}

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: a-}\nspec:\n"
ENTRY = "  entrypoint: a\n  templates:\n  - name: a\n"
CREATE = ENTRY + "    resource:\n      action: create\n"
CONTAINER = "container: {image: busybox, command: [echo]}"


def checked(spec: str) -> list[Diagnostic]:
    documents, problems = parse(SourceFile("wf.yaml", HEAD + spec))
    assert problems == []
    return check(documents)


def placed(found: list[Diagnostic]) -> list[tuple[str, int, int]]:
    return [(item.code, item.span.line, item.span.column) for item in found if item.span]


def test_the_table_holds_every_field_once() -> None:
    for kind, fields in FIELDS.items():
        columns = [fields.supported, fields.ignored, frozenset(fields.refused)]
        assert frozenset().union(*columns) == fields_of(kind).keys(), kind
        assert sum(map(len, columns)) == len(fields_of(kind)), kind
    assert TITLES.keys() == FIELDS.keys()


def examples() -> list[Path]:
    return sorted(EXAMPLES.rglob("*.yaml")) if EXAMPLES.is_dir() else []


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs ../shared/argo")
def test_examples_are_accepted_or_refused_with_a_position() -> None:
    common, _ = load(EXAMPLES / name for name in COMMON)
    refused: dict[str, set[tuple[str, str]]] = {}
    accepted = 0
    for file in examples():
        documents, found = load([file])
        present = {(item.kind, item.name) for item in documents}
        rest = [item for item in common if (item.kind, item.name) not in present]
        found += [item for item in check([*documents, *rest]) if item.span and item.span.file == str(file)]
        errors = [item for item in found if item.severity == "error"]
        assert all(item.span and item.span.line >= 1 for item in errors)
        name = file.relative_to(EXAMPLES)
        if (SHARED / "outcomes" / name).with_suffix(".json").exists():
            accepted += not errors
            if errors:
                refused[str(name)] = {(item.code, item.message.split("`")[1]) for item in errors}
    assert refused == REFUSED_OUTCOMES
    assert accepted == 45


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (f"  entrypoint: a\n  templates:\n  - name: a\n    {CONTAINER}\n", []),
        (f"  entrypoint: a\n  hostNetwork: true\n  templates:\n  - name: a\n    {CONTAINER}\n", [("A711", 6, 3)]),
        (f"  entrypoint: a\n  templates:\n  - name: a\n    daemon: true\n    {CONTAINER}\n", [("A711", 8, 5)]),
        (f"  entrypoint: a\n  templates:\n  - name: a\n    {CONTAINER}\n    nodeSelector: {{a: b}}\n", []),
        (f"  entrypoint: a\n  templates:\n  - name: a\n    deamon: true\n    {CONTAINER}\n", [("A710", 8, 5)]),
        (f"  entrypoint: b\n  templates:\n  - name: a\n    {CONTAINER}\n", [("A720", 5, 15)]),
        (f"  templates:\n  - name: a\n    {CONTAINER}\n", [("A720", 4, 1)]),
        (f"  entrypoint: a\n  onExit: x\n  templates:\n  - name: a\n    {CONTAINER}\n", [("A720", 6, 11)]),
        (
            f"  entrypoint: a\n  templates:\n  - name: a\n    {CONTAINER}\n  - name: a\n    suspend: {{}}\n",
            [("A721", 9, 11)],
        ),
        ("  entrypoint: a\n  templates:\n  - name: a\n", [("A724", 7, 5)]),
        (
            "  entrypoint: a\n  templates:\n  - name: a\n    resource: {action: get}\n",
            [("A711", 8, 24)],
        ),
        (
            CREATE
            + "      setOwnerReference: true\n      manifest: |\n        apiVersion: v1\n        kind: ConfigMap\n",
            [],
        ),
        (
            CREATE + "      manifest: |\n        kind: Pod\n",
            [("A711", 10, 7)],
        ),
        (
            ENTRY + "    container: {image: b, args: ['{{inputs.parameters.x}}']}\n",
            [("A722", 8, 37)],
        ),
        (
            "  entrypoint: a\n  templates:\n  - name: a\n    container: {image: b, args: ['{{= 1 + }}']}\n",
            [("A712", 8, 43)],
        ),
        (
            "  entrypoint: a\n  templates:\n  - name: a\n    container: {image: b, args: ['{{=sprig.genCA(1, 2)}}']}\n",
            [("A712", 8, 44)],
        ),
    ],
)
def test_specs(spec: str, expected: list[tuple[str, int, int]]) -> None:
    assert placed(checked(spec)) == expected


DAG = f"  entrypoint: d\n  templates:\n  - name: a\n    inputs: {{parameters: [{{name: p}}]}}\n    {CONTAINER}\n"
DAG += f"  - name: b\n    {CONTAINER}\n  - name: d\n    dag:\n      tasks:\n"


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("      - {name: x, template: b}\n      - {name: w, template: b, depends: x.Failed}\n", []),
        ("      - {name: x, template: c}\n", [("A720", 15, 29)]),
        ("      - {name: x, template: a}\n", [("A723", 15, 10)]),
        ("      - {name: x, template: a, arguments: {parameters: [{name: p, value: 1}]}}\n", []),
        ("      - {name: x, template: b, depends: z && u.Failed}\n", [("A720", 15, 41), ("A720", 15, 46)]),
        ("      - {name: x, template: b, depends: x.Falied}\n", [("A712", 15, 43)]),
        ("      - {name: x, template: b, dependencies: [x]}\n", [("A721", 15, 16)]),
        (
            "      - {name: x, template: b, dependencies: [w]}\n      - {name: w, template: b, depends: x}\n",
            [("A721", 15, 16), ("A724", 15, 32)],
        ),
        ("      - {name: x, template: b}\n      - {name: x, template: b}\n", [("A721", 16, 16)]),
        ("      - {name: x}\n", [("A724", 15, 10)]),
        ("      - {name: x, template: b, when: '{{tasks.q.outputs.result}} == 1'}\n", [("A722", 15, 41)]),
        ("      - {name: x, templateRef: {name: nowhere, template: b}}\n", [("A720", 15, 39)]),
        ("      - {name: x, inline: {http: {url: 'http://localhost'}}}\n", [("A711", 15, 28)]),
        ("      - {name: x, template: b, withItems: [1], withParam: '[]'}\n", [("A724", 15, 48)]),
    ],
)
def test_tasks(tasks: str, expected: list[tuple[str, int, int]]) -> None:
    assert placed(checked(DAG + tasks)) == expected


@pytest.mark.parametrize(
    "spec",
    [
        f"  entrypoint: a\n  hostNetwork: true\n  templates:\n  - name: a\n    {CONTAINER}\n",
        ENTRY + f"    daemon: true\n    {CONTAINER}\n",
        ENTRY + "    http: {url: 'http://localhost'}\n",
        ENTRY + "    resource: {action: get}\n",
        ENTRY + f"    synchronization: {{mutexes: [{{name: m}}]}}\n    {CONTAINER}\n",
        ENTRY + f"    outputs: {{artifacts: [{{name: o, path: /o, http: {{url: 'http://x'}}}}]}}\n    {CONTAINER}\n",
        ENTRY + "    container: {image: b, args: ['{{=sprig.genCA(1, 2)}}']}\n",
    ],
)
def test_what_argo_runs_and_this_engine_does_not_is_sound(spec: str) -> None:
    """`argo.validate` says nothing of this machine; the engine's own check refuses each."""
    documents, _ = parse(SourceFile("wf.yaml", HEAD + spec))
    assert validate.check(documents) == []
    (found,) = check(documents)
    assert "the engine on this machine" in found.message


def test_a_misspelt_field_has_a_hint() -> None:
    found = checked("  entrypoint: a\n  templates:\n  - name: a\n    suspnd: {}\n    suspend: {}\n")
    assert [item.hint for item in found] == ["did you mean 'suspend'?"]


def test_long_chains_cost_no_stack() -> None:
    tasks = "".join(
        f"      - {{name: t{index}, template: b, dependencies: [t{index - 1}]}}\n" for index in range(1, 3000)
    )
    assert checked(DAG + "      - {name: t0, template: b}\n" + tasks) == []
