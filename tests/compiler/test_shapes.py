"""The closed schema of manifests: Argo's examples pass it, every broken field is found."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from compiler import manifest_types
from compiler.manifest_schema import Problem, check_object, kinds
from compiler.manifest_types import NodeStatus
from scripts import manifest_schema

# Reviewed: kinds that are neither emitted nor run.
NOT_COVERED = {"WorkflowEventBinding"}


class _Loader(yaml.SafeLoader):
    """YAML as JSON: times stay strings."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _documents(path: Path) -> list[Any]:
    return [item for item in yaml.load_all(path.read_text(), _Loader) if item is not None]


def _examples(shared: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((shared / "argo" / "examples").rglob("*.y*ml")):
        for document in _documents(path):
            if document["kind"] not in NOT_COVERED:
                yield path, document


@pytest.fixture
def workflow() -> dict[str, Any]:
    """A workflow with a field of every shape: maps, lists of lists, quantities, free form, an empty type."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "a-", "labels": {"x": "y"}},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "n", "value": 1}]},
            "podResources": {"limits": {"cpu": 2}},
            "templates": [
                {
                    "name": "main",
                    "activeDeadlineSeconds": 10,
                    "steps": [[{"name": "one", "template": "work", "withItems": [1, {"a": [2]}]}]],
                },
                {
                    "name": "work",
                    "container": {
                        "image": "alpine:3",
                        "command": ["true"],
                        "resources": {"limits": {"memory": "1Gi", "cpu": 0.5}},
                    },
                    "outputs": {"artifacts": [{"name": "o", "path": "/o", "archive": {"none": {}}}]},
                },
                {"name": "plug", "plugin": {"anything": {"at": ["all"]}}},
            ],
        },
    }


def test_a_whole_workflow_passes(workflow: dict[str, Any]) -> None:
    assert check_object(workflow) == []


def _edit(obj: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(obj)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (
            ("spec", "entryPoint"),
            "x",
            Problem(
                ("spec", "entryPoint"),
                "WorkflowSpec has no field 'entryPoint'",
                "did you mean 'entrypoint'?",
                key=True,
            ),
        ),
        (
            ("spec", "templates", 1, "container", "comand"),
            [],
            Problem(
                ("spec", "templates", 1, "container", "comand"),
                "Container has no field 'comand'",
                "did you mean 'command'?",
                key=True,
            ),
        ),
        (
            ("spec", "templates", 1, "container", "image"),
            3,
            Problem(
                ("spec", "templates", 1, "container", "image"),
                "a string is expected, this is an integer",
                'quote it: "3"',
            ),
        ),
        (
            ("metadata", "labels", "x"),
            True,
            Problem(("metadata", "labels", "x"), "a string is expected, this is true or false", 'quote it: "true"'),
        ),
        (
            ("spec", "templates", 0, "steps", 0),
            {"name": "one"},
            Problem(("spec", "templates", 0, "steps", 0), "a list is expected, this is a map"),
        ),
        (
            ("spec", "templates", 0, "activeDeadlineSeconds"),
            1.5,
            Problem(
                ("spec", "templates", 0, "activeDeadlineSeconds"),
                "an integer or a string is expected, this is a number",
            ),
        ),
        (
            ("spec", "templates", 1, "outputs", "artifacts", 0),
            {"path": "/o"},
            Problem(("spec", "templates", 1, "outputs", "artifacts", 0), "Artifact needs the field 'name'"),
        ),
        (
            ("spec", "podResources", "limits"),
            [],
            Problem(("spec", "podResources", "limits"), "a map is expected, this is a list"),
        ),
        (
            ("spec", "templates", 1, "outputs", "artifacts", 0, "archive", "none"),
            "yes",
            Problem(
                ("spec", "templates", 1, "outputs", "artifacts", 0, "archive", "none"),
                "an object (NoneStrategy) is expected, this is a string",
            ),
        ),
        (("kind",), "Workflw", Problem(("kind",), "unknown kind 'Workflw'", "did you mean 'Workflow'?")),
        (("kind",), ["Workflow"], Problem(("kind",), "unknown kind ['Workflow']", "did you mean 'Workflow'?")),
        (("apiVersion",), "v1", Problem(("apiVersion",), "Workflow has apiVersion argoproj.io/v1alpha1, not 'v1'")),
    ],
)
def test_mistakes_are_found_where_they_are(
    workflow: dict[str, Any], path: tuple[str | int, ...], value: Any, problem: Problem
) -> None:
    assert check_object(_edit(workflow, path, value)) == [problem]


def test_a_null_is_a_field_left_out(workflow: dict[str, Any]) -> None:
    assert check_object(_edit(workflow, ("spec", "podResources"), None)) == []


@pytest.mark.parametrize("value", [None, 3, "text", [], {}, {"kind": None}])
def test_what_is_no_object_is_said(value: Any) -> None:
    assert len(check_object(value)) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(_JSON)
def test_any_value_anywhere_gives_problems_not_an_exception(value: Any) -> None:
    for obj in (value, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": value, "spec": value}):
        assert all(isinstance(problem, Problem) for problem in check_object(obj))


@pytest.mark.shared
def test_every_example_of_argo_passes(shared: Path) -> None:
    checked = [(path.name, check_object(document)) for path, document in _examples(shared)]
    assert [item for item in checked if item[1]] == []
    assert len(checked) >= 100


@pytest.mark.shared
def test_a_renamed_field_is_found_wherever_it_is(shared: Path) -> None:
    """Each field of each example, renamed, is found at its path, unless it lies in a map or in free form."""
    found = 0
    for path, document in _examples(shared):
        for place in _places(document, document["kind"], _types()):
            problems = check_object(_renamed(document, place))
            expected = (*place[:-1], f"{place[-1]}Zz")
            assert any(item.key and item.path == expected for item in problems), (path.name, place)
            found += 1
    assert found > 3500


@cache
def _types() -> manifest_schema.Types:
    return manifest_schema.merge(manifest_schema.hera_types(), manifest_schema.overlay())


def _places(value: Any, reference: str, types: manifest_schema.Types) -> Iterator[tuple[str | int, ...]]:
    """The paths of all fields of a value, top-level apiVersion and kind left out."""
    if reference.startswith("[]"):
        for index, item in enumerate(value or ()):
            yield from ((index, *place) for place in _places(item, reference[2:], types))
    elif reference.startswith("{}"):
        for key, item in (value or {}).items():
            yield from ((key, *place) for place in _places(item, reference[2:], types))
    elif reference in types:
        fields = {key.rstrip("!"): to for key, to in types[reference].items()}
        for key, item in (value or {}).items():
            if key not in ("apiVersion", "kind"):
                yield (key,)
            yield from ((key, *place) for place in _places(item, fields[key], types))


def _renamed(obj: Any, place: tuple[str | int, ...]) -> Any:
    """The object with one field renamed; only what lies on the way is copied."""
    step, rest = place[0], place[1:]
    changed = obj.copy()
    if rest:
        changed[step] = _renamed(obj[step], rest)
    else:
        changed[f"{step}Zz"] = changed.pop(step)
    return changed


@pytest.mark.shared
def test_the_schema_agrees_with_argos_own(shared: Path) -> None:
    """Field for field: what Argo's JSON schema lists for a type, ours lists, neither more nor less."""
    definitions = json.loads((shared / "argo" / "argo-schema.json").read_text())["definitions"]
    argo: dict[str, set[frozenset[str]]] = {}
    for name, definition in definitions.items():
        fields = frozenset(definition.get("properties", {}))
        argo.setdefault(name.rsplit(".", 1)[-1], set()).add(fields)
    ours = _types()
    own = {"ConfigMap", "Secret", "Service", "ServiceSpec"}
    for name, types in ours.items():
        if name not in own:
            assert frozenset(key.rstrip("!") for key in types) in argo[name.rsplit(".", 1)[-1]], name


@pytest.mark.shared
def test_what_passes_is_valid_in_argos_schema(shared: Path) -> None:
    """Examples that hold to the JSON schema's narrower scalars are valid there; each one broken is invalid in both."""
    schema = json.loads((shared / "argo" / "argo-schema.json").read_text())
    for definition in schema["definitions"].values():
        if definition.get("properties"):
            definition["additionalProperties"] = False
    validator = jsonschema.Draft202012Validator(schema)
    agreed = 0
    for path, document in list(_examples(shared))[::4]:
        if document["apiVersion"] == "v1" or not validator.is_valid(document):
            continue
        broken = _renamed(document, ("spec",))
        assert check_object(document) == [], path.name
        assert check_object(broken), path.name
        assert not validator.is_valid(broken), path.name
        agreed += 1
    assert agreed >= 12


def test_the_generated_schema_and_its_types_are_current() -> None:
    schema = manifest_schema.build()
    assert schema == manifest_schema.TARGET.read_text(encoding="utf-8")
    assert manifest_schema.stub(schema) == manifest_schema.STUB.read_text(encoding="utf-8")


def test_every_type_of_the_schema_is_a_typed_dict() -> None:
    """A field whose name is a keyword and a type whose name has a dot, too."""
    types = {
        "Artifact": {"from!": "string", "when": "{}[]v1.Header"},
        "v1.Header": {"value": "intOrString"},
        "Secret": {"kind": "string", "spec!": "Artifact"},
        "Service": {"spec": "v1.Header", "kind": "string"},
    }
    stub = manifest_schema.stub(json.dumps({"kinds": {"Secret": "v1", "Service": "v1"}, "types": types}))
    assert 'Artifact = TypedDict("Artifact", {"from": str, "when": dict[str, list[V1Header]]}, total=False)' in stub
    assert "class V1Header(TypedDict, total=False):\n    value: int | str\n" in stub
    assert "class Object(TypedDict, total=False):\n    kind: str\n    spec: Any\n" in stub


def test_the_types_are_plain_dicts_when_the_program_runs() -> None:
    assert NodeStatus(id="a", name="run.task") == {"id": "a", "name": "run.task"}
    with pytest.raises(AttributeError):
        manifest_types.__path__  # noqa: B018  (a module that had one would be taken for a package)


def test_every_reference_of_the_schema_resolves() -> None:
    data = json.loads(manifest_schema.TARGET.read_text(encoding="utf-8"))
    scalars = {"string", "integer", "number", "boolean", "scalar", "intOrString", "quantity", "time", "any"}
    known = scalars | set(data["types"])
    references = {to.lstrip("[]{}") for fields in data["types"].values() for to in fields.values()}
    assert references <= known
    assert set(kinds()) <= set(data["types"])


def test_an_outdated_overlay_is_refused() -> None:
    hera = {"Workflow": {"spec": "string"}}
    extra: dict[str, Any] = {"types": {}, "fields": {"Workflow": {"spec": "string"}}, "wider": {}}
    with pytest.raises(manifest_schema.OverlayError, match=r"Hera knows Workflow\.spec"):
        manifest_schema.merge(hera, extra)


def test_only_the_standard_library_is_imported() -> None:
    code = (
        "import sys; from compiler.manifest_schema import check_object; check_object({'kind': 'Workflow'});"
        "print(*{'pydantic', 'hera', 'yaml', 'jsonschema'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
