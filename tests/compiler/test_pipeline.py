"""Compiling from files to bytes: what comes out, always the same, and from the cache only while nothing has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from compiler import pipeline
from compiler.diagnostics import has_errors
from compiler.lower.text import closed, tag
from compiler.manifest_schema import check_object
from tests.compiler.goldens import DEFINITIONS, NAMES, compiled
from tests.waiting import HANG

ASSET = (
    "kind: ComputeAsset\nname: step\nimage: example.com/step:1\ncommand: [step, '${{ params.n }}']\n"
    "parameters: {n: {type: int}}\n"
)
DAG = "kind: Dag\nname: short\nenv: {file: settings.env}\ntasks:\n  one: {asset: step, with: {n: 1}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in (("assets/step.yaml", ASSET), ("dags/short.yaml", DAG), ("dags/settings.env", "A=1\n")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_documents_and_their_files(project: Path) -> None:
    result = pipeline.compile([project])
    assert not has_errors(result.diagnostics)
    names = [document.file_name for document in result.documents]
    assert names[1:] == ["short.workflowtemplate.yaml"]
    assert names[0].startswith("short-env-")
    assert [obj["kind"] for obj in result.objects()] == ["ConfigMap", "WorkflowTemplate"]
    assert list(yaml.safe_load_all(result.stream())) == result.objects()
    assert (result.stats[0].nodes, result.stats[0].templates) == (2, 2)


def test_mistakes_give_no_documents(project: Path) -> None:
    (project / "dags/short.yaml").write_text(DAG.replace("asset: step", "asset: stop"))
    result = pipeline.compile([project])
    assert result.documents == ()
    assert has_errors(result.diagnostics)
    assert pipeline.check([project]) == list(result.diagnostics)


def test_a_workflow_has_the_spec_of_the_template(project: Path) -> None:
    template = pipeline.compile([project]).objects()[-1]
    workflow = pipeline.compile([project], form="workflow").objects()[-1]
    assert workflow["spec"] == template["spec"]
    assert workflow["kind"] == "Workflow"
    assert workflow["metadata"]["generateName"] == "short-"


def test_the_order_and_the_folder_of_files_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{name}.yaml" for name in NAMES if not name.startswith("cluster")]
    expected = pipeline.compile([DEFINITIONS / name for name in names if name != "workflow.yaml"]).stream()
    copy = tmp_path / "elsewhere" / "deep"
    shutil.copytree(DEFINITIONS, copy)
    monkeypatch.chdir(copy)
    assert pipeline.compile([name for name in reversed(names) if name != "workflow.yaml"]).stream() == expected


def test_hash_seeds_do_not_matter() -> None:
    script = (
        "import sys; from compiler import pipeline; sys.stdout.buffer.write(pipeline.compile(sys.argv[1:]).stream())"
    )
    files = [str(DEFINITIONS / f"{name}.yaml") for name in ("nested", "pods", "gpus", "conditions", "environment")]
    streams = {
        subprocess.run(
            [sys.executable, "-c", script, *files],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(DEFINITIONS.parents[2])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(streams) == 1
    assert len(streams.pop()) > 10_000


@pytest.mark.shared
@pytest.mark.parametrize("profile", ["local", "dev"])
def test_the_sample_project(shared: Path, profile: str) -> None:
    result = pipeline.compile([shared / "design" / "sample"], profile=profile)
    assert not has_errors(result.diagnostics)
    objects = {(obj["kind"], obj["metadata"]["name"]): obj for obj in result.objects()}
    assert [problem for obj in objects.values() for problem in check_object(obj)] == []
    count = objects["WorkflowTemplate", "count"]["spec"]
    assert {p["name"]: p["value"] for p in count["arguments"]["parameters"]}["parts"] == "4"
    templates = {template["name"]: template for template in count["templates"]}
    tasks = {task["name"]: task for task in templates["count"]["dag"]["tasks"]}
    listed = "toJSON(map(fromJSON(tasks.split.outputs.parameters.index), { {'i': #index, 'v': #} }))"
    assert tasks["count"]["withParam"] == tag(closed(listed))
    assert ("CronWorkflow", "sweep") in objects
    assert ("templateDefaults" in count) == (profile == "dev")


def test_size_is_an_error_on_a_cluster_that_does_not_offload(tmp_path: Path) -> None:
    task = '  t: {asset: step, foreach: {range: 3000}, with: {n: "${{ item }}"}}\n'
    (tmp_path / "large.yaml").write_text(f"{ASSET}---\nkind: Dag\nname: large\ntasks:\n{task}")
    (tmp_path / "argosy.yaml").write_text(
        "profiles:\n  strict: {engine: {context: c}}\n  offloads: {engine: {context: c}, offload: true}\n"
    )
    codes = {
        profile: [(d.code, d.span and d.span.line) for d in pipeline.check([tmp_path / "large.yaml"], profile=profile)]
        for profile in ("local", "strict", "offloads")
    }
    assert ("A451", 8) in codes["local"]
    assert ("A450", 8) in codes["strict"]
    assert not {code for code, _ in codes["offloads"]} & {"A450", "A451"}
    assert pipeline.compile([tmp_path / "large.yaml"], profile="offloads").stats[0].size > 1 << 20


def test_a_large_dag_is_split(tmp_path: Path) -> None:
    tasks = "".join(f"  t{n}: {{asset: step, with: {{n: {n}}}}}\n" for n in range(1500))
    (tmp_path / "large.yaml").write_text(f"{ASSET}---\nkind: Dag\nname: large\ntasks:\n{tasks}")
    result = pipeline.compile([tmp_path / "large.yaml"], form="workflow")
    assert not {item.code for item in result.diagnostics} & {"A450", "A451"}
    stats = result.stats[0]
    assert stats.size < 1 << 20 < stats.bytes + stats.nodes * 580
    assert stats.note == "the largest of 3 Workflows: split into 2 child Workflows"
    kinds = [(document.kind, document.name) for document in result.documents]
    assert kinds == [("Workflow", "large"), ("WorkflowTemplate", "large.part-1"), ("WorkflowTemplate", "large.part-2")]
    for document in result.documents:
        assert len(document.data) + document.data.count(b"template: step") * 580 < 1 << 20


# --- the cache


def test_nothing_changed_gives_the_same_without_pydantic_and_yaml(project: Path, tmp_path: Path) -> None:
    first = pipeline.compile([project], cache_dir=tmp_path / "cache")
    script = (
        "import json, sys; from compiler import pipeline;"
        "result = pipeline.compile([sys.argv[1]], cache_dir=sys.argv[2]);"
        "print(json.dumps([result.cached, result.stream().decode(), [d.code for d in result.diagnostics],"
        " sorted({name.partition('.')[0] for name in sys.modules} & {'pydantic', 'yaml', 'hera'})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(project), str(tmp_path / "cache")],
        env={**os.environ, "PYTHONPATH": str(DEFINITIONS.parents[2])},
        cwd=Path.cwd(),
        capture_output=True,
        check=True,
    )
    codes = [diagnostic.code for diagnostic in first.diagnostics]
    assert json.loads(done.stdout) == [True, first.stream().decode(), codes, []]


def test_a_cached_result_is_the_result(project: Path, tmp_path: Path) -> None:
    (project / "assets/step.yaml").write_text(ASSET.replace("command: [step, '${{ params.n }}']", "command: [step]"))
    first = pipeline.compile([project], cache_dir=tmp_path / "cache")
    again = pipeline.compile([project], cache_dir=tmp_path / "cache")
    assert (first.cached, again.cached) == (False, True)
    assert first.diagnostics  # a parameter that nothing uses
    assert again[:3] == first[:3]
    span = again.diagnostics[0].span
    assert span is not None
    assert span.source is not None


CHANGES: dict[str, Callable[[Path], object]] = {
    "the DAG": lambda p: (p / "dags/short.yaml").write_text(DAG.replace("n: 1", "n: 2")),
    "the asset": lambda p: (p / "assets/step.yaml").write_text(ASSET.replace(":1", ":2")),
    "the dotenv file": lambda p: (p / "dags/settings.env").write_text("A=2\n"),
    "a further DAG": lambda p: (p / "dags/more.yaml").write_text(DAG.replace("short", "longer")),
    "a DAG less": lambda p: (p / "dags/short.yaml").unlink(),
    "an asset of a higher version": lambda p: (p / "assets/step@2.yaml").write_text(ASSET + "version: 2.0.0\n"),
    "argosy.yaml further up": lambda p: (p.parent / "argosy.yaml").write_text(
        "profiles: {local: {labels: {team: x}}}\nassets: [project/assets]\ndags: [project/dags]\n"
    ),
    "argosy.yaml itself": lambda p: (p / "argosy.yaml").write_text("profiles: {local: {labels: {team: x}}}\n"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_change_is_seen(project: Path, tmp_path: Path, what: str) -> None:
    pipeline.compile([project], cache_dir=tmp_path / "cache")
    CHANGES[what](project)
    result = pipeline.compile([project], cache_dir=tmp_path / "cache")
    fresh = pipeline.compile([project])
    assert result.documents == fresh.documents
    assert result.diagnostics == fresh.diagnostics


def test_a_change_that_keeps_size_and_time_is_seen(project: Path, tmp_path: Path) -> None:
    file = project / "dags/settings.env"
    pipeline.compile([project], cache_dir=tmp_path / "cache")
    status = file.stat()
    file.write_text("A=2\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = pipeline.compile([project], cache_dir=tmp_path / "cache")
    assert result.objects()[0]["data"] == {"A": "2"}


def test_an_asset_of_the_project_that_comes_to_shadow_a_shipped_one_is_seen(tmp_path: Path) -> None:
    shipped, own = tmp_path / "shipped", tmp_path / "own"
    for folder in (shipped / "assets", shipped / "dags", own / "assets", own / "dags"):
        folder.mkdir(parents=True)
    (shipped / "assets/step.yaml").write_text(ASSET)
    (own / "dags/short.yaml").write_text(DAG.replace("env: {file: settings.env}\n", ""))
    compiled_ = [pipeline.compile([own / "dags/short.yaml"], shipped=shipped, cache_dir=tmp_path / "cache")]
    (own / "assets/step.yaml").write_text(ASSET.replace(":1", ":own"))
    compiled_.append(pipeline.compile([own / "dags/short.yaml"], shipped=shipped, cache_dir=tmp_path / "cache"))
    images = [result.objects()[0]["spec"]["templates"][1]["container"]["image"] for result in compiled_]
    assert images == ["example.com/step:1", "example.com/step:own"]


def test_what_is_no_file_beside_definitions_is_neither_read_nor_in_the_way(project: Path, tmp_path: Path) -> None:
    (project / "assets/step.yaml").rename(project / "assets/named-otherwise.yaml")
    os.mkfifo(project / "assets/pipe.yaml")  # as new as can be: only the content could tell that it is the same
    (project / "assets/gone.yaml").symlink_to("nowhere.yaml")
    (project / "assets/loop.yaml").symlink_to("loop.yaml")
    (project / "assets/around").symlink_to(project / "assets", target_is_directory=True)
    script = (
        "import sys; from compiler import pipeline;"
        "print(*[pipeline.compile([sys.argv[1]], cache_dir=sys.argv[2]).cached for _ in range(2)])"
    )
    environment = {**os.environ, "PYTHONPATH": str(DEFINITIONS.parents[2])}
    command = [sys.executable, "-c", script, str(project / "dags/short.yaml"), str(tmp_path / "cache")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=HANG)
    assert done.stdout.split() == ["False", "True"]


def test_options_and_folders_have_entries_of_their_own(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.compile([project], cache_dir=tmp_path / "cache")
    assert not pipeline.compile([project], form="workflow", cache_dir=tmp_path / "cache").cached
    assert pipeline.compile([project], cache_dir=tmp_path / "cache").cached
    monkeypatch.chdir(tmp_path)
    assert not pipeline.compile([project], cache_dir=tmp_path / "cache").cached


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"[1]\n", b"\xff\xfe\x00"])
def test_a_damaged_entry_is_none(project: Path, tmp_path: Path, damage: bytes) -> None:
    first = pipeline.compile([project], cache_dir=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    for content in (damage, whole[: len(whole) // 2], whole[:-1] + b"x", whole + b"x"):
        entry.write_bytes(content)
        again = pipeline.compile([project], cache_dir=tmp_path / "cache")
        assert (again.cached, again.stream()) == (False, first.stream())


def test_mistakes_and_definitions_in_python_are_not_kept(project: Path, tmp_path: Path) -> None:
    (project / "dags/short.yaml").write_text(DAG.replace("asset: step", "asset: stop"))
    pipeline.compile([project], cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_none(project: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert pipeline.compile([project], cache_dir=tmp_path / "cache").documents


def test_goldens_have_stats() -> None:
    stats = {s.dag: s for s in compiled("nested").stats}
    # 1 DAG; inner: DAG, start, group with one open item, join = 5; each: group and two of them; retry: one node more
    assert stats["inner"].nodes == 5
    assert stats["nested"].nodes == 1 + 5 + 6 + (1 + 2 * 5) + 1 + 1 + 5
    assert stats["inner"].open_loops == 1
