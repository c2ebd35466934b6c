"""Runs on this machine through the backend: submit, drive, retry, watch, delete."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argo.backend import Submission
from argo.errors import ConflictError, EnvironmentFailure, NotFoundError, UsageError
from argo.local.backend import LocalBackend, identify
from argo.local.choice import choose_executor
from argo.local.home import Home

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[LocalBackend]:
    backend = LocalBackend(Home.open(tmp_path / "home"))
    yield backend
    backend.close()


def workflow(script: str, name: str = "run") -> Any:
    def container(text: str) -> Any:
        mount = {"name": "kept", "mountPath": "/kept"}
        return {"image": "busybox", "command": ["sh", "-c", text], "volumeMounts": [mount]}

    tasks = [{"name": "first", "template": "ok"}, {"name": "second", "template": "t", "depends": "first"}]
    return {
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-"},
        "spec": {
            "entrypoint": "main",
            "volumes": [{"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}}],
            "templates": [
                {"name": "main", "dag": {"tasks": tasks}},
                {"name": "ok", "container": container("echo x >> /kept/ok")},
                {"name": "t", "container": container(script)},
            ],
        },
    }  # fmt: skip


def test_a_retry_runs_only_what_failed(backend: LocalBackend) -> None:
    ref = backend.record(Submission(workflow("echo try >> /kept/tries; test -e /kept/go")), executor="process").ref
    assert backend.drive(ref)
    assert backend.get(ref)["status"]["phase"] == "Failed"
    kept = backend.home.root / "volumes" / "kept"
    (kept / "go").touch()
    backend.reset(ref)
    assert backend.get(ref)["status"]["phase"] == "Running"
    assert backend.drive(ref)
    found = backend.get(ref)["status"]
    assert found["phase"] == "Succeeded"
    assert {node["phase"] for node in found["nodes"].values()} == {"Succeeded"}
    assert (kept / "ok").read_text() == "x\n"
    assert (kept / "tries").read_text() == "try\ntry\n"
    with pytest.raises(ConflictError, match="only what has failed"):
        backend.reset(ref)


def test_watching_a_run_that_has_ended(backend: LocalBackend) -> None:
    ref = backend.record(Submission(workflow("echo out; echo err >&2"), source="a.yaml"), executor="process").ref
    backend.drive(ref)
    (snapshot,) = backend.watch(ref)
    assert snapshot.workflow["status"]["phase"] == "Succeeded"
    assert sorted(line.text for line in backend.logs(ref, "second")) == ["err", "out"]
    with pytest.raises(NotFoundError) as error:
        list(backend.logs(ref, "secnd"))
    assert error.value.hint == "did you mean second?"
    (summary,) = backend.list()
    assert (summary.ref, summary.phase, summary.progress, summary.active) == (ref, "Succeeded", "2/2", False)
    assert summary.source == "a.yaml"


def test_delete_keeps_results_unless_told(backend: LocalBackend) -> None:
    for results in (False, True):
        ref = backend.record(Submission(workflow("true", f"d{results}".lower())), executor="process").ref
        key = f"runs/{ref.namespace}/{ref.name}/{ref.uid}/x"
        store = backend.store(ref)
        store.put_bytes(key, b"1")
        backend.drive(ref)
        backend.delete(ref, results=results)
        assert (store.stat(key) is None) == results
        assert not backend.home.run(ref.uid).exists()
    assert list(backend.list()) == []


def test_names_are_checked_before_anything_is_uploaded(backend: LocalBackend) -> None:
    first = workflow("true")
    backend.record(Submission(first), executor="process")
    second = workflow("true")
    second["metadata"]["name"] = first["metadata"]["name"]
    with pytest.raises(ConflictError, match="exists already"):
        backend.check_name(identify(second))


def test_executors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    home = Home(tmp_path)
    assert choose_executor(home, "process") == choose_executor(home, "auto") == ("process", "")
    with pytest.raises(EnvironmentFailure, match="not installed"):
        choose_executor(home, "docker")
    with pytest.raises(UsageError, match="no executor"):
        choose_executor(home, "dokcer")


def runtime(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)


def test_auto_is_decided_once_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ARGOSY_EXECUTOR", "auto")
    old, new = Home.open(tmp_path / "old"), Home.open(tmp_path / "new")
    assert choose_executor(old).executor == "process"
    runtime(tmp_path, "podman", "exit 0")
    assert choose_executor(old).executor == "process", "a program that comes later changes nothing"
    assert choose_executor(new).executor == "podman"
    (tmp_path / "podman").unlink()
    with pytest.raises(EnvironmentFailure, match="not installed") as refused:
        choose_executor(new)
    assert str(new.root) in refused.value.hint


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo Cannot connect >&2; exit 1", "docker is here, but does not work (Cannot connect)"),
        ("[ $1 = info ] || { echo no such host >&2; exit 1; }", "docker is here, but gets no images (no such host)"),
    ],
)
def test_a_runtime_that_gets_no_images_is_not_chosen_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, said: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime(tmp_path, "docker", script)
    for _ in range(2):
        choice = choose_executor(Home.open(tmp_path / "home"), "auto")
        assert choice == ("process", said)
        assert "`image:` is not used" in choice.lines()[0]
        assert said in choice.lines()[1]


def test_a_run_keeps_its_executor(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ref = backend.record(Submission(workflow("true")), executor="process").ref
    runtime(tmp_path, "podman", "exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ARGOSY_EXECUTOR", "podman")
    assert backend.executor(ref) == backend.submission(ref).executor == "process"
    again = backend.submission(ref)
    again.workflow["metadata"]["name"] = "again"
    assert backend.executor(backend.record(again).ref) == "process", "what is submitted again runs as it did"
    assert backend.executor(backend.record(Submission(workflow("true"))).ref) == "podman"


def test_what_the_environment_says_holds_wherever_nothing_else_is_wanted(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("podman", "docker"):
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ARGOSY_EXECUTOR", "process")
    assert choose_executor(backend.home).executor == "process"
    assert choose_executor(backend.home, "docker").executor == "docker"
    ref = backend.record(Submission(workflow("true"))).ref
    assert backend.state.row(ref.uid).executor == "process"


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFailure, match="cannot make"):
        Home.open(tmp_path / "file" / "home")
    assert stat.S_IMODE(Home.open(tmp_path / "new").root.stat().st_mode) == 0o700


def test_many_processes_make_one_home(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from argo.local.state.database import State;"
    code += "State(Path(sys.argv[1])).rows()"
    command = [sys.executable, "-c", code, str(tmp_path / "state.db")]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(6)]
    assert [process.communicate()[1] for process in processes] == [b""] * 6
