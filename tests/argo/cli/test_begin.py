"""Beginning a run: what `run` and `submit` have in common."""

from __future__ import annotations

import pytest
import yaml

from tests.argo.cli import manifests
from tests.argo.cli.conftest import Command

ENV = """\
kind: Dag
name: told
env: {WORD: one}
files: {job.txt: {text: old, path: /etc/job.txt}}
tasks:
  say: {image: "busybox:1", command: [sh, -c], args: ['echo "$WORD"']}
"""


def test_a_run_begun_again_with_its_key_is_the_same_run(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    first, second = (argosy.json("run", "hello.yaml", "--once=mine") for _ in range(2))
    assert first == second
    assert argosy("submit", "hello.yaml", "--once=mine", "-o", "name").stdout.strip() == first["name"]
    assert [run["name"] for run in argosy.json("list")] == [first["name"]]


@pytest.mark.parametrize("command", ["run", "submit"])
def test_what_would_be_sent_has_the_files_laid_over(argosy: Command, command: str) -> None:
    (argosy.cwd / "new.txt").write_text("new")
    (argosy.cwd / "run.env").write_text("WORD=two\n")
    argosy.write(told=ENV)
    options = ("told.yaml", "--once=k", "--dry-run", "--env-file", "run.env", "--job-config", "new.txt")
    sent = argosy(command, *options).stdout
    assert "WORD: two" in sent
    assert "job.txt: new" in sent
    assert argosy.json(command, *options) == list(yaml.safe_load_all(sent))
    assert argosy.json("list") == []


@pytest.mark.parametrize("option", [["--executor", "process"], ["--parallelism", "2"]])
def test_a_cluster_runs_containers_as_it_does(argosy: Command, option: list[str]) -> None:
    argosy.write(
        hello=manifests.HELLO,
        argosy="kind: Project\nprofiles: {far: {engine: {server: 'https://argo.example.com'}}}\n",
    )
    refused = argosy("submit", "hello.yaml", "--profile", "far", *option, code=2)
    assert f"{option[0]} cannot be given to a cluster" in refused.stderr
