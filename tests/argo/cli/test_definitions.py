"""`compile`, `check`, `graph`, `assets`, `schema` and the overview."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from argo.cli.table import COMMANDS
from tests.argo.cli import manifests
from tests.argo.cli.conftest import ROOT, Command

DAG = """\
kind: Dag
name: chain
parameters:
  times: {type: int, default: 2, minimum: 1, maximum: 9}
  mode: {type: enum, enum: [fast, slow], default: fast}
inputs:
  text: {kind: file, default: {text: "hello\\n"}}
env: {COLOR: red}
tasks:
  first:
    image: busybox
    command: [sh, -c]
    args: ["cat ${{ inputs.text.path }} > ${{ outputs.copy.path }}"]
    inputs: {text: {kind: file, path: /in/text}}
    outputs: {copy: {kind: file, path: /out/copy.txt}}
    with: {text: "${{ inputs.text }}"}
results:
  copy: "${{ tasks.first.outputs.copy }}"
"""


def test_help_names_every_command_and_imports_nothing_heavy(argosy: Command) -> None:
    shown = argosy("--help").stdout
    for name, entry in COMMANDS.items():
        assert f"  {name} " in shown
        assert entry.help in shown
    code = "import sys; from argo.cli.app import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=argosy.environment
    )
    heavy = {"pydantic", "hera", "kubernetes", "minio", "yaml", "rich", "sqlite3", "jinja2", "asyncio", "difflib"}
    assert heavy & set(done.stderr.split()) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(name: str, argosy: Command) -> None:
    assert argosy(name, "--help").stdout.startswith(f"Usage: argosy {name}")


def test_an_unknown_command_gets_a_hint(argosy: Command) -> None:
    assert "did you mean status?" in argosy("statsu", code=2).stderr


def test_compile_to_stdout_and_to_files(argosy: Command) -> None:
    argosy.write(chain=DAG)
    done = argosy("compile", "chain.yaml")
    kinds = [document["kind"] for document in yaml.safe_load_all(done.stdout)]
    assert sorted(kinds) == ["ConfigMap", "WorkflowTemplate"]
    assert "bytes" in done.stderr
    assert "node" in done.stderr
    argosy("compile", "chain.yaml", "-d", "out", "--as", "workflow")
    files = sorted((argosy.cwd / "out").iterdir())
    assert [path.name.split(".", 1)[1] for path in files] == ["configmap.yaml", "workflow.yaml"]
    assert files[1].read_text().startswith("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n")


def test_check_of_committed_manifests(argosy: Command) -> None:
    argosy.write(chain=DAG)
    assert "give their folder with -d" in argosy("compile", "chain.yaml", "--check", code=2).stderr
    assert "+kind: WorkflowTemplate" in argosy("compile", "chain.yaml", "-d", "out", "--check", code=1).stdout
    assert not (argosy.cwd / "out").exists()
    argosy("compile", "chain.yaml", "-d", "out")
    assert argosy("compile", "chain.yaml", "-d", "out", "--check").stdout == ""
    argosy.write(chain=DAG.replace("red", "blue"))
    stale = argosy("compile", "chain.yaml", "-d", "out", "--check", code=1)
    assert "+  COLOR: blue" in stale.stdout
    assert "-  COLOR: red" in stale.stdout
    assert "3 files out of date" in stale.stderr, "the ConfigMap of the old content is left over"
    argosy("compile", "chain.yaml", "-d", "out")
    assert argosy("compile", "chain.yaml", "-d", "out", "--check").stdout == ""
    assert len(list((argosy.cwd / "out").iterdir())) == 2


def test_check_reports_every_mistake(argosy: Command) -> None:
    wrong = DAG.replace("comand", "command").replace("image: busybox", "imagee: busybox").replace("hello", "hi")
    argosy.write(chain=DAG, wrong=wrong.replace("tasks.first.outputs", "tasks.frist.outputs"))
    assert argosy("check", "chain.yaml").returncode == 0
    found = argosy.json("check", "wrong.yaml", code=1)
    assert list(found[0]) == ["code", "severity", "file", "line", "column", "message", "hint"]
    assert all(entry["line"] and entry["file"].endswith("wrong.yaml") for entry in found)
    shown = argosy("check", "wrong.yaml", code=1).stderr
    assert "wrong.yaml:" in shown
    assert "^" in shown
    assert argosy("compile", "wrong.yaml", code=2).stdout == ""
    assert argosy("run", "wrong.yaml", code=2).stdout == ""


def test_check_of_manifests(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO, odd=manifests.FAILS.replace("container:", "noSuchField: 1\n      container:"))
    assert argosy.json("check", "hello.yaml") == []
    (found, *_) = argosy.json("check", "odd.yaml", code=1)
    assert (found["file"], found["line"]) == ("odd.yaml", 8)


def test_a_definition_runs_and_its_arguments_are_typed(argosy: Command) -> None:
    argosy.write(chain=DAG)
    for value, why in (("two", "a whole number"), ("10", "at most 9"), ("0", "at least 1")):
        assert why in argosy("run", "chain.yaml", "-p", f"times={value}", code=2).stderr
    assert "fast, slow" in argosy("run", "chain.yaml", "-p", "mode=medium", code=2).stderr
    (argosy.cwd / "my.txt").write_text("mine")
    run = argosy.json("run", "chain.yaml", "-p", "times=3", "-i", "text=my.txt")
    (entry,) = argosy.json("fetch", run["name"], "-d", "out")
    assert (entry["output"], Path(entry["path"]).name) == ("copy", "copy.txt")
    assert (argosy.cwd / entry["path"]).read_text() == "mine"


def test_a_dag_is_found_by_its_name(argosy: Command) -> None:
    (argosy.cwd / "dags").mkdir()
    (argosy.cwd / "dags" / "my_chain.yaml").write_text(DAG)
    assert "name: chain" in argosy("compile", "my-chain").stdout
    assert "name: fork-join" in argosy("compile", "fork-join").stdout, "those that ship are found, too"
    assert "did you mean my-chain?" in argosy("compile", "my-chian", code=2).stderr


def test_bugs_are_named_as_such(argosy: Command) -> None:
    code = "import argo.cli.schema as s; from argo.cli.app import run; s.schema.callback = lambda **_: 1 / 0;"
    command = [sys.executable, "-c", code + "raise SystemExit(run(['schema']))"]
    done = subprocess.run(command, capture_output=True, text=True, env=argosy.environment)
    assert done.returncode == 3
    assert "This is a bug in Argosy: ZeroDivisionError" in done.stderr
    assert "ARGOSY_DEBUG=1" in done.stderr
    assert "Traceback" not in done.stderr
    debug = {**argosy.environment, "ARGOSY_DEBUG": "1"}
    assert "Traceback" in subprocess.run(command, capture_output=True, text=True, env=debug).stderr


def test_graphs_of_a_dag_and_of_a_run(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    assert argosy("graph", "hello.yaml").stdout.startswith("flowchart LR\n")
    assert "digraph" in argosy("graph", "hello.yaml", "--as", "dot").stdout
    argosy("graph", "fork-join", "-o", "picture.svg")
    root = ET.parse(argosy.cwd / "picture.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"split", "count", "join"} <= texts
    argosy("run", "hello.yaml", "--name", "drawn")
    assert "classDef Succeeded" in argosy("graph", "drawn").stdout
    assert "no run, file or DAG named nothing" in argosy("graph", "nothing", code=2).stderr


def test_assets_are_listed_shown_and_started(argosy: Command) -> None:
    names = argosy("assets", "list", "-o", "name").stdout.split()
    assert {"count-words", "fork-join"} <= set(names)
    assert "name: count-words" in argosy("assets", "show", "count-words").stdout
    assert "did you mean count-words?" in argosy("assets", "show", "count-word", code=2).stderr
    argosy("assets", "new", "asset", "greet")
    argosy("assets", "new", "dag", "greeting", "--asset", "greet")
    argosy("assets", "new", "project")
    assert "exists already" in argosy("assets", "new", "asset", "greet", code=2).stderr
    assert "not a name" in argosy("assets", "new", "asset", "Greet!", code=2).stderr
    assert argosy.json("assets", "list", "--kind", "assets")[0]["from"] == "project"
    argosy("check", "dags/greeting.yaml")


def test_a_dag_of_any_shipped_asset_is_begun_without_mistakes(argosy: Command) -> None:
    (argosy.cwd / "argosy.yaml").write_text("{}\n")
    names = [path.stem.replace("_", "-") for path in (ROOT / "assets").glob("*.yaml")]
    for name in names:
        argosy("assets", "new", "dag", f"try-{name}", "--asset", name)
    assert "no mistakes in " + str(len(names)) in argosy("check", "dags", "--strict").stderr


AWKWARD = """\
kind: ComputeAsset
name: awkward
version: 2.1.0-rc.1
image: 'alpine:3'
command: ['true']
args: ["${{ params.tag }}", "${{ params.nothing }}", "${{ params.number }}", "${{ params.text }}", "${{ params.must }}"]
parameters:
  tag: {type: string, default: 1.10}
  number: {type: number, default: 1e3}
  nothing: {type: json, default: null}
  text: {type: string, default: "on", description: "a: {b}"}
  must: {type: bool}
inputs:
  beside: {kind: file, path: /in/beside, default: beside.txt}
  written: {kind: file, path: /in/written, default: {text: "a\\n"}}
  settings: {kind: env}
outputs:
  count: {kind: value, type: int, path: /out/count}
  rest: {kind: directory, path: /out/rest, optional: true}
"""


def test_a_dag_of_any_asset_of_the_project_is_begun_without_mistakes(argosy: Command) -> None:
    (argosy.cwd / "assets").mkdir()
    (argosy.cwd / "assets" / "several.yaml").write_text(AWKWARD)
    (argosy.cwd / "assets" / "beside.txt").write_text("x")
    bare = "kind: ComputeAsset\nname: bare\nimage: 'alpine:3'\ncommand: ['true']\n"
    (argosy.cwd / "assets" / "bare.yaml").write_text(bare)
    open_ = "kind: ComputeAsset\nname: open\nmode: extended\nbounds: {registries: [registry.example.com]}\n"
    (argosy.cwd / "assets" / "open.yaml").write_text(open_)
    for name in ("awkward@2.1.0-rc.1", "bare"):
        argosy("assets", "new", "dag", "new", "--asset", name, "--schema", "dag.json")
        assert "no mistakes" in argosy("check", "dags/new.yaml").stderr
        text = (argosy.cwd / "dags" / "new.yaml").read_text()
        assert text.startswith("# yaml-language-server: $schema=dag.json\nkind: Dag\nname: new\n")
        (argosy.cwd / "dags" / "new.yaml").unlink()
        if name != "bare":
            made = yaml.safe_load(text)
            assert made["parameters"]["tag"]["default"] == "1.10"
            assert made["inputs"].keys() == {"written", "settings"}
    assert "did you mean awkward?" in argosy("assets", "new", "dag", "new", "--asset", "awkwrad", code=2).stderr
    assert "no task can run it" in argosy("assets", "new", "dag", "new", "--asset", "open", code=2).stderr
    (argosy.cwd / "assets" / "bare.yaml").write_text(bare + "nonsense: 1\n")
    assert "nonsense" in argosy("assets", "new", "dag", "new", "--asset", "bare", code=2).stderr
    assert not (argosy.cwd / "dags" / "new.yaml").exists()


def test_schemas(argosy: Command) -> None:
    assert json.loads(argosy("schema", "dag").stdout)["properties"]["tasks"]
    written = argosy("schema", "-d", "schemas").stdout.split()
    assert len(written) == 3
    for name in written:
        json.loads((argosy.cwd / name).read_text())


def test_the_table_matches_the_modules() -> None:
    from importlib import import_module

    for name, entry in COMMANDS.items():
        command = getattr(import_module(f"argo.cli.{entry.module}"), entry.attribute)
        assert command.name == name
        assert command.short_help == entry.help
    assert ROOT.is_dir()


FOREIGN: dict[str, str | bytes] = {
    "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
    "docker-compose.yaml": "services: {web: {image: 'nginx:1'}}\n",
    "values.yaml": "image: {repository: nginx, tag: '1'}\nreplicas: 2\n",
    "Taskfile.yml": "version: '3'\ntasks: {build: {cmds: [make]}}\n",
    "package.json": '{"name": "web", "scripts": {}}\n',
    "ok.json": '[{"name": "ok"}]\n',
    "ok.py": "import pathlib\npathlib.Path('was-run').touch()\n",
    "broken.yaml": "kind: Dag\n  name: [\n",
    "latin.yaml": b"kind: Dag\nname: caf\xe9\n",
    "import_fails.py": "import hera.workflows\nimport argosy_no_such_module\n",
    "not_python.py": "from hera import (\n",
    "notebook.ipynb": "{}\n",
}
HERA = """\
import pathlib
from hera.workflows import Container, Workflow
pathlib.Path("was-run").touch()
with Workflow(generate_name="hera-", entrypoint="main") as w:
    Container(name="main", image="alpine:3", command=["true"])
"""
OK = "kind: Dag\nname: ok\ntasks: {a: {image: 'alpine:3', command: ['true']}}\n"


def _strew(folder: Path) -> None:
    folder.mkdir()
    for name, content in FOREIGN.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "around").symlink_to(folder, target_is_directory=True)
    os.mkfifo(folder / "pipe.yaml")


def test_whatever_lies_beside_definitions_they_are_listed_and_run(argosy: Command) -> None:
    dags, assets = argosy.cwd / "dags", argosy.cwd / "assets"
    _strew(dags)
    _strew(assets)
    (dags / "hera_wf.py").write_text(HERA)
    (dags / "ok.yaml").write_text(OK)
    (dags / "uses.yaml").write_text("kind: Dag\nname: uses\ntasks: {a: {asset: mine}}\n")
    (dags / "several.yaml").write_text(OK.replace("name: ok", "name: inner"))
    mine = "kind: ComputeAsset\nname: mine\nversion: 1.0.0\nimage: 'alpine:3'\ncommand: ['true']\n"
    (assets / "elsewhere.yaml").write_text(mine)
    listed = argosy("assets", "list")
    project = [line.split()[:2] for line in listed.stdout.splitlines() if " project" in line]
    assert project == [
        ["mine", "ComputeAsset"], ["hera-wf", "Workflow"], ["ok", "Dag"], ["inner", "Dag"], ["uses", "Dag"],
    ]  # fmt: skip
    for name in ("broken.yaml", "latin.yaml", "loop.yaml", "pipe.yaml", "not_python.py"):
        assert f"left out: dags/{name}: cannot be read: argosy check dags/{name} says why" in listed.stderr
    for name in ("docker-compose.yaml", "values.yaml", "Taskfile.yml", "package.json", "deployment.yaml", "ok.py"):
        assert f"left out: dags/{name}: no definition of Argosy" in listed.stderr
    assert argosy.json("assets", "list")[0]["name"] == "mine"
    for name in ("ok", "inner", "uses"):
        argosy("run", name)
    assert not (argosy.cwd / "was-run").exists()
    argosy("run", "hera-wf")
    assert (argosy.cwd / "was-run").exists()
    assert argosy.json("assets", "show", "hera-wf")["definition"]["spec"]["entrypoint"] == "main"
    made = "from compiler.models import Dag, Task\nTASKS = {'a': Task(image='alpine:3', command=['true'])}\n"
    (dags / "py.py").write_text(made + "dag = Dag(name='made', title='In Python', tasks=TASKS)\n")
    assert "made" in argosy("assets", "list", "-o", "name").stdout.split()
    assert argosy.json("assets", "show", "made")["definition"]["tasks"]["a"]["image"] == "alpine:3"
    argosy("run", "made")


LIBRARY = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: library}
spec:
  templates:
  - name: say
    inputs: {parameters: [{name: text}]}
    container: {image: "alpine:3", command: [echo], args: ["{{inputs.parameters.text}}"]}
"""
PIPELINE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: pipeline}
spec:
  entrypoint: main
  arguments: {parameters: [{name: text, value: of the template}]}
  templates:
  - name: main
    steps:
    - - name: speak
        templateRef: {name: library, template: say}
        arguments: {parameters: [{name: text, value: "{{workflow.parameters.text}}"}]}
"""
NIGHTLY = """\
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: {name: nightly}
spec:
  schedules: ["0 3 * * *"]
  workflowMetadata: {labels: {team: red}}
  workflowSpec:
    arguments: {parameters: [{name: text, value: "at {{workflow.scheduledTime}}"}]}
    workflowTemplateRef: {name: pipeline}
"""


@pytest.fixture
def templates(argosy: Command) -> Command:
    """A folder of templates as a repository has it, with what belongs to other programs, and a schedule beside it."""
    (argosy.cwd / "templates" / "lib").mkdir(parents=True)
    (argosy.cwd / "templates" / "lib" / "library.yaml").write_text(LIBRARY)
    (argosy.cwd / "templates" / "pipeline.yaml").write_text(PIPELINE)
    (argosy.cwd / "templates" / "service.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n")
    argosy.write(nightly=NIGHTLY)
    return argosy


def test_a_set_of_templates_is_run_as_it_stands(templates: Command) -> None:
    templates("run", "templates", "nightly.yaml", "--name", "by-hand", "-q")
    assert re.search(r"at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", templates("logs", "by-hand").stdout)
    assert templates.json("get", "by-hand")["metadata"]["labels"]["team"] == "red"
    templates("run", "templates", "--name", "one", "-q")
    assert "of the template" in templates("logs", "one").stdout
    templates(
        "run", "templates", "--from", "wftmpl/library", "--entrypoint", "say", "-p", "text=chosen", "--name", "two"
    )
    assert "chosen" in templates("logs", "two").stdout
    (templates.cwd / "templates" / "other.yaml").write_text(PIPELINE.replace("name: pipeline", "name: other"))
    several = templates("run", "templates", code=2).stderr
    assert "2 objects to run: WorkflowTemplate/other, WorkflowTemplate/pipeline" in several
    assert "--from WorkflowTemplate/other" in several
    sent = templates("submit", "templates", "nightly.yaml", "--dry-run", "--profile", "local").stdout
    assert "workflows.argoproj.io/cron-workflow: nightly" in sent
    chosen = templates("submit", "templates", "--from", "other", "--entrypoint", "main", "--dry-run").stdout
    assert "generateName" not in chosen
    assert "entrypoint: main" in chosen


def test_check_and_compile_say_what_they_looked_at(templates: Command) -> None:
    assert "no mistakes in 2 manifest files" in templates("check", "templates").stderr
    only_manifests = templates("compile", "templates", code=2).stderr
    assert "templates holds manifests, and no definitions to compile" in only_manifests
    assert "argosy run templates" in only_manifests
    for name in ("empty", "foreign"):
        (templates.cwd / name).mkdir()
    (templates.cwd / "foreign" / "values.yaml").write_text("image: {tag: '1'}\n")
    for name in ("empty", "foreign"):
        assert f"there is nothing to compile in {name}" in templates("compile", name, code=2).stderr
        assert f"there is nothing to check in {name}" in templates("check", name, code=2).stderr
        templates("run", name, code=2)
    (templates.cwd / "templates" / "ok.yaml").write_text(OK)
    assert "left out: 2 files of manifests" in templates("compile", "templates", "-d", "out").stderr
    assert "no mistakes in 1 definition file and 2 manifest files" in templates("check", "templates").stderr
    (templates.cwd / "templates" / "pipeline.yaml").write_text(PIPELINE.replace("steps:", "stpes:"))
    assert "A710" in templates("check", "templates", code=1).stderr + templates("check", "templates", code=1).stdout
    assert "does not exist" in templates("compile", "nowhere/*.yaml", code=2).stderr


def test_objects_of_two_namespaces_are_no_duplicates(argosy: Command) -> None:
    def of(namespace: str) -> str:
        return PIPELINE.replace("name: pipeline", f"name: pipeline, namespace: {namespace}")

    (argosy.cwd / "both.yaml").write_text("---\n".join([of("a"), of("b"), LIBRARY]))
    assert "no mistakes" in argosy("check", "both.yaml").stderr
    argosy.write(other=LIBRARY.replace("name: library", "name: library, namespace: c"))
    (argosy.cwd / "one.yaml").write_text(of("a"))
    found = argosy("check", "one.yaml", "other.yaml", code=1)
    assert "A720" in found.stdout + found.stderr


def test_a_task_in_finally_is_told_how_the_run_went(argosy: Command) -> None:
    how = 'image: "alpine:3", command: [echo], args: ["${{ run.name }} ${{ run.status }}"]'
    argosy.write(last=f"kind: Dag\nname: last\ntasks: {{a: {{image: 'alpine:3', command: ['false']}}}}\n"
                      f"finally: {{tell: {{{how}}}}}\n")  # fmt: skip
    argosy("run", "last.yaml", "--name", "went", "-q", code=1)
    assert "went Failed" in argosy("logs", "went").stdout
    argosy.write(early=f"kind: Dag\nname: early\ntasks: {{tell: {{{how}}}}}\n")
    refused = argosy("check", "early.yaml", code=1)
    assert "use run.status in `finally`" in refused.stdout + refused.stderr
