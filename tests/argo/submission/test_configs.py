"""ConfigMaps of a run: laid over by local files, and its own by name."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argo.errors import DefinitionError, NotFoundError, UsageError
from argo.submission.configs import input_config_map, set_env, set_file
from argo.submission.subject import Subject
from argo.workflow.ownership import input_prefixes, own_config_maps


def config_map(name: str, **data: str) -> Any:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "x"}, "data": data}


def workflow(*parameters: tuple[str, str], templates: list[Any] | None = None) -> Any:
    given = [{"name": name, "value": value} for name, value in parameters]
    spec = {"arguments": {"parameters": given}, "templates": templates or []}
    return {"metadata": {"name": "r", "namespace": "ns"}, "spec": spec}


def test_env_is_laid_over(tmp_path: Path) -> None:
    own, path = config_map("d-env", A="1", B="2"), tmp_path / ".env"
    path.write_text("B='x y'\nC=$HOME\n")
    set_env(Subject(workflow(("env_config", "d-env")), [config_map("other", A="0"), own]), path)
    assert own["data"] == {"A": "1", "B": "x y", "C": "$HOME"}
    with pytest.raises(UsageError, match="no variables"):
        set_env(Subject(workflow(), [own]), path)
    path.write_text("1 = 2 = 3\nno sign\n")
    with pytest.raises(DefinitionError) as raised:
        set_env(Subject(workflow(("env_config", "d-env")), [own]), path)
    assert raised.value.diagnostics
    assert own["data"] == {"A": "1", "B": "x y", "C": "$HOME"}
    with pytest.raises(NotFoundError):
        set_env(Subject(workflow(("env_config", "d-env")), [own]), tmp_path / "none")


def test_a_file_takes_the_place_of_one(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text('{"n": {{x}}}')
    subject = workflow(("files_config", "d-files"))
    own = config_map("d-files", **{"job.json": "{}"})
    set_file(Subject(subject, [own]), str(path))
    assert own["data"] == {"job.json": '{"n": {{x}}}'}
    several = config_map("d-files", **{"job.json": "{}", "b.bin": ""})
    set_file(Subject(subject, [several]), f"b.bin={path}")
    assert several["data"]["b.bin"] == '{"n": {{x}}}'
    path.write_bytes(b"\xff\x00")
    set_file(Subject(subject, [several]), f"b.bin={path}")
    assert "b.bin" not in several["data"]
    assert base64.b64decode(several["binaryData"]["b.bin"]) == b"\xff\x00"
    with pytest.raises(UsageError) as raised:
        set_file(Subject(subject, [several]), f"job.jsn={path}")
    assert "job.json" in raised.value.hint
    with pytest.raises(UsageError, match="names no file"):
        set_file(Subject(subject, [several]), str(path))


def test_an_input_of_kind_env(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("A=1\n")
    assert input_config_map(tmp_path / "e", "n")["data"] == {"A": "1"}


REFER: Any = {
    "container": {
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "lit", "key": "a"}}}],
        "envFrom": [{"configMapRef": {"name": "{{inputs.parameters.env_config}}"}}],
    },
    "volumes": [{"name": "v", "configMap": {"name": "lit"}}],
    "synchronization": {"semaphores": [{"configMapKeyRef": {"name": "lit", "key": "s"}}]},
}


def test_names_become_the_run_s_own_wherever_they_stand() -> None:
    subject = workflow(
        ("env_config", "d-env"), ("input_settings_config", "d-settings"), templates=[copy.deepcopy(REFER)]
    )
    given = [config_map("d-env"), config_map("d-settings"), config_map("lit"), config_map("unnamed")]
    before = copy.deepcopy(given)
    made = own_config_maps(subject, given, "r")
    assert [item["metadata"] for item in made] == [
        {"name": "r-env"}, {"name": "r-settings"}, {"name": "r-lit"}, {"name": "unnamed"},
    ]  # fmt: skip
    assert given == before
    values = {p["name"]: p["value"] for p in subject["spec"]["arguments"]["parameters"]}
    assert values == {"env_config": "r-env", "input_settings_config": "r-settings"}
    (template,) = subject["spec"]["templates"]
    assert template["container"]["env"][0]["valueFrom"]["configMapKeyRef"]["name"] == "r-lit"
    assert template["volumes"][0]["configMap"]["name"] == "r-lit"
    shared = template["synchronization"]["semaphores"][0]["configMapKeyRef"]["name"]
    assert shared == "lit", "what runs have in common keeps its name"


NAME = st.from_regex(r"[a-z]{1,3}", fullmatch=True)


@given(st.lists(NAME, unique=True, max_size=5), st.lists(NAME, unique=True, max_size=5))
def test_no_two_get_one_name(parameters: list[str], names: list[str]) -> None:
    subject = workflow(*((f"input_{p}_config", n) for p, n in zip(parameters, names, strict=False)))
    made = own_config_maps(subject, [config_map(name) for name in names], "run")
    found = [item["metadata"]["name"] for item in made]
    assert len(set(found)) == len(names)
    values = {p["value"] for p in subject["spec"]["arguments"]["parameters"]}
    assert values <= set(found)


def test_where_its_inputs_lie() -> None:
    keys = [
        "runs/ns/r/u1/inputs/a",
        "runs/ns/r/u1/inputs/b/c",
        "runs/ns/other/u/inputs/a",
        "data/a",
        "runs/ns/r/u2/t/x",
    ]
    subject = workflow()
    subject["spec"]["arguments"]["artifacts"] = [{"name": k, "s3": {"key": k}} for k in keys] + [{"name": "raw"}]
    assert input_prefixes(subject) == ["runs/ns/r/u1/inputs/"]


def test_a_compiled_default_that_nothing_names_is_left_out() -> None:
    def variables(name: str, **labels: str) -> Any:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}

    given = [variables("a-env-1", **{"argosy.dev/dag": "a"}), variables("a-env-2", **{"argosy.dev/dag": "a"}),
             variables("theirs")]  # fmt: skip
    parameters = [{"name": "env_config", "value": "a-env-2"}]
    workflow: Any = {"metadata": {"name": "r"}, "spec": {"arguments": {"parameters": parameters}}}
    made = own_config_maps(workflow, given, "r")
    assert [value["metadata"]["name"] for value in made] == ["r-env", "theirs"]
    assert parameters[0]["value"] == "r-env"
