"""`argosy submit` on this machine: a process of its own runs it, whatever becomes of whoever submitted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.files import contents
from tests.system.conftest import Argosy
from tests.waiting import HANG, until

SLOW = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: slow-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: text, value: hello}]}
  templates:
    - name: main
      dag:
        tasks:
          - {name: say, template: say}
          - {name: gate, template: gate, depends: say}
          - {name: after, template: say, depends: gate, arguments: {}}
    - name: say
      container: {image: busybox, command: [sh, -c], args: ['echo "$A {{workflow.parameters.text}}"'],
        env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: a}}}]}
    - name: gate
      suspend: {}
      inputs: {parameters: [{name: score, default: "0"}]}
      outputs: {parameters: [{name: score, valueFrom: {supplied: {}}}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: "{{x}} of the ConfigMap"}
"""


@pytest.fixture
def slow(argosy: Argosy) -> Path:
    path = argosy.cwd / "slow.yaml"
    path.write_text(SLOW)
    return path


def wait_for(argosy: Argosy, run: str, task: str, phase: str) -> None:
    until(lambda: argosy.json("status", run)["tasks"].get(task, {}).get("phase") == phase, f"{task} comes to {phase}")


def test_it_comes_back_at_once_and_the_run_goes_on(argosy: Argosy, slow: Path) -> None:
    made = argosy.json("submit", slow, "-p", "text=hi", "--name", "one")
    assert (made["name"], made["new"]) == ("one", True)
    wait_for(argosy, "one", "gate", "Running")
    assert argosy("logs", "one", "--task", "say").stdout == "{{x}} of the ConfigMap hi\n"
    assert argosy("logs", "one", "--grep", "^nothing").stdout == ""
    assert "hi" in argosy("logs", "one", "--grep", r"\bhi$").stdout
    assert "--grep" in argosy("logs", "one", "--grep", "(", code=2).stderr
    said = argosy("approve", "one", "gate", "-p", "score=7")
    assert "on this machine" in said.stderr
    watched = argosy.json("watch", "one")
    assert watched["phase"] == "Succeeded"
    workflow = argosy.json("get", "one")
    gate = next(n for n in workflow["status"]["nodes"].values() if n["displayName"] == "gate")
    assert [p["value"] for p in gate["outputs"]["parameters"] if p["name"] == "score"] == ["7"]


def test_who_submits_may_die(argosy: Argosy, slow: Path) -> None:
    nowhere = subprocess.DEVNULL
    process = argosy.start("submit", slow, "--name", "one", "--watch", stderr=nowhere, stdout=nowhere)
    wait_for_run(argosy, "one")
    wait_for(argosy, "one", "gate", "Running")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    argosy("approve", "one", "gate")
    assert argosy.json("watch", "one")["phase"] == "Succeeded"


def wait_for_run(argosy: Argosy, run: str) -> None:
    until(lambda: run in argosy("list", "-o", "name").stdout.split(), f"{run} is there")


def test_all_who_submit_with_one_key_get_one_run(argosy: Argosy, slow: Path) -> None:
    processes = [
        argosy.start("submit", slow, "--once", "-o", "json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    found = []
    for process in processes:
        out, err = process.communicate(timeout=HANG)
        assert process.returncode == 0, err
        found.append(json.loads(out))
    assert len({made["uid"] for made in found}) == 1
    assert [made["new"] for made in found].count(True) == 1
    assert len(argosy("list", "-o", "name").stdout.split()) == 1
    assert argosy.json("submit", slow, "--once", "-p", "text=other")["new"]
    argosy("stop", *argosy("list", "-o", "name").stdout.split()[:1])
    argosy("stop", *argosy("list", "-o", "name").stdout.split()[1:])


def test_a_dry_run_and_a_mistake_leave_nothing(argosy: Argosy, slow: Path) -> None:
    out = argosy("submit", slow, "--dry-run", "--name", "one").stdout
    assert "name: conf" in out
    assert "{{x}} of the ConfigMap" in out
    said = argosy("submit", slow, "-p", "txet=x", code=2).stderr
    assert "did you mean text?" in said
    assert argosy("list", "-o", "name").stdout == ""
    assert [path.name for path in argosy.home.rglob("*") if path.is_file() and path.suffix == ".json"] == []


def test_a_run_is_tried_again_and_submitted_again(argosy: Argosy, tmp_path: Path) -> None:
    manifest, program = argosy.cwd / "flaky.yaml", tmp_path / "programs" / "flaky"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    argosy = replace(argosy, programs=program.parent)
    manifest.write_text("""
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: flaky}
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks: [{name: a, template: a}, {name: b, template: b, depends: a}]
    - {name: a, container: {image: busybox, command: [sh, -c], args: ["date +%s%N"]}}
    - {name: b, container: {image: busybox, command: [flaky]}}
""")
    said = argosy("submit", manifest, "--wait", code=1)
    assert "flaky Failed" in said.stdout
    first = argosy("logs", "flaky", "--task", "a").stdout
    program.write_text("#!/bin/sh\nexit 0\n")
    assert "on this machine" in argosy("retry", "flaky").stderr
    assert argosy.json("watch", "flaky")["phase"] == "Succeeded"
    assert argosy("logs", "flaky", "--task", "a").stdout == first, "what succeeded is kept"
    argosy("retry", "flaky", "--from", "a", code=None)
    again = argosy.json("resubmit", "flaky")
    assert again["name"].startswith("flaky-")
    assert argosy.json("watch", again["name"])["phase"] == "Succeeded"
    argosy.json("watch", "flaky")
    assert sorted(argosy("prune", "--older-than", "0s", "--dry-run").stdout.split()) == sorted(["flaky", again["name"]])
    argosy("prune", "--older-than", "0s", "--phase", "Succeeded")
    assert argosy("list", "-o", "name").stdout == ""


def test_no_secret_of_the_environment_goes_anywhere(
    argosy: Argosy, slow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = {
        name: f"planted-{number}-secret"
        for number, name in enumerate(
            ("ARGO_TOKEN", "ARGOSY_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
             "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")
        )
    }  # fmt: skip
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    commands = (
        ("submit", slow, "--name", "one"), ("status", "one"), ("get", "one"), ("list",), ("logs", "one"),
        ("submit", slow, "--dry-run"), ("results", "one"), ("compile", "fork_join"), ("status", "nobody"),
        ("stop", "one"), ("delete", "one"),
    )  # fmt: skip
    for command in commands:
        said = argosy(*command, code=None)
        assert "planted-" not in said.stdout + said.stderr, command
    monkeypatch.setenv("ARGO_SERVER", "127.0.0.1:1")
    for word in ("list", "submit"):
        said = argosy(*((word, slow) if word == "submit" else (word,)), code=3)
        assert "planted-" not in said.stdout + said.stderr, word
    assert [path for path, text in contents(argosy.home) if b"planted-" in text] == []
