"""What stands in files within reach: found by name, and shown whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from argo.app.definitions import definitions, whole

HERA = """\
from hera.workflows import Container, Workflow
with Workflow(name="first", entrypoint="main") as first:
    Container(name="main", image="a:1")
with Workflow(name="second", entrypoint="main") as second:
    Container(name="main", image="b:1")
"""


def test_of_several_in_one_module_the_one_that_is_meant_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dags").mkdir()
    Path("dags", "two.py").write_text(HERA)
    Path("dags", "mine.yaml").write_text("kind: Dag\nname: mine\ntasks: {a: {image: 'a:1', command: [x]}}\n")
    found = {entry.name: entry for entry in definitions("dags") if entry.origin == "project"}
    assert sorted(found) == ["first", "mine", "second"]
    for name, image in (("first", "a:1"), ("second", "b:1")):
        data = whole(found[name])
        assert (data["metadata"]["name"], data["spec"]["templates"][0]["container"]["image"]) == (name, image)
    assert whole(found["mine"])["tasks"] == {"a": {"image": "a:1", "command": ["x"]}}
