"""What stands in files within reach: found by name, and shown whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from argo import shipped
from argo.app.definitions import UnusableFile, definitions, find, survey, whole
from argo.errors import NotFoundError

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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a DAG in a file of its name, one in a file of another, an asset, and what is none."""
    monkeypatch.chdir(tmp_path)
    for path, text in {
        "dags/first_dag.yaml": "kind: Dag\nname: first-dag\ntasks: {a: {asset: tool}}\n",
        "dags/other.yaml": "kind: Dag\nname: inside\ntasks: {a: {asset: tool}}\n",
        "dags/both.yaml": "kind: Dag\nname: one\ntasks: {}\n---\nkind: Dag\nname: two\ntasks: {}\n",
        "dags/notes.yaml": "a: 1\n",
        "dags/broken.yaml": "a: [\n",
        "assets/tool.yaml": "kind: ComputeAsset\nname: tool\nversion: 1.0.0\nimage: 'a:1'\ncommand: [x]\n",
    }.items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("dags/notes.yaml", "dags/notes.yaml"), ("assets", "assets"), ("first-dag", "dags/first_dag.yaml"),
        ("first_dag", "dags/first_dag.yaml"), ("inside", "dags/other.yaml"), ("tool", "assets/tool.yaml"),
        ("broken", "dags/broken.yaml"),
    ],
)  # fmt: skip
def test_a_name_means_a_path_a_file_of_that_name_or_what_is_called_so(project: Path, name: str, path: str) -> None:
    assert find(name) == Path(path)


def test_what_ships_is_found_where_the_project_has_none(project: Path) -> None:
    assert find("fork-join") == shipped.folder("dags") / "fork_join.yaml"
    Path("dags/fork_join.yaml").write_text("kind: Dag\nname: fork-join\ntasks: {}\n")
    assert find("fork-join") == Path("dags/fork_join.yaml")
    mine = [(entry.name, entry.origin) for entry in definitions("dags") if entry.name == "fork-join"]
    assert mine == [("fork-join", "project")]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("one", "there is no file and no DAG named one", "there are: "),  # its file holds another, too
        ("insid", "there is no file and no DAG named insid", "did you mean inside?"),
        ("dags/first_dog.yaml", "dags/first_dog.yaml does not exist", "did you mean first_dag.yaml?"),
        ("first.yaml", "first.yaml does not exist", "look at the path"),
        ("nowhere/a", "nowhere/a does not exist", "look at the path"),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(project: Path, name: str, message: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match=message) as refused:
        find(name)
    assert refused.value.hint.startswith(hint)
    assert not name.startswith("nowhere") or refused.value.tried == f"looked in {project}"


def test_files_of_a_folder_that_hold_no_definition_are_told_with_the_reason(project: Path) -> None:
    told = {str(item.path): item.reason for item in survey("dags") if isinstance(item, UnusableFile)}
    assert told == {
        "dags/notes.yaml": "no definition of Argosy",
        "dags/broken.yaml": "cannot be read: argosy check dags/broken.yaml says why",
    }
