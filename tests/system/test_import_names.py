"""Modules in the working folder that have the names of ours, or of what we stand on, change nothing."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from tests.argo.serve.argo_api.serving import serving
from tests.argo.serve.workflow_api.serving import Served
from tests.system.conftest import Argosy
from tests.task_runners import serving as task_runner
from tests.waiting import HANG

NAMES = ("argo", "argosy", "compiler", "json", "yaml", "pydantic", "click", "hera", "starlette", "sqlite3", "logging")

PYTHON = """\
from compiler.models import ComputeAsset, Dag, Output, Task
from own import IMAGE

asset = ComputeAsset(name="told", image=IMAGE, command=["python3", "-c"], args=["open('told.txt', 'w').write('hello')"],
                     working_dir="/out", outputs={"told": Output(kind="file", path="/out/told.txt")})
dag = Dag(name="tell", tasks={"one": Task(asset="told")}, results={"told": "${{ tasks.one.outputs.told }}"})
"""

HERA = """\
from hera.workflows import Container, Workflow
from own import IMAGE

with Workflow(name="of-hera", entrypoint="main") as workflow:
    Container(name="main", image=IMAGE, command=["true"])
"""

ATOM = "steps:\n- id: only\n  task: {job_name: one, imageUri: busybox, engine: vertex}\n"


@pytest.fixture
def crowded(argosy: Argosy) -> Argosy:
    """A working folder with definitions, among modules and packages that none of them means."""
    for name in NAMES:
        text = f"raise SystemExit('the working folder has a {name} of its own')\n"
        (argosy.cwd / f"{name}.py").write_text(text)
        for package in (argosy.cwd, argosy.cwd / "argo"):
            (package / name).mkdir(parents=True, exist_ok=True)
            (package / name / "__init__.py").write_text(text)
    (argosy.cwd / "own.py").write_text("IMAGE = 'busybox'\n")
    (argosy.cwd / "tell.py").write_text(PYTHON)
    (argosy.cwd / "of_hera.py").write_text(HERA)
    return argosy


def test_definitions_are_compiled_checked_run_and_submitted(crowded: Argosy) -> None:
    crowded("check", "tell.py", "of_hera.py")
    assert "kind: Workflow" in crowded("compile", "of_hera.py").stdout
    crowded("run", "tell.py", "--name", "told", "--executor", "process")
    crowded("fetch", "told", "-d", "results")
    assert (crowded.cwd / "results" / "told.txt").read_text() == "hello"
    assert "kind: Workflow" in crowded("submit", "tell.py", "--name", "dry", "--dry-run").stdout


def test_a_run_that_is_submitted_has_a_process_of_its_own(crowded: Argosy) -> None:
    crowded("submit", "tell.py", "--name", "detached")
    assert crowded.json("watch", "detached")["phase"] == "Succeeded"


def test_local_up_serves_and_runs(crowded: Argosy) -> None:
    workflow = yaml.safe_load(crowded("compile", "of_hera.py").stdout)
    with serving(crowded.home, cwd=crowded.cwd) as server:
        server("POST", "/api/v1/workflows/default", body={"workflow": workflow})
        server.wait("default", "of-hera", "Succeeded")


def test_serve_serves(crowded: Argosy) -> None:
    served = Served(crowded.cwd, variables={"ARGOSY_HOME": str(crowded.home)}, arguments=("tell.py",)).start()
    try:
        assert "told" in served.client(served.consumer("somebody")).get("/v1/assets").text
    finally:
        served.close()


def test_atom_runs_a_dag(crowded: Argosy) -> None:
    (crowded.cwd / "flow.yaml").write_text(ATOM)
    with task_runner() as (_, url):
        options = ("--port", "0", "--tr-url", url, "--without-token")
        process = crowded.start(
            "atom", *options, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        here = process.stderr.readline().split()[1]
        answer = httpx.post(here, json={"workflow-path": "flow.yaml"}, timeout=HANG)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=HANG)
    assert answer.status_code == 200, answer.text


def test_a_folder_of_definitions_may_hold_modules_of_any_name(argosy: Argosy) -> None:
    """Also one that the command needs only after it has run the definitions."""
    dags = argosy.cwd / "dags"
    dags.mkdir()
    for name in NAMES:
        (dags / f"{name}.py").write_text(HERA if name == "compiler" else "raise SystemExit('not meant')\n")
    (dags / "own.py").write_text("IMAGE = 'busybox'\n")
    assert "of-hera" in argosy("compile", Path("dags") / "compiler.py").stdout
