"""Objects in the form that Argo reads."""

from __future__ import annotations

from argo.workflow.manifests import parse
from compiler.source import SourceFile

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a, labels: {on: 'x', k: 1.0}}\n"


def test_scalars_become_text_where_text_is_wanted() -> None:
    spec = "spec:\n  templates:\n  - name: 1\n    container: {image: b, args: [exit, 1, true, 1.5, 1e7, null]}\n"
    documents, problems = parse(SourceFile("wf.yaml", HEAD + spec))
    template = documents[0].object["spec"]["templates"][0]
    assert problems == []
    assert template == {
        "name": "1",
        "container": {"image": "b", "args": ["exit", "1", "true", "1.5", "1e+07", None]},
    }
    assert documents[0].object["metadata"]["labels"] == {"true": "x", "k": "1"}


def test_names_of_fields_count_in_any_case() -> None:
    spec = "spec:\n  onexit: a\n  OnExit: b\n  EntryPoint: a\n  arguments: {parameters: [{name: p, value: 1}]}\n"
    documents, _ = parse(SourceFile("wf.yaml", HEAD + spec))
    found = documents[0].object["spec"]
    assert found["entrypoint"] == "a"
    assert found["onExit"] == "b"
    assert found["arguments"]["parameters"] == [{"name": "p", "value": 1}]
