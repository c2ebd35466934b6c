"""What is loaded for some paths: the project, assets and DAGs by name, local files; and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics import Diagnostic, has_errors
from compiler.load.cron import problem
from compiler.load.workspace import load

ASSET = "kind: ComputeAsset\nname: {name}\nversion: {version}\nimage: busybox\n"
DAG = "kind: Dag\nname: {name}\ntasks: {{one: {{{task}}}}}\n"


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_yaml", ".yaml").replace("_AT_", "@")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def codes(diagnostics: list[Diagnostic]) -> list[str]:
    return [item.code for item in diagnostics]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        argosy_yaml="profiles: {dev: {namespace: x}}\n",
        dags__a_yaml=DAG.format(name="a", task="asset: hello-world"),
        dags__nested_yaml=DAG.format(name="nested", task="dag: a"),
        assets__hello_world_yaml=ASSET.format(name="hello-world", version="1.0.0"),
        assets__other_yaml="not: [valid",
    )
    return tmp_path


def test_only_files_that_are_named_are_read(project: Path) -> None:
    workspace, diagnostics = load([project / "dags" / "nested.yaml"])
    assert diagnostics == []
    assert workspace.requested == ("nested",)
    assert list(workspace.dags) == ["a", "nested"]
    assert list(workspace.assets) == ["hello-world"]
    assert workspace.project is not None
    assert workspace.project.model.profiles["dev"].namespace == "x"
    assert {Path(name).name for name in workspace.sources} == {
        "nested.yaml",
        "a.yaml",
        "hello_world.yaml",
        "argosy.yaml",
    }


def test_a_file_of_another_name_is_found_too(project: Path) -> None:
    write(project, dags__b_yaml=DAG.format(name="b", task="asset: strange"))
    write(project, assets__x_yaml=ASSET.format(name="strange", version="1.0.0"))
    workspace, diagnostics = load([project / "dags" / "b.yaml"])
    assert list(workspace.assets) == ["strange"]
    assert diagnostics == []  # what is wrong with other.yaml is not asked for
    assert "other.yaml" in {Path(name).name for name in workspace.sources}  # a result depends on it


def test_where_a_name_is_nowhere_the_files_that_cannot_be_read_are_named(project: Path) -> None:
    write(project, dags__b_yaml=DAG.format(name="b", task="asset: gone"))
    workspace, diagnostics = load([project / "dags" / "b.yaml"])
    assert "hello-world" in workspace.assets  # for what was probably meant
    assert codes(diagnostics) == ["A104"]  # of other.yaml, which might have held it


def test_versions_are_highest_first(project: Path) -> None:
    for version in ("1.0.0-rc.2", "1.0.0-rc.10", "1.10.0", "1.9.0"):
        name = f"assets__hello-world_AT_{version}_yaml"
        write(project, **{name: ASSET.format(name="hello-world", version=version)})
    workspace, diagnostics = load([project / "dags" / "a.yaml"])
    versions = [item.model.version for item in workspace.assets["hello-world"]]
    assert versions == ["1.10.0", "1.9.0", "1.0.0", "1.0.0-rc.10", "1.0.0-rc.2"]
    assert diagnostics == []


def test_the_project_shadows_what_ships(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    shipped = tmp_path_factory.mktemp("shipped")
    write(shipped, assets__hello_world_yaml=ASSET.format(name="hello-world", version="9.0.0"))
    write(shipped, assets__extra_yaml=ASSET.format(name="extra", version="1.0.0"))
    write(project, dags__c_yaml=DAG.format(name="c", task="asset: extra"))
    workspace, diagnostics = load([project / "dags" / "a.yaml"], shipped=shipped)
    assert [item.model.version for item in workspace.assets["hello-world"]] == ["1.0.0"]
    assert [(item.code, item.severity) for item in diagnostics] == [("A601", "note")]
    (project / "assets" / "other.yaml").unlink()
    workspace, diagnostics = load([project / "dags" / "c.yaml"], shipped=shipped)
    assert list(workspace.assets) == ["extra"]
    assert diagnostics == []


def test_order_of_paths_does_not_matter(project: Path) -> None:
    files = [project / "dags" / "nested.yaml", project / "dags" / "a.yaml", project / "assets"]
    one, two = load(files), load(files[::-1])
    assert list(one[0].dags) == list(two[0].dags)
    assert list(one[0].assets) == list(two[0].assets)
    assert one[0].requested == two[0].requested == ("a", "nested")
    assert one[1] == two[1]


def test_a_folder_is_searched_for_definitions(project: Path) -> None:
    write(
        project,
        dags__values_yaml="some: settings\n",
        dags__manifest_yaml="apiVersion: v1\nkind: ConfigMap\n",
        dags__mistake_yaml="kind: Dga\nname: x\n",
        dags__kindless_yaml="name: x\ntasks: {}\n",
    )
    (project / "dags" / "program.py").write_text("raise SystemExit('this is no definition')\n")
    (project / "dags" / ".hidden.yaml").write_text("kind: Dga\n")
    workspace, diagnostics = load([project / "dags"])
    assert workspace.requested == ("a", "nested", "x")
    places = [(Path(item.span.file).name, item.code) for item in diagnostics if item.span]
    assert places == [("kindless.yaml", "A121"), ("kindless.yaml", "A121"), ("mistake.yaml", "A113")]


def test_local_files_are_read(project: Path) -> None:
    write(
        project,
        dags__f_yaml=(
            "kind: Dag\nname: f\nenv: {file: ../settings.env}\n"
            "files: {job: {file: job.json, path: /etc/job}}\n"
            "inputs:\n  big: {kind: file, default: big.bin}\n  gone: {kind: file, default: gone.txt}\n"
            "  stored: {kind: file, default: {key: a}}\n"
            "tasks:\n  one:\n    image: busybox\n    command: [echo]\n"
            "    inputs: {x: {kind: file, path: /x, default: x.txt}}\n"
        ),
    )
    (project / "settings.env").write_text("A=1\n")
    (project / "dags" / "job.json").write_text("{}")
    (project / "dags" / "x.txt").write_text("x")
    (project / "dags" / "big.bin").write_bytes(bytes(300_000))
    workspace, diagnostics = load([project / "dags" / "f.yaml"])
    assert diagnostics == []
    found = {Path(path).relative_to(project).as_posix(): content for path, content in workspace.files.items()}
    assert found.pop("dags/big.bin") == bytes(100 * 1024 + 1)  # enough to see that it cannot be embedded
    assert found == {
        "argosy.lock": None,
        "settings.env": b"A=1\n",
        "dags/job.json": b"{}",
        "dags/x.txt": b"x",
        "dags/gone.txt": None,
    }


def test_what_cannot_be_read_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "folder.yaml").mkdir()
    paths: list[Path | str] = [tmp_path / "loop.yaml", tmp_path / "gone.yaml", "a\0b.yaml"]
    _, diagnostics = load(paths)
    assert codes(diagnostics) == ["A101"] * 3


def test_assets_beside_the_definitions_need_no_project(tmp_path: Path) -> None:
    write(
        tmp_path,
        dags__a_yaml=DAG.format(name="a", task="asset: b"),
        assets__b_yaml=ASSET.format(name="b", version="1.0.0"),
    )
    workspace, diagnostics = load([tmp_path / "dags" / "a.yaml"])
    assert list(workspace.assets) == ["b"]
    assert diagnostics == []


@pytest.mark.shared
def test_the_sample_is_clean(shared: Path) -> None:
    workspace, diagnostics = load([shared / "design" / "sample"])
    assert diagnostics == []
    assert workspace.requested == ("count", "sweep")
    assert list(workspace.assets) == ["count-words", "split-text", "train"]


def test_what_ships_is_clean(root: Path) -> None:
    workspace, diagnostics = load([root / "assets", root / "dags"], shipped=root)
    assert diagnostics == []
    assert workspace.requested
    assert not has_errors(diagnostics)


@pytest.mark.parametrize(
    "text", ["0 3 * * 1", "*/5 0-6,12 1 JAN-MAR mon", "@daily", "@every 1h30m", "? ? * * ?", "5/15 * * * *"]
)
def test_cron(text: str) -> None:
    assert problem(text) is None


@pytest.mark.parametrize(
    "text", ["", "60 * * * *", "* * * * 7", "* * 0 * *", "5-1 * * * *", "*-5 * * * *", "a * * * *", "@never"]
)
def test_not_cron(text: str) -> None:
    assert problem(text)


def test_a_folder_that_cannot_be_listed_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "dags" / "closed").mkdir()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    _, found = load([project / "dags"])
    assert [(item.code, item.message) for item in found] == [("A101", "cannot read the file: permission denied")]
