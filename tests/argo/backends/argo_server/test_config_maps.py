"""ConfigMaps inside a Workflow: as they were, whatever their text, for who reads them and for who runs them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argo.backend import Submission
from argo.backends.argo_server.config_maps import embed, extract, manifest
from argo.errors import UsageError
from argo.local.backend import LocalBackend
from argo.local.home import Home
from compiler.manifest_schema import check_object

TEXT = st.text(st.sampled_from("{}x \\\"'\n$%#:\u20acab=") | st.characters(exclude_categories=["Cs"]), max_size=30)
SAY = {"name": "say", "container": {"image": "busybox", "command": ["sh", "-c"], "args": ["printf %s \"$A\""], "env": [
    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}},
]}}  # fmt: skip
ENTRIES: dict[str, list[Any]] = {
    "container": [{**SAY, "name": "main"}],
    "dag": [{"name": "main", "dag": {"tasks": [{"name": "a", "template": "say"}]}}, SAY],
    "depends": [
        {"name": "main", "dag": {"tasks": [
            {"name": "a", "template": "say"}, {"name": "b", "template": "say", "depends": "a.Succeeded"},
        ]}}, SAY,
    ],
    "dependencies": [
        {"name": "main", "dag": {"tasks": [
            {"name": "a", "template": "say"}, {"name": "b", "template": "say", "dependencies": ["a"]},
        ]}}, SAY,
    ],
    "steps": [{"name": "main", "steps": [[{"name": "a", "template": "say"}]]}, SAY],
}  # fmt: skip


def workflow(entry: str) -> Any:
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": copy.deepcopy(ENTRIES[entry])},
    }  # fmt: skip


def config_map(name: str, **data: str) -> Any:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@given(st.sampled_from(sorted(ENTRIES)), st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), TEXT, max_size=3))
def test_what_is_put_in_comes_out(entry: str, data: dict[str, str]) -> None:
    before = workflow(entry)
    made = embed(before, [config_map("conf", **data), config_map("more", a="1")])
    assert before == workflow(entry)
    after, found = extract(made)
    assert after == before
    assert found == [config_map("conf", **data), config_map("more", a="1")]
    assert embed(after, found) == made


@given(TEXT)
def test_argo_finds_nothing_to_replace_in_the_text(text: str) -> None:
    made = manifest(config_map("conf", **{"a": text, text or "b": "x"}))
    assert "{{" not in made
    assert "$" not in made, "Kubernetes expands the variable that brings it to Argo's executor"
    assert json.loads(made)["data"]["a"] == text


@pytest.mark.parametrize("entry", sorted(ENTRIES))
def test_argo_takes_it(entry: str) -> None:
    assert check_object(embed(workflow(entry), [config_map("conf", a="1")])) == []


def test_what_has_no_entry_here_is_refused() -> None:
    given_: Any = {"metadata": {"name": "w"}, "spec": {"workflowTemplateRef": {"name": "t"}}}
    assert embed(given_, []) == given_
    with pytest.raises(UsageError, match="elsewhere"):
        embed(given_, [config_map("conf")])


@pytest.mark.parametrize("entry", sorted(ENTRIES))
@settings(max_examples=1)
@given(st.just("{{x}} {{workflow.name}} {{{{ \\u007b \" ' \\ \u20ac"))
def test_the_engine_gives_programs_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, entry: str, text: str
) -> None:
    folder: Path = tmp_path_factory.mktemp("run")
    backend = LocalBackend(Home.open(folder / "home"))
    try:
        made = embed(workflow(entry), [config_map("conf", a=text)])
        ref = backend.record(Submission(made, [], "test", "k"), executor="process").ref
        assert backend.drive(ref)
        done = backend.get(ref)
        assert done["status"]["phase"] == "Succeeded", done["status"]
        assert {line.text for line in backend.logs(ref) if line.container == "main" and line.text} == {text}
    finally:
        backend.close()
