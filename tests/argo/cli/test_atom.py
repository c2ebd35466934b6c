"""DAGs of Atom Workflows as their users run them, against a Task Runner that fails on demand."""

from __future__ import annotations

import json
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef
from argo.cli import taskrunner
from argo.errors import EnvironmentFailure
from argo.local.home import Home
from tests.argo.cli.conftest import Command
from tests.files import contents
from tests.http_servers import answering
from tests.task_runners import serving
from tests.waiting import HANG

SIMPLE = "steps:\n  - id: step_1\n    task:\n      imageUri: registry.example.com/hello-world\n"
FORK_JOIN = """\
steps:
  - id: step_4
    task: {imageUri: registry.example.com/hello-world}
    dependsOn: ['step_2', 'step_3']
  - id: step_1
    task: {imageUri: registry.example.com/hello-world, args: [a, b]}
  - id: step_2
    task: {imageUri: registry.example.com/hello-world, args: {k: v}}
    dependsOn: ['step_1']
  - id: step_3
    task: {imageUri: registry.example.com/special}
    dependsOn: ['step_1']
"""
EDGE = """\
name: edges
steps:
  - id: step_1
    task: {engine: edge, url: 'https://edge.example.com'}
  - id: all
    dependsOn: [step_1]
  - id: step_2
    task: {engine: edge, url: 'https://edge.example.com', name: special}
    dependsOn: [all]
"""


@pytest.fixture(autouse=True)
def _interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKFLOW_CHECK_STATE_DURATION_SEC", "1")
    for name in ("WORKFLOW_TR_AUTH_JWT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)


def phases(run: dict[str, dict[str, dict[str, str]]]) -> dict[str, str]:
    return {name: task["phase"] for name, task in run["tasks"].items()}


def test_a_simple_dag_runs_as_it_is_typed(argosy: Command) -> None:
    argosy.write(simple_dag=SIMPLE)
    with serving() as (runner, url):
        run = argosy.json("run", "--workflow-path=simple_dag.yaml", f"--tr-url={url}", "--tr-auth-jwt=none")
    assert run["phase"] == "Succeeded"
    (job,) = runner.jobs.values()
    assert job.asked["labels"] == {"workflow": "simple_dag", "type": "step"}


@pytest.mark.parametrize(
    ("behaviour", "code", "ended"),
    [
        ("succeed", 0, "Succeeded"),
        ("fail", 1, "Failed"),
        ("cancel", 1, "Failed"),
        ("flap", 0, "Succeeded"),
        ("lose", 0, "Succeeded"),
        ("unauthorized", 1, "Failed"),
        ("forget", 1, "Failed"),
        ("refuse", 1, "Failed"),
        ("slow", 0, "Succeeded"),
    ],
)
def test_verdicts_of_a_fork(argosy: Command, behaviour: str, code: int, ended: str) -> None:
    argosy.write(fork_join_dag=FORK_JOIN)
    with serving(f"special={behaviour}") as (runner, url):
        run = argosy.json("run", "--workflow-path", "fork_join_dag.yaml", "--tr-url", url, code=code)
    after = "Succeeded" if code == 0 else "Omitted"
    assert phases(run) == {"step-1": "Succeeded", "step-2": "Succeeded", "step-3": ended, "step-4": after}
    assert len(runner.jobs) == (4 if code == 0 else 3), "no job was started twice, none of a step that was skipped"


def test_engines_and_joins(argosy: Command) -> None:
    argosy.write(edge=EDGE)
    with serving("special=fail") as (runner, url):
        run = argosy.json("run", "edge.yaml", "--tr-url", url, code=1)
    assert phases(run) == {"step-1": "Succeeded", "step-2": "Failed"}
    assert [job.asked["url"] for job in runner.jobs.values()] == ["https://edge.example.com"] * 2


def test_a_bare_token_is_warned_of_and_stands_nowhere(argosy: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    argosy.write(simple=SIMPLE)
    (argosy.cwd / "jwt").write_text("planted-jwt\n")
    arguments = ("run", "simple.yaml", "--name")
    with serving(token="planted-jwt") as (_, url):
        bare = argosy(*arguments, "bare", "--tr-url", url, "--tr-auth-jwt", "planted-jwt")
        assert "the process list shows the token" in bare.stderr
        filed = argosy(*arguments, "filed", "--tr-url", url, "--tr-auth-jwt", "@jwt")
        monkeypatch.setenv("WORKFLOW_TR_AUTH_JWT", "planted-jwt")
        quiet = argosy(*arguments, "quiet", "--tr-url", url)
        assert "process list" not in filed.stderr + quiet.stderr
        monkeypatch.setenv("WORKFLOW_TR_AUTH_JWT", "another")
        refused = argosy(*arguments, "refused", "--tr-url", url, code=1)
    assert "401" in refused.stdout
    said = "".join(done.stdout + done.stderr for done in (bare, filed, quiet, refused))
    for name in ("bare", "filed", "quiet"):
        said += argosy("get", name).stdout + argosy("logs", name).stdout
    assert "planted" not in said
    kept = [path for path, text in contents(argosy.home) if b"planted-jwt" in text]
    assert {path.name for path in kept} == {"token"}
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    argosy("delete", "bare", "filed", "quiet")
    assert not [path for path in argosy.home.rglob("token") if b"planted-jwt" in path.read_bytes()]


def test_a_stop_cancels_the_jobs(argosy: Command) -> None:
    argosy.write(simple=SIMPLE)
    with serving("*=hang") as (runner, url):
        process = argosy.start("run", "simple.yaml", "--tr-url", url, "--name", "stopped")
        argosy.until(lambda: bool(runner.jobs))
        argosy("stop", "stopped")
        process.communicate(timeout=HANG)
        assert process.returncode == 1
        assert [job.state() for job in runner.jobs.values()] == ["CANCELLED"]


@pytest.mark.parametrize("seconds", ["0", "-1", "ten", "1.5", "99999"])
def test_a_bad_interval_starts_nothing(argosy: Command, monkeypatch: pytest.MonkeyPatch, seconds: str) -> None:
    monkeypatch.setenv("WORKFLOW_CHECK_STATE_DURATION_SEC", seconds)
    argosy.write(simple=SIMPLE)
    done = argosy("run", "simple.yaml", "--tr-url", "http://127.0.0.1:1", code=2)
    assert "WORKFLOW_CHECK_STATE_DURATION_SEC is a number of seconds" in done.stderr
    assert argosy.json("list") == []


def test_what_is_missing_or_wrong_is_said(argosy: Command) -> None:
    argosy.write(simple=SIMPLE)
    assert "tr-url" in argosy("run", "simple.yaml", code=2).stderr
    assert "--tr-url is a URL" in argosy("run", "simple.yaml", "--tr-url", "localhost:1", code=2).stderr
    lost = argosy("run", "simple.yaml", "--tr-url", "http://127.0.0.1:1", "--tr-auth-jwt", "@nothing", code=3)
    assert "the token cannot be read" in lost.stderr
    assert argosy("run", code=2).stderr
    assert argosy.json("list") == []


def test_a_dag_is_brought_from_a_url(argosy: Command, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "simple_dag.yaml").write_text(SIMPLE)

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path / "served"))

    with answering(Files) as place:
        with serving() as (runner, url):
            run = argosy.json("run", "--workflow-path", f"{place}/simple_dag.yaml", "--tr-url", url)
        assert run["phase"] == "Succeeded"
        assert next(iter(runner.jobs.values())).asked["labels"]["workflow"] == "simple_dag"
        assert "cannot read" in argosy("run", f"{place}/nothing.yaml", code=3).stderr
        assert "no definition" in argosy("run", f"{place}/code.py", code=2).stderr


def test_urls_that_are_not_read(argosy: Command) -> None:
    assert "plain HTTP" in argosy("run", "http://example.com/dag.yaml", code=2).stderr
    assert "not known" in argosy("run", "ftp://example.com/dag.yaml", code=2).stderr
    done = argosy("run", "gs://bucket/dag.yaml", code=2)
    assert " -m pip install " in done.stderr
    assert "[gs]" in done.stderr


def test_the_command_serves_a_task_runner(argosy: Command) -> None:
    argosy.write(fork_join_dag=FORK_JOIN)
    (argosy.cwd / "token").write_text("sesame-and-lilies")
    (argosy.cwd / "token").chmod(0o600)
    server = argosy.start(
        "task-runner", "--port", "0", "--seconds", "0.1", "--on", "special=fail", "--token-file", "token"
    )
    assert server.stderr is not None
    url = server.stderr.readline().split()[-1]
    try:
        run = argosy.json("run", "fork_join_dag.yaml", "--tr-url", url, "--tr-auth-jwt", "@token", code=1)
        assert phases(run)["step-3"] == "Failed"
    finally:
        server.terminate()
        server.communicate(timeout=HANG)
    assert "PATTERN=BEHAVIOUR" in argosy("task-runner", "--on", "x=y", code=2).stderr


def test_files_of_other_systems_are_imported(argosy: Command) -> None:
    argosy.write(fork_join_dag=FORK_JOIN)
    worker = {"worker_image": "python:3.11-slim", "worker_image_command": ["true"]}
    asset = {"service_id": "Old_One", "inputs": [], "outputs": [], "workflow_resource": worker}
    (argosy.cwd / "old.json").write_text(json.dumps(asset))
    (argosy.cwd / "job.env").write_text("WORKER_IMAGE=python:3.11-slim\n")
    (argosy.cwd / "workflow-api.cfg").write_text(
        "[workflow_api]\nworkflow_api_user=demo\nworkflow_api_access_token=planted\n[minio]\nendpoint=h:1\n"
    )
    done = argosy("assets", "import", "fork_join_dag.yaml", "old.json", "job.env", "workflow-api.cfg", "-d", "new")
    assert done.stdout.split()[1::2] == [
        "new/dags/fork-join-dag.yaml", "new/assets/old-one.yaml", "new/assets/job.yaml", "new/argosy.yaml",
    ]  # fmt: skip
    assert "planted" not in (argosy.cwd / "new" / "argosy.yaml").read_text() + done.stdout + done.stderr
    argosy("check", "new", "--profile", "workflow-api")
    assert "exists already" in argosy("assets", "import", "old.json", "-d", "new", code=2).stderr
    assert "kind: ComputeAsset" in argosy("assets", "import", "old.json", "--stdout").stdout
    (argosy.cwd / "bad.json").write_text('{"service_id": 1, "workflow_resource": {}}')
    assert "bad.json:1:" in argosy("assets", "import", "bad.json", code=2).stderr
    argosy.write(other="a: 1\n")
    assert "neither a gx4ki asset" in argosy("assets", "import", "other.yaml", code=2).stderr


def test_a_token_that_ends_is_renewed(tmp_path: Path) -> None:
    home, ref = Home.open(tmp_path), RunRef("r", "n", "u")
    tokens = iter(["second", "third"])
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 4:
            raise KeyboardInterrupt

    def renew() -> str:
        if len(waited) == 2:
            raise EnvironmentFailure("Google gives no identity token")
        return next(tokens)

    taskrunner.keep(home, ref, "first")
    mounted = home.run("u") / "pods" / "p" / "secrets" / "token" / "token"
    other = home.run("u") / "pods" / "p" / "secrets" / "other" / "token"
    for path, text in ((mounted, "first"), (other, "another's")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    with pytest.raises(KeyboardInterrupt):
        taskrunner.renewing(home, ref, renew, wait)
    assert waited == [2700, 2700, 60, 2700]
    assert home.secret("task-runner", "token", "u") == b"third"
    assert (mounted.read_text(), other.read_text()) == ("third", "another's")
    assert mounted.stat().st_mode & 0o777 == 0o600
