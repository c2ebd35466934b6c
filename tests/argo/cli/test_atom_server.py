"""The server mode of Atom Workflows: a request runs a DAG, and nothing else."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import httpx
import pytest

from argo.errors import UsageError
from argo.serve.atom import Flows, RunExit
from tests.argo.cli.conftest import Command
from tests.argo.cli.test_atom import FORK_JOIN
from tests.argo.cli.test_atom import _interval as _interval
from tests.task_runners import serving
from tests.waiting import HANG


def started(argosy: Command, *args: str) -> tuple[Any, str]:
    process = argosy.start("atom", "--port", "0", *args)
    assert process.stderr is not None
    line = process.stderr.readline()
    match = re.match(r"POST (http://127\.0\.0\.1:\d+/) runs DAGs", line)
    assert match, line
    return process, match[1]


def test_dags_run_when_they_are_asked_for(argosy: Command) -> None:
    argosy.write(fork_join_dag=FORK_JOIN)
    (argosy.cwd / "token").write_text("secret-of-the-server")
    (argosy.cwd / "token").chmod(0o600)
    with serving("special=fail") as (failing, other), serving() as (runner, url):
        process, here = started(argosy, "--tr-url", url, "--tr-url", other, "--token-file", "token")
        headers = {"Authorization": "Bearer secret-of-the-server"}

        def post(value: Any, **more: Any) -> httpx.Response:
            return httpx.post(here, **{"content": json.dumps(value), "headers": headers, "timeout": 120, **more})

        good = post({"tr-url": url, "workflow-path": "fork_join_dag.yaml"})
        assert good.status_code == 200, good.text
        assert re.fullmatch(r"Flow fork_join_dag\.yaml ran with success in \d+\.\ds\.\n", good.text)
        assert len(runner.jobs) == 4
        bad = post({"tr-url": other, "workflow-path": "fork_join_dag.yaml"})
        assert (bad.status_code, "failed in" in bad.text, "step-3: " in bad.text) == (500, True, True)
        assert len(failing.jobs) == 3
        assert post({"workflow-path": "none.yaml"}).status_code == 400
        assert post({"workflow-path": "fork_join_dag.yaml"}, headers={}).status_code == 401
        assert post([], content="{").status_code == 400
        assert post({}, content="x" * 100_000).status_code == 413
        assert httpx.get(f"{here}health").status_code == 200
        assert len(runner.jobs) == 4
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=HANG)[1]
        assert (process.returncode, "Traceback" in said, "secret-of-the-server" in said) == (0, False, False)


def test_a_task_runner_is_a_url(argosy: Command) -> None:
    assert "--tr-url is a URL, not 'runner'" in argosy("atom", "--tr-url", "runner", code=2).stderr


def test_a_run_under_way_is_left_and_goes_on(argosy: Command) -> None:
    argosy.write(fork_join_dag=FORK_JOIN)
    with serving(seconds=3) as (_, url):
        process, here = started(argosy, "--tr-url", url, "--without-token")
        with httpx.Client() as client, pytest.raises(httpx.TransportError):
            client.post(here, json={"workflow-path": "fork_join_dag.yaml"}, timeout=1)
        argosy.until(lambda: len(argosy.json("list")) == 1)
        (run,) = argosy.json("list")
        argosy.until(lambda: argosy.phase(run["name"], "step-1") == "Running")
        process.send_signal(signal.SIGTERM)
        assert "1 left" in process.communicate(timeout=HANG)[1]
        assert argosy.json("resume", run["name"])["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ({"workflow-path": "dags/a.yaml"}, True),
        ({"workflow-path": "gs://bucket/dags/a.yaml", "tr-url": "https://one/"}, True),
        ({"workflow-path": "gs://bucket/dags/a.yaml", "tr-url": "https://evil.example"}, False),
        ({"workflow-path": "gs://bucket/dags-of-others/a.yaml"}, False),
        ({"workflow-path": "gs://bucket/dags/../a.yaml"}, False),
        ({"workflow-path": "gs://bucket/dags/%2e%2e/a.yaml"}, False),
        ({"workflow-path": "https://evil.example/a.yaml"}, False),
        ({"workflow-path": "dags/../a.yaml"}, False),
        ({"workflow-path": "dags/out/a.yaml"}, False),
        ({"workflow-path": "/etc/passwd"}, False),
        ({"workflow-path": "--name=x"}, False),
        ({"workflow-path": ""}, False),
        ({"workflow-path": 1}, False),
        ({}, False),
        ([], False),
    ],
)
def test_what_may_be_run(value: Any, fits: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dags").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dags" / "out").symlink_to(tmp_path / "elsewhere")
    flows = Flows(("https://one", "https://two"), ("dags", "gs://bucket/dags"), lambda *_: RunExit(0))
    if fits:
        assert flows.asked(json.dumps(value).encode()) == (value["workflow-path"], "https://one")
        return
    with pytest.raises(UsageError):
        flows.asked(json.dumps(value).encode())
