"""Runs from the command line: outcome, arguments, stop, gates, Ctrl-C, logs, fetch."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from argo.workflow.commands import user
from tests.argo.cli import manifests
from tests.argo.cli.conftest import Command
from tests.argo.serve.workflow_api.serving import write_assets
from tests.waiting import HANG


def test_a_manifest_runs_and_its_results_are_fetched(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    done = argosy("run", "hello.yaml", "--name", "first")
    assert "first Succeeded" in done.stdout
    assert "argosy fetch first -d" in done.stdout
    assert "argosy logs first" in done.stdout
    assert "Succeeded  greet" in done.stderr
    status = argosy.json("status", "first")
    assert list(status) == ["name", "phase", "message", "executor", "tasks", "results"]
    assert status["results"]["greeting"] == "hello world"
    assert status["tasks"]["greet"]["phase"] == "Succeeded"
    files = {entry["output"]: entry for entry in argosy.json("fetch", "first", "-d", "out")}
    assert list(files["copy"]) == ["output", "path", "size", "sha256"]
    assert (argosy.cwd / files["copy"]["path"]).read_bytes() == b"given\n"
    assert argosy("logs", "first").stdout == "greet: hello world\n"
    assert argosy("logs", "first", "--task", "greet").stdout == "hello world\n"
    workflow = yaml.safe_load(argosy("get", "first").stdout)
    assert (workflow["kind"], workflow["status"]["phase"]) == ("Workflow", "Succeeded")
    assert workflow["status"]["nodes"]["first"]["type"] == "DAG"


def test_parameters_and_inputs(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    (argosy.cwd / "mine.txt").write_bytes(b"\x00\xffmine")
    run = argosy.json("run", "hello.yaml", "-p", "who=moon", "-i", "text=mine.txt")
    assert run["name"].startswith("hello-")
    assert len(run["name"]) == len("hello-") + 5
    assert run["results"]["greeting"] == "hello moon"
    (entry,) = argosy.json("fetch", run["name"], "copy", "-d", "out")
    assert (argosy.cwd / entry["path"]).read_bytes() == b"\x00\xffmine"


def test_mistyped_arguments_start_nothing(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    for args, hint in (
        (["-p", "woh=x"], "did you mean who?"),
        (["-i", "txet=hello.yaml"], "did you mean text?"),
        (["-p", "who"], "name=value"),
        (["-p", "tone=shrill"], "loud, soft"),
        (["-i", "text=nowhere.txt"], "does not exist"),
        (["-p", "who=a", "-p", "who=b"], "given twice"),
        (["--executer", "process"], "--executor"),
    ):
        assert hint in argosy("run", "hello.yaml", *args, code=2).stderr
    assert "no DAG named helo" in argosy("run", "helo", code=2).stderr
    assert argosy.json("list") == []


def test_a_missing_parameter_is_named(argosy: Command) -> None:
    argosy.write(shared=manifests.TEMPLATE, config=manifests.CONFIG)
    assert "-p key=" in argosy("run", "shared.yaml", "config.yaml", code=2).stderr
    run = argosy.json("run", "shared.yaml", "config.yaml", "-p", "key=a")
    assert run["name"].startswith("shared-")
    assert run["results"] == {"found": "a-mapped"}


def test_a_failure_shows_why_and_exits_1(argosy: Command) -> None:
    argosy.write(fails=manifests.FAILS)
    done = argosy("run", "fails.yaml", code=1)
    assert "fails Failed" in done.stdout
    assert "| why it fails" in done.stdout
    assert argosy.json("status", "fails")["phase"] == "Failed"
    assert "exists already" in argosy("run", "fails.yaml", code=2).stderr
    assert "has ended" in argosy("resume", "fails", code=2).stderr
    argosy("delete", "fails")
    assert argosy.json("list") == []
    assert not list((argosy.home / "runs").iterdir())
    assert argosy.json("run", "fails.yaml", code=1)["phase"] == "Failed"


def test_stop_ends_a_run_that_another_process_drives(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "60"))
    process = argosy.start("run", "sleeps.yaml")
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    assert "another process drives" in argosy("delete", "sleeps", code=2).stderr
    argosy("stop", "sleeps")
    assert process.wait(timeout=HANG) == 1
    status = argosy.json("status", "sleeps")
    assert status["phase"] == "Failed"
    assert "Stopped with strategy 'Stop'" in status["message"]


def test_a_killed_run_is_stopped_without_an_engine(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "60"))
    process = argosy.start("run", "sleeps.yaml")
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    process.kill()
    process.wait()
    assert "may still run" in argosy("delete", "sleeps", code=2).stderr
    assert "stopped" in argosy("stop", "sleeps").stdout
    assert argosy.json("status", "sleeps")["phase"] == "Failed"
    argosy("delete", "sleeps")


def test_ctrl_c_leaves_a_run_that_resume_takes_up(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "15"))
    process = argosy.start("run", "sleeps.yaml")
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert "argosy resume sleeps" in err
    assert "argosy stop sleeps" in err
    assert "go on to their end" in err
    assert "(left)" in argosy("list").stdout
    assert argosy.json("resume", "sleeps")["phase"] == "Succeeded"
    assert argosy("logs", "sleeps", "--task", "long").stdout == "started\ndone\n", "it was taken over, not run again"


def test_the_executor_is_said_at_the_start_and_kept_with_the_run(argosy: Command) -> None:
    argosy.write(fails=manifests.FAILS)
    said = "as processes of this machine (executor process); their `image:` is not used"
    assert said in argosy("run", "fails.yaml", code=1).stderr
    assert said in argosy("status", "fails").stdout
    assert argosy.json("status", "fails")["executor"] == "process"
    argosy.executor = "podman"
    assert argosy.json("retry", "fails", "--watch", code=1)["executor"] == "process"
    assert said in argosy("resubmit", "fails", "--name", "again", "--watch", code=1).stderr
    assert argosy.json("status", "again")["executor"] == "process"


def test_servers_say_how_they_run_tasks_as_they_start(argosy: Command) -> None:
    write_assets(argosy.cwd / "assets")
    said = "as processes of this machine (executor process); their `image:` is not used"
    for number, command in enumerate((["local", "up"], ["serve", "assets"])):
        log = argosy.cwd / f"{number}.log"
        with log.open("w") as stderr:
            server = argosy.start(*command, "--port", "0", stderr=stderr)
        argosy.until(lambda log=log: said in log.read_text())  # type: ignore[misc]
        server.terminate()


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="Argosy runs in no virtual environment here")
def test_a_task_runs_the_machines_python_though_argosys_is_active(
    argosy: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    script = "import importlib.util, os, sys; found = importlib.util.find_spec('hera')\n"
    script += "print([sys.prefix, os.environ.get('VIRTUAL_ENV'), found])"
    template = {"name": "look", "container": {"image": "python", "command": ["python3", "-c", script]}}
    spec = {"entrypoint": "look", "templates": [template]}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "look"}}
    argosy.write(look=yaml.safe_dump({**head, "spec": spec}))
    argosy("run", "look.yaml")
    assert argosy("logs", "look").stdout == f"look: [{sys.base_prefix!r}, None, None]\n"


def test_stop_gives_a_task_the_time_that_it_has_and_no_more(argosy: Command) -> None:
    """Its own is a second; where it had the half minute of Kubernetes, it would say that it ends late."""
    late = manifests.STUBBORN.replace("100000", "1").replace("trap '' TERM", "trap 'sleep 25; echo late; exit' TERM")
    argosy.write(stubborn=late)
    process = argosy.start("run", "stubborn.yaml")
    argosy.until(lambda: argosy.phase("stubborn", "stubborn") == "Running")
    argosy.until(lambda: "started" in argosy("logs", "stubborn").stdout)
    argosy("stop", "stubborn")
    assert process.wait(timeout=HANG) == 1
    assert "late" not in argosy("logs", "stubborn").stdout
    assert argosy.json("status", "stubborn")["phase"] == "Failed"


def test_stop_now_ends_at_once_what_takes_its_time(argosy: Command) -> None:
    argosy.write(stubborn=manifests.STUBBORN)
    process = argosy.start("run", "stubborn.yaml")
    argosy.until(lambda: argosy.phase("stubborn", "stubborn") == "Running")
    argosy.until(lambda: "started" in argosy("logs", "stubborn").stdout)
    assert "is stopping" in argosy("stop", "stubborn").stdout
    argosy.until(lambda: argosy.json("status", "stubborn")["phase"] == "Failed")
    assert process.poll() is None, "its task has time to end"
    argosy("stop", "--now", "stubborn")
    assert process.wait(timeout=HANG) == 1


def test_a_stop_that_is_left_is_taken_up_again(argosy: Command) -> None:
    argosy.write(stubborn=manifests.STUBBORN)
    process = argosy.start("run", "stubborn.yaml")
    argosy.until(lambda: argosy.phase("stubborn", "stubborn") == "Running")
    argosy.until(lambda: "started" in argosy("logs", "stubborn").stdout)
    process.kill()
    process.wait()
    stop = argosy.start("stop", "stubborn")
    argosy.until(lambda: argosy.json("status", "stubborn")["phase"] == "Failed")
    stop.send_signal(signal.SIGINT)
    out, err = stop.communicate(timeout=HANG)
    assert "is stopping" in out
    assert "argosy stop stubborn" in err
    assert "may still run" in argosy("delete", "stubborn", code=2).stderr
    assert "stopped" in argosy("stop", "--now", "stubborn").stdout
    argosy("delete", "stubborn")


def test_a_second_ctrl_c_ends_the_run(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "100000"))
    leader, follower = pty.openpty()
    process = argosy.start("run", "sleeps.yaml", stdin=follower, stderr=follower)
    os.close(follower)
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    process.send_signal(signal.SIGINT)
    shown = b""
    while b"or Ctrl-C again" not in shown:
        shown += os.read(leader, 4096)
    assert b"argosy resume sleeps" in shown
    assert b"tasks that run go on to their end" in shown
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=HANG) == 130
    os.close(leader)
    assert argosy.json("status", "sleeps")["phase"] == "Failed"


def test_ctrl_c_while_watching_says_that_the_run_goes_on(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "100000"))
    argosy("submit", "sleeps.yaml")
    argosy.until(lambda: "started" in argosy("logs", "sleeps").stdout)
    for command in (["watch", "sleeps"], ["logs", "-f", "sleeps"]):
        process = argosy.start(*command)
        stream = process.stderr if command[0] == "watch" else process.stdout
        assert stream is not None
        stream.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=HANG)
        assert process.returncode == 130
        assert "sleeps goes on" in err
        assert "argosy stop sleeps" in err
    argosy("stop", "--now", "sleeps")
    argosy.until(lambda: argosy.json("status", "sleeps")["phase"] == "Failed")


def test_a_gate_is_approved_from_another_process(argosy: Command) -> None:
    argosy.write(gated=manifests.GATE)
    process = argosy.start("run", "gated.yaml")
    argosy.until(lambda: argosy.phase("gated", "gate") == "Running")
    assert "did you mean gate" in argosy("approve", "gated", "gat", code=2).stderr
    argosy("approve", "gated", "gate", "-m", "looks right")
    _, err = process.communicate(timeout=HANG)
    assert process.returncode == 0, err
    assert "argosy approve gated gate" in err
    status = argosy.json("status", "gated")
    assert status["tasks"]["publish"]["phase"] == "Succeeded"
    gate = status["tasks"]["gate"]["gate"]
    assert (gate["decision"], gate["by"], gate["reason"]) == ("approved", user(), "looks right")


def test_a_gate_without_wait_is_decided_later(argosy: Command) -> None:
    argosy.write(gated=manifests.GATE)
    assert "argosy approve gated gate" in argosy("run", "gated.yaml", "--no-wait").stderr
    waiting = argosy("status", "gated").stdout
    assert "Shall it be published?" in waiting
    assert "argosy approve gated gate" in waiting
    argosy("reject", "gated", "gate", "-m", "not yet")
    ended = argosy("resume", "gated")
    run = argosy.json("status", "gated")
    assert (run["phase"], run["tasks"]["publish"]["phase"]) == ("Succeeded", "Skipped")
    drawn = argosy("graph", "gated").stdout.replace("#58;", ":").replace("#63;", "?")
    for text in (ended.stdout, ended.stderr, argosy("status", "gated").stdout, argosy("watch", "gated").stdout, drawn):
        assert "ejected" in text
        assert f"by {user()}: not yet" in text
        assert "Shall it be published?" in text


def test_suspend_and_resume_from_another_process(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "5"))
    process = argosy.start("run", "sleeps.yaml")
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    argosy("suspend", "sleeps")
    assert process.poll() is None
    assert "goes on" in argosy("resume", "sleeps").stderr
    assert process.wait(timeout=HANG) == 0


def test_watch_and_follow_from_another_process(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "15"))  # long enough to be seen on a busy machine
    process = argosy.start("run", "sleeps.yaml")
    argosy.until(lambda: argosy.phase("sleeps", "long") == "Running")
    follower = argosy.start("logs", "sleeps", "-f")
    watched = argosy("watch", "sleeps")
    assert "Succeeded  after" in watched.stderr
    assert "sleeps Succeeded" in watched.stdout
    assert follower.communicate(timeout=HANG)[0] == "long: started\nlong: done\nafter: after\n"
    assert process.wait(timeout=HANG) == 0


def test_what_is_not_supported_is_refused_by_position(argosy: Command) -> None:
    text = manifests.FAILS.replace("      container:", "      daemon: true\n      container:")
    (argosy.cwd / "odd.yaml").write_text(text.replace("daemon: true", "noSuchField: true"))
    refused = argosy("run", "odd.yaml", code=2)
    assert "odd.yaml:8" in refused.stderr
    assert "noSuchField" in refused.stderr
    assert argosy.json("list") == []


def test_a_terminal_shows_the_tree(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    leader, follower = pty.openpty()
    environment = {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    process = subprocess.Popen(
        [*_command(), "run", "hello.yaml", "--name", "seen"], cwd=argosy.cwd, stdin=follower, stdout=follower,
        stderr=follower, env={**argosy.environment, **environment},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        shown += piece
    os.close(leader)
    assert process.wait(timeout=HANG) == 0
    text = shown.decode(errors="replace")
    assert "└ ✔ greet" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "seen Succeeded" in text


def test_a_closed_pipe_is_no_error(argosy: Command) -> None:
    argosy.write(many=manifests.FAILS.replace("echo why it fails; exit 3", "seq 200000").replace("fails", "many"))
    argosy("run", "many.yaml")
    process = argosy.start("logs", "many")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=HANG) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""


def _command() -> list[str]:
    return [sys.executable, "-m", "argo.cli"]


def test_the_home_is_private(argosy: Command) -> None:
    argosy("list")
    assert Path(argosy.home).stat().st_mode & 0o077 == 0
