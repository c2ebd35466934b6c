"""The program that follows a job, against a Task Runner that fails on demand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from compiler.load.remote import program
from tests.http_servers import answer, answering
from tests.task_runners import serving
from tests.waiting import HANG, until

JOB = ("job_name=train", "imageUri=registry.example.com/train:1", "args[]=--a", "args[]=b=c", "labels.team=x")


def start(url: str, *job: str, **more: str) -> subprocess.Popen[str]:
    env = {**os.environ, "TASK_RUNNER_URL": url, "TASK_RUNNER_INTERVAL": "0.02", "TASK_RUNNER_RUN": "uid", **more}
    command = [sys.executable, "-c", program(), *(job or JOB)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(url: str, *job: str, **more: str) -> tuple[int, str]:
    process = start(url, *job, **more)
    said, _ = process.communicate(timeout=HANG)
    return process.returncode, said


@pytest.mark.parametrize(
    ("behaviour", "code", "words"),
    [
        ("succeed", 0, "SUCCEEDED"),
        ("fail", 1, "FAILED: as it was told to"),
        ("cancel", 1, "CANCELLED"),
        ("refuse", 1, "failed: POST /job gave 400"),
        ("unauthorized", 1, "failed: GET /jobstatus gave 401"),
        ("forget", 1, "failed: GET /jobstatus gave 404"),
        ("flap", 0, "GET /jobstatus gave 503"),
        ("lose", 0, "SUCCEEDED"),
        ("slow", 0, "RUNNING"),
    ],
)
def test_the_verdict_is_the_task_runners(behaviour: str, code: int, words: str) -> None:
    with serving(f"train={behaviour}") as (runner, url):
        ended, said = run(url)
        assert (ended, words in said) == (code, True), said
        assert "Traceback" not in said
        assert len(runner.jobs) == 1, "it is started once"


def test_the_job_is_what_the_arguments_say(tmp_path: Path) -> None:
    with serving() as (runner, url):
        assert run(url + "/", *JOB, '={"engine": "edge", "args": []}', TASK_RUNNER_RESULT=str(tmp_path / "job"))[0] == 0
        (job,) = runner.jobs.values()
        assert job.asked == {
            "job_name": "train", "imageUri": "registry.example.com/train:1", "args": [], "labels": {"team": "x"},
            "engine": "edge",
        }  # fmt: skip
        said = json.loads((tmp_path / "job").read_text())
        assert said == {"jobId": job.id, "state": "SUCCEEDED", "message": ""}


def test_a_stop_cancels_the_job() -> None:
    with serving("train=hang") as (runner, url):
        process = start(url)
        until(lambda: runner.jobs, "the job is there")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=HANG)
        assert process.returncode == 143
        assert f"job {next(iter(runner.jobs))} cancelled" in said
        assert [job.state() for job in runner.jobs.values()] == ["CANCELLED"]


def test_nothing_answers_for_longer_than_is_borne() -> None:
    with serving() as (_, url):
        pass
    code, said = run(url, TASK_RUNNER_PATIENCE="0.5")
    assert code == 1
    assert "failed: no answer for 0 s" in said or "failed: no answer for 1 s" in said


def test_the_token_is_read_from_its_file_and_never_said(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("planted-token\n")
    with serving(token="planted-token") as (_, url):
        code, said = run(url, TASK_RUNNER_TOKEN_FILE=str(file))
        assert code == 0
        file.write_text("another-token")
        code, more = run(url, TASK_RUNNER_TOKEN_FILE=str(file))
        assert code == 1
        assert "failed: POST /job gave 401" in more
        assert "token" not in said + more.replace("the token is missing, or not valid", "")


def test_a_token_that_was_renewed_is_used(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first-token")
    with serving("train=slow", seconds=0.1, token="first-token") as (runner, url):
        process = start(url, TASK_RUNNER_TOKEN_FILE=str(file))
        until(lambda: runner.jobs, "the job is there")
        file.write_text("second-token")
        runner.token = "second-token"
        said, _ = process.communicate(timeout=HANG)
        assert process.returncode == 0, said


def test_a_google_identity_comes_from_the_metadata_server() -> None:
    asked = []

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Metadata-Flavor"]))
            answer(self, 200, b"id-token")

    with answering(Metadata) as metadata, serving(token="id-token") as (_, url):
        code, said = run(url, TASK_RUNNER_AUDIENCE=url, GCE_METADATA_HOST=metadata.removeprefix("http://"))
    assert code == 0, said
    assert len(asked) == 1, "it is kept while it is good"
    assert asked[0][0].startswith("/computeMetadata/v1/instance/service-accounts/default/identity?audience=http")
    assert asked[0][1] == "Google"


def test_a_redirect_is_not_followed() -> None:
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            answer(self, 307, Location="/elsewhere")

    with answering(Elsewhere) as url:
        code, said = run(url)
    assert (code, seen) == (1, ["/job"])
    assert "failed: POST /job gave 307" in said
