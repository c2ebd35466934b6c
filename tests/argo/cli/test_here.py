"""A run is held against this machine before it starts; what images run is known from argosy.yaml, and kept."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from argo.backend import RunRef
from argo.local.home import Home
from argo.local.state import schema
from argo.local.state.database import State
from tests.argo.cli.conftest import Command

BARE = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: bare}
spec:
  entrypoint: main
  templates:
    - name: main
      steps: [[{name: gate, template: gate}], [{name: say, template: say}]]
    - name: gate
      suspend: {}
    - name: say
      container: {image: "example/tool:1.0", args: [said]}
"""
PROJECT = """\
kind: Project
profiles:
  local: {images: {example/tool: {entrypoint: [echo, it, was]}}}
  other: {}
"""


def test_a_command_that_is_not_known_is_refused_by_position(argosy: Command) -> None:
    argosy.write(bare=BARE)
    refused = argosy("run", "bare.yaml", code=2)
    assert "A730" in refused.stderr
    assert "bare.yaml:12:26" in refused.stderr
    assert argosy.json("list") == []


def test_the_profile_says_what_an_image_runs_and_a_resume_knows_it(argosy: Command) -> None:
    argosy.write(bare=BARE, argosy=PROJECT)
    below = argosy.cwd / "below"
    below.mkdir()
    other = Command(argosy.home, below)
    assert "A730" in other("run", "../bare.yaml", "--profile", "other", code=2).stderr
    assert "no profile nope" in other("run", "../bare.yaml", "--profile", "nope", code=2).stderr
    other("run", "../bare.yaml", "--no-wait")
    (argosy.cwd / "argosy.yaml").unlink()
    argosy("resume", "bare")
    assert "it was said" in argosy("logs", "bare").stdout


def test_a_project_with_mistakes_is_refused(argosy: Command) -> None:
    argosy.write(bare=BARE, argosy=PROJECT.replace("entrypoint", "entrypiont"))
    assert "did you mean 'entrypoint'" in argosy("run", "bare.yaml", code=2).stderr


def test_devices_that_are_not_here_are_refused_by_position(argosy: Command) -> None:
    asked = "command: [echo], resources: {limits: {example.com/thing: 1}}"
    argosy.write(bare=BARE.replace("args: [said]", asked))
    refused = argosy("run", "bare.yaml", code=2)
    assert "A731" in refused.stderr
    assert "bare.yaml:12:103" in refused.stderr
    assert argosy.json("list") == []


def test_a_state_of_before_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as old:
        for statement in schema.MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO runs VALUES ('u','default','r','',0,'process',2,'{}','{}','Pending',1)")
        old.execute("PRAGMA user_version = 1")
    old.close()
    state = State(path)
    assert state.row("u").images == {}
    assert state.row("u").parallelism == 2
    state.close()


def test_a_damaged_home_is_said_to_be_and_repaired(argosy: Command) -> None:
    """Of one whose runs are many the middle is lost, then of all of it the head."""
    state = State(Home.open(argosy.home).database)
    for number in range(60):
        ref = RunRef(f"run-{number}", "default", f"0b8c6b4e-0000-4000-8000-{number:012}")
        body: Any = {
            "kind": "Workflow",
            "metadata": {"name": ref.name, "namespace": "default", "uid": ref.uid, "annotations": {"note": "x" * 4000}},
            "spec": {"entrypoint": "m", "templates": []},
            "status": {"phase": "Succeeded", "startedAt": "2026-01-02T03:00:00Z", "nodes": {}},
        }
        state.add(ref, body, [])
        state.record(ref.uid, body, [])
    state.close()
    path = argosy.home / "state.db"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * (3 << 12))
    refused = argosy("list", code=3)
    assert refused.stdout == ""
    assert "state.db is damaged" in refused.stderr
    assert "argosy local repair" in refused.stderr
    told = argosy("local", "repair").stdout
    assert re.fullmatch(rf"\d+ runs rebuilt; the damaged state is {argosy.home}/state\.db\.damaged-1\n", told)
    found = argosy.json("list")
    assert 30 < len(found) < 60
    assert told.startswith(f"{len(found)} runs")
    path.write_bytes(b"no database at all" * 1000)
    assert "file is not a database" in argosy("list", code=3).stderr
    assert argosy("local", "repair").stdout.startswith("0 runs rebuilt")
    assert argosy.json("list") == []
