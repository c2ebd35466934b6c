"""Manifest files read as Kubernetes reads them, with positions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.workflow.manifests import load, parse, plain_scalar
from compiler.source import SourceFile

WORKFLOW = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec: {entrypoint: main}\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("off", False), ("y", True), ("True", True), ("~", None), ("", None),
        ("0777", 511), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("-5", -5), ("089", 89.0),
        ("1e3", 1000.0), ("1.10", 1.1), (".5", 0.5),
        ("1:30", "1:30"), ("2020-01-01", "2020-01-01"), ("abc", "abc"), ("1.2.3", "1.2.3"), ("=", "="),
    ],
)  # fmt: skip
def test_scalars(text: str, value: Any) -> None:
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


def test_documents_lists_and_json_keep_their_places(tmp_path: Path) -> None:
    several = tmp_path / "several.yaml"
    several.write_text(
        f"# nothing\n---\n{WORKFLOW}---\nkind: List\nitems:\n- {{kind: ConfigMap, metadata: {{name: c}}}}\n"
    )
    plain = tmp_path / "one.json"
    plain.write_text('{"kind": "WorkflowTemplate",\n "metadata": {"name": "t"}}')
    documents, diagnostics = load([several, plain])
    assert diagnostics == []
    assert [(item.kind, item.name) for item in documents] == [
        ("Workflow", "a"),
        ("ConfigMap", "c"),
        ("WorkflowTemplate", "t"),
    ]
    assert documents[0].span(("spec", "entrypoint")).line == 6
    assert (documents[1].span(("metadata", "name")).line, documents[1].path_prefix[1:]) == (10, ("items", 0))
    assert documents[2].span(("metadata", "name")).line == 2


def test_quoted_and_tagged_scalars_stay_text() -> None:
    source = SourceFile("x.yaml", "kind: ConfigMap\ndata: {a: \"yes\", b: !!str 5, c: '1', 1: x, on: y}\n")
    documents, _ = parse(source)
    assert documents[0].object["data"] == {"a": "yes", "b": "5", "c": "1", "1": "x", "true": True}


def test_merge_keys_and_anchors() -> None:
    source = SourceFile("x.yaml", "kind: ConfigMap\nbase: &b {x: a, z: c}\ndata:\n  <<: *b\n  z: d\n")
    assert parse(source)[0][0].object["data"] == {"x": "a", "z": "d"}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("kind: [", "A702", 1),
        ("kind: Workflow\nkind: Workflow\n", "A702", 2),
        ("a: 1\n", "A703", 1),
        ("- 1\n", "A703", 1),
        ("", "A703", 1),
        ("kind: Deployment\n", "A704", 1),
        ("kind: Secret\nmetadata: {name: s}\n", "A704", 1),
        (WORKFLOW + "---\n" + WORKFLOW, "A705", 8),
        ("kind: ConfigMap\ndata: " + "[" * 300 + "]" * 300, "A702", 2),
    ],
)
def test_mistakes_have_a_place(text: str, code: str, line: int, tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)
    found = load([file])[1]
    assert [(item.code, item.span.line if item.span else 0) for item in found] == [(code, line)]


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\xfd")
    found = load([tmp_path / "missing.yaml", tmp_path / "bad.yaml"])[1]
    assert [item.code for item in found] == ["A701", "A701"]


def test_an_anchor_bomb_is_refused() -> None:
    lines = ["kind: ConfigMap", "a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    documents, diagnostics = parse(SourceFile("bomb.yaml", "\n".join(lines)))
    assert documents == []
    assert [item.code for item in diagnostics] == ["A702"]


@given(
    st.text()
    | st.lists(st.sampled_from(["a: ", "- ", "\n", "  ", "kind: Workflow", "*x", "&x ", "{", "[", "!!str "])).map(
        "".join
    )
)
def test_any_text_is_read_or_refused(text: str) -> None:
    documents, diagnostics = parse(SourceFile("any.yaml", text))
    assert documents or diagnostics


def test_pairs_of_escapes_in_json(tmp_path: Path) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a 😀": "😀 b"}}
    path = tmp_path / "c.json"
    path.write_text(json.dumps(manifest))
    (document,), diagnostics = load([path])
    assert (document.object, diagnostics) == (manifest, [])
    path.write_text(json.dumps(manifest).replace("\\ude00 b", " b"))
    assert [diagnostic.code for diagnostic in load([path])[1]] == ["A702"]
