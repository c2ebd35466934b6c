"""What a pod left on disk is cut short, empty or of another kind: its end is said not to be known, nothing breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from argo.local.executors.outputs import printed
from tests.argo.local.executors.conftest import Machine, request, shell, until_done

RECORDS = {
    "cut short": '{"containers": {"main": {"ro',
    "empty": "",
    "of another kind": "[1]",
    "with less": '{"late": 1}',
}


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_an_exit_record_that_is_damaged(isolated: Machine, text: str) -> None:
    isolated.run(shell("echo done"))
    folder = isolated.path / "pods" / "n1"
    (folder / "outcome.json").unlink()
    (folder / "exit.json").write_text(text)
    outcome = isolated.run(shell("never run"))
    assert outcome.phase == "Error"
    assert outcome.message == f"how it ended is not known: its record is damaged: {folder / 'exit.json'}"


@pytest.mark.parametrize("text", RECORDS.values(), ids=RECORDS)
def test_an_outcome_that_is_damaged_is_made_again(isolated: Machine, text: str) -> None:
    isolated.run(shell("echo done"))
    folder = isolated.path / "pods" / "n1"
    (folder / "outcome.json").write_text(text)
    outcome = isolated.run(shell("never run"))
    assert (outcome.phase, outcome.outputs["result"]) == ("Succeeded", "done")
    assert json.loads((folder / "outcome.json").read_text())["phase"] == "Succeeded"


@pytest.mark.parametrize("name", ["kill", "devices.json", "pid", "request.json"])
@pytest.mark.parametrize("text", ["", "null", "[", "{}"])
def test_other_records_that_are_damaged(isolated: Machine, name: str, text: str) -> None:
    folder = isolated.path / "pods" / "n1"
    folder.mkdir(parents=True)
    (folder / name).write_text(text)
    pods = isolated.pods()
    pods.create(request(shell("echo done")))
    outcome = until_done(pods)["n1"]
    assert outcome.phase == "Succeeded" or (name, text, outcome.phase) == ("kill", "{}", "Failed")


def test_a_log_line_that_is_cut_short(tmp_path: Path) -> None:
    (tmp_path / "main.log").write_bytes(b"2026-01-01T00:00:00.000000Z stdout F whole\n2026-01-01T00\nx y\n\n")
    assert [*printed(tmp_path / "main.log")] == [b"whole\n", b"", b"", b""]
