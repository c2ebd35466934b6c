"""Definitions in Python and Hera: what is taken, where mistakes are placed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compiler.load.workspace import load

MODULE = """\
from compiler.models import ComputeAsset, Dag, Input, Parameter, Task
from helper import IMAGE

hello = ComputeAsset(
    name="hello", version="1.0.0", image=IMAGE, command=["echo"], working_dir="/w",
    parameters={"n": Parameter(type="int", default=1)},
    inputs={"x": Input(kind="file", path="%s")},
)
again = hello
tasks = {"one": Task(asset="hello", with_={"n": 2}), "two": Task(asset="hello", needs=("one",))}
mine: Dag = Dag(name="mine", tasks=tasks)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("IMAGE = 'busybox'\n")
    return tmp_path


def test_models_are_definitions(folder: Path) -> None:
    (folder / "a.py").write_text(MODULE % "/x")
    before = list(sys.path)
    workspace, diagnostics = load([folder / "a.py"])
    assert diagnostics == []
    assert workspace.requested == ("mine",)
    asset = workspace.assets["hello"][0]
    assert asset.model.working_dir == "/w"
    assert asset.origin.source.span((*asset.origin.path, "name")).line == 5
    dag = workspace.dags["mine"].origin
    assert dag.source.span((*dag.path, "tasks", "two", "needs", 0)).line == 10
    assert dag.source.span(dag.path).line == 11
    assert sys.path == before


def test_modules_of_two_folders_may_have_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for package in ("helper", "helper/parts"):
            (tmp_path / name / package).mkdir(parents=True)
            (tmp_path / name / package / "__init__.py").write_text("")
        (tmp_path / name / "helper/parts/images.py").write_text(f"IMAGE = '{name}'\n")
        (tmp_path / name / "a.py").write_text(
            "from compiler.models import ComputeAsset\nfrom helper.parts.images import IMAGE\n"
            f"asset = ComputeAsset(name='{name}', image=IMAGE)\n"
        )
    workspace, diagnostics = load([tmp_path / "one/a.py", tmp_path / "two/a.py"])
    assert diagnostics == []
    assert [workspace.assets[name][0].model.image for name in ("one", "two")] == ["one", "two"]
    assert "helper" not in sys.modules


def test_rules_hold_for_models_too(folder: Path) -> None:
    (folder / "a.py").write_text(MODULE % "x")
    _, diagnostics = load([folder / "a.py"])
    assert [(item.code, item.span.line, item.span.column) for item in diagnostics if item.span] == [("A129", 7, 42)]


def test_what_a_module_prints_stays_out_of_the_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.py").write_text(
        "print('hello')\nfrom compiler.models import Dag\nd = Dag(name='a', tasks={'b': {'asset': 'c'}})\n"
    )
    load([folder / "a.py"])
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello\n")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import nowhere_to_be_found\n", 1, "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("def f():\n    1 / 0\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("x = (\n", 1, "not Python: '(' was never closed"),
    ],
)
def test_exceptions_are_placed(folder: Path, text: str, line: int, message: str) -> None:
    (folder / "a.py").write_text(text)
    _, diagnostics = load([folder / "a.py"])
    assert [(item.code, item.span.line, item.message) for item in diagnostics if item.span] == [("A140", line, message)]


def test_a_module_without_definitions(folder: Path) -> None:
    (folder / "a.py").write_text("x = 1\n")
    assert [item.code for item in load([folder / "a.py"])[1]] == ["A111"]
    assert load([folder])[1] == []


def test_constructors_report_every_mistake(folder: Path) -> None:
    (folder / "a.py").write_text(
        "from compiler.models import Dag, Task\n\n"
        "dag = Dag(\n    name='Bad Name',\n    tasks={'a': {'aset': 'b'}},\n    limits={'parallelism': 0},\n)\n"
    )
    _, diagnostics = load([folder / "a.py"])
    assert [(item.code, item.span.line) for item in diagnostics if item.span] == [("A124", 4), ("A120", 5), ("A125", 6)]


def test_a_hera_workflow_is_a_manifest(folder: Path) -> None:
    (folder / "a.py").write_text(
        "from hera.workflows import Container, Workflow\n\n"
        "with Workflow(generate_name='w-', entrypoint='a') as w:\n"
        "    Container(name='a', image='busybox', command=['echo'])\n"
    )
    workspace, diagnostics = load([folder / "a.py"])
    assert diagnostics == []
    (definition,) = workspace.manifests
    assert definition.model["kind"] == "Workflow"
    assert definition.model["spec"]["entrypoint"] == "a"
    assert definition.origin.source.span(definition.origin.path).line == 3
