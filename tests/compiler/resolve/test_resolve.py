"""Whole programs: bindings, data flow, nested DAGs, defaults, profiles, digests."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.load.workspace import load
from compiler.program import Definition, GatheredFiles, Literal_, LocalFile, ObjectKey, ResolvedDag
from compiler.refs import Ref, Text
from compiler.resolve import resolve
from tests.compiler.resolve.conftest import Build

NESTED = """\
kind: Dag
name: inner
parameters: {n: {type: int, default: 2}}
inputs: {text: {kind: file, default: text.txt}}
tasks:
  each:
    asset: step
    foreach: {range: 3}
    with: {n: "${{ params.n }}", data: "${{ inputs.text }}"}
results: {all: "${{ tasks.each.outputs.out }}", list: "${{ tasks.each.outputs.list }}"}
"""
OUTER = """\
kind: Dag
name: outer
env: {file: outer.env, values: {B: "two", C: 3}}
files: {config.json: {text: "{}", path: /etc/config.json}, more: {file: text.txt, path: /etc/more}}
tasks:
  inner: {dag: inner, with: {n: 5}}
  join:
    image: python:3.11-slim
    command: [python3, join.py]
    args: ["${{ params.word }}", "${{ params.list }}", "${{ inputs.parts.path }}", "${{ files.more }}"]
    parameters: {word: {type: string}, list: {type: json}}
    inputs:
      parts: {kind: directory, path: /in/parts}
      settings: {kind: env}
      note: {kind: file, path: /in/note, default: {text: hello}}
      model: {kind: archive, path: /in/model, optional: true}
    outputs: {total: {kind: value, path: /out/total, type: int}}
    with:
      parts: "${{ tasks.inner.outputs.all }}"
      list: "${{ tasks.inner.outputs.list }}"
      word: "${{ run.name }}-${{ files.config.json }}"
      settings: "${{ env }}"
      model: {key: models/a.tar, bucket: other}
  last: {asset: step, with: {n: "${{ tasks.join.outputs.total }}", data: {text: here}}, needs: [inner]}
finally:
  notify: {asset: step, when: "${{ run.status }} != 'Succeeded'"}
  after: {asset: step, with: {data: "${{ tasks.notify.outputs.out }}"}}
results: {total: "${{ tasks.join.outputs.total }}"}
"""


def _files(step: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"assets/step.yaml": step, "dags/inner.yaml": NESTED, "dags/outer.yaml": OUTER}
    return {**files, "dags/text.txt": b"words\n", "dags/outer.env": "A=one\nB=one\n"}


def test_bindings_of_every_kind(build: Build, step: str) -> None:
    program, found = build(_files(step))
    assert [item.code for item in found if item.severity == "error"] == []
    outer = next(dag for dag in program.dags if dag.name == "outer")
    inner, join, last = outer.tasks
    assert inner.bindings["n"] == Literal_(5)
    assert inner.bindings["text"] == LocalFile("text.txt", b"words\n")
    assert isinstance(inner.target, ResolvedDag)
    assert join.bindings == {
        "parts": GatheredFiles(Ref("tasks", "inner", "all")),
        "list": Ref("tasks", "inner", "list"),
        "word": Text((Ref("run", "name"), "-", Ref("files", "config.json"))),
        "settings": Ref("env"),
        "model": ObjectKey("models/a.tar", "other"),
        "note": Literal_("hello"),
    }
    assert join.data == ("inner",)
    assert (last.data, last.bindings["data"]) == (("join",), Literal_("here"))
    assert [(task.name, task.data) for task in outer.finally_] == [("notify", ()), ("after", ("notify",))]


def test_environment_and_files_are_read(build: Build, step: str) -> None:
    program, _ = build(_files(step))
    outer = next(dag for dag in program.dags if dag.name == "outer")
    assert outer.env == {"A": "one", "B": "two", "C": "3"}
    assert outer.files == {"config.json": b"{}", "more": b"words\n"}


def test_a_nested_dag_is_resolved_once(build: Build, step: str) -> None:
    program, _ = build(_files(step))
    inner, outer = sorted(program.dags, key=lambda dag: dag.name)
    assert outer.tasks[0].target is inner


def test_a_chain_of_nested_dags_needs_no_recursion(build: Build, step: str) -> None:
    count = 400
    dags = [f"kind: Dag\nname: d{index}\ntasks: {{a: {{dag: d{index + 1}}}}}\n" for index in range(count)]
    dags.append(f"kind: Dag\nname: d{count}\ntasks: {{a: {{asset: step}}}}\n")
    program, found = build({"step.yaml": step, "dags.yaml": "---\n".join(dags)})
    assert found == []
    assert len(program.dags) == count + 1


def test_large_local_files_do_not_fit_a_config_map(build: Build) -> None:
    dag = "kind: Dag\nname: main\nfiles: {a: {file: a.bin, path: /a/a}}\ntasks: {a: {image: 'a:1', command: [a]}}\n"
    assert build({"dag.yaml": dag, "a.bin": bytes(1 << 20)})[1] == []
    _, found = build({"dag.yaml": dag, "a.bin": bytes((1 << 20) + 1)})
    assert [item.code for item in found] == ["A317"]


def test_the_profile_is_the_one_asked_for_then_the_default_then_local(build: Build, step: str) -> None:
    dag = "kind: Dag\nname: main\ntasks: {a: {asset: step}}\n"
    files: dict[str, str | bytes] = {"step.yaml": step, "dag.yaml": dag}
    program, found = build(files)
    assert (program.profile_name, program.profile.namespace, found) == ("local", None, [])
    files["argosy.yaml"] = "default: one\nprofiles: {one: {namespace: first}, two: {namespace: second}}\n"
    assert build(files)[0].profile.namespace == "first"
    assert build(files, profile="two")[0].profile.namespace == "second"
    program, found = build(files, profile="local")
    assert (program.profile_name, program.profile.namespace, found) == ("local", None, [])


def test_the_digest_does_not_depend_on_folders_nor_on_what_else_is_compiled(tmp_path: Path, step: str) -> None:
    digests = set()
    for folder, names in (
        ("one", ["dags/inner.yaml", "dags/outer.yaml"]),
        ("two/three", ["dags/outer.yaml", "assets"]),
    ):
        root = tmp_path / folder
        for name, content in _files(step).items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        program, _ = resolve(load([root / name for name in names])[0])
        assert program is not None
        digests.add(next(dag.digest for dag in program.dags if dag.name == "outer"))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("assets/step.yaml", "default: 1", "default: 2"),
        ("dags/inner.yaml", "range: 3", "range: 4"),
        ("dags/text.txt", "words", "other"),
        ("dags/outer.env", "A=one", "A=two"),
    ],
)
def test_the_digest_depends_on_all_that_is_used(build: Build, step: str, name: str, old: str, new: str) -> None:
    files = _files(step)
    before = {dag.name: dag.digest for dag in build(files)[0].dags}
    content = files[name]
    text = content.decode() if isinstance(content, bytes) else content
    after = {dag.name: dag.digest for dag in build({**files, name: text.replace(old, new)})[0].dags}
    assert before["outer"] != after["outer"]
    assert (before["inner"] == after["inner"]) is (name == "dags/outer.env")


def test_a_program_is_made_in_spite_of_mistakes(build: Build, step: str) -> None:
    dag = "kind: Dag\nname: main\ntasks:\n  a: {asset: nothing}\n"
    dag += "  b: {asset: step, with: {data: '${{ tasks.a.outputs.x }}'}}\n"
    program, found = build({"step.yaml": step, "dag.yaml": dag})
    assert [item.code for item in found] == ["A201"]  # and nothing that only follows from it
    assert [task.name for task in program.dags[0].tasks] == ["b"]


@pytest.mark.shared
def test_the_sample_resolves(shared: Path) -> None:
    workspace, _ = load([shared / "design" / "sample" / "dags"])
    program, found = resolve(workspace, profile="dev")
    assert program is not None
    assert found == []
    count, sweep = program.dags
    assert [task.data for task in count.tasks] == [(), ("split",), ("count",)]
    assert count.tasks[2].bindings == {"counts": GatheredFiles(Ref("tasks", "count", "counts"))}
    assert count.env == {"FOLD_CASE": "yes", "NAME": "two words"}
    assert isinstance(count.inputs["text"], LocalFile)
    assert sweep.inputs["dataset"] == ObjectKey("datasets/images.tar", None)
    assert isinstance(sweep.tasks[0].target, Definition)
    assert program.locked == {"train@2": "2.1.0"}
    assert program.profile.executor_service_account == "argosy-executor"


@pytest.mark.parametrize("default", ["bad.env", '{text: "A=1\\nB C\\n"}'])
def test_an_environment_s_default_is_a_dotenv_file(build: Build, default: str) -> None:
    dag = f"kind: Dag\nname: main\ninputs: {{s: {{kind: env, default: {default}}}}}\ntasks:\n"
    dag += "  a: {image: 'a:1', command: [a], inputs: {e: {kind: env}}, with: {e: '${{ inputs.s }}'}}\n"
    _, found = build({"dag.yaml": dag, "bad.env": "A=1\nB C\n"})
    assert [item.code for item in found] == ["A150"]


def test_thousands_of_mistakes_are_all_reported(build: Build, step: str) -> None:
    count = 2500
    tasks = "".join(f"  t{index}: {{asset: step, needs: [x{index}]}}\n" for index in range(count))
    _, found = build({"step.yaml": step, "dag.yaml": f"kind: Dag\nname: main\ntasks:\n{tasks}"})
    assert [item.code for item in found] == ["A206"] * count


def test_a_definition_with_mistakes_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("step.yaml").write_text("kind: ComputeAsset\nname: step\nimgae: a:1\n")
    Path("torn.yaml").write_text("kind: ComputeAsset\nname: torn\nimage: [\n")
    tasks = "{a: {asset: step}, b: {asset: other}, c: {asset: torn}, d: {dag: inner}}"
    Path("dag.yaml").write_text(f"kind: Dag\nname: main\ntasks: {tasks}\n---\nkind: Dag\nname: inner\ntask: {{}}\n")
    workspace, loaded = load(["step.yaml", "torn.yaml", "dag.yaml"])
    assert {item.severity for item in loaded} == {"error"}
    _, found = resolve(workspace)
    assert [(item.message, item.hint) for item in found] == [
        ("there is no asset 'other'", "`argosy assets list` shows the assets there are"),
        ("there is no asset 'torn'", "mend the mistakes in torn.yaml, which defines it"),
    ]


FLAWED = """\
kind: Dag
name: flawed
titel: x
parameters: {n: {type: int, minimum: low}}
inputs: {text: {kind: fiel}}
tasks:
  a: {asset: none, needs: [zz], retry: 3, with: {n: "${{ params.n }} ${{ params.m }} ${{ parms.n }}"}}
  b: {image: "x:1", command: [x], needs: [a, c]}
"""


@pytest.mark.parametrize("whole", [True, False])
def test_a_flawed_definition_is_searched_for_what_is_wrong_for_sure(tmp_path: Path, whole: bool) -> None:
    file = tmp_path / "dag.yaml"
    file.write_text(FLAWED.replace("fiel", "file") if whole else FLAWED)
    workspace, _ = load([file])
    assert [flawed.whole for flawed in workspace.flawed] == [whole]
    program, found = resolve(workspace)
    assert program is not None
    assert not program.dags
    messages = {item.message for item in found}
    sure = {"there is no asset 'none'", "'parms.n' refers to nothing"}
    names = {"there is no task 'zz'", "there is no task 'c'"}
    assert messages == (sure | names if whole else sure)


def test_files_that_are_too_large_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"x" * (600 << 10))
    file = tmp_path / "dag.yaml"
    files = "{a: {file: one, path: /etc/a}, b: {file: two, path: /etc/b}}"
    file.write_text(f"kind: Dag\nname: main\nfiles: {files}\ntasks: {{a: {{image: 'b:1', command: [x]}}}}\n")
    workspace, loaded = load([file])
    _, found = resolve(workspace)
    assert [(item.code, item.span and item.span.line) for item in [*loaded, *found]] == [("A317", 3)]
