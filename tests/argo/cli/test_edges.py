"""The command where things go wrong around it: closed and full streams, odd locales, full disks, mistyped names."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.argo.cli import manifests
from tests.argo.cli.conftest import Command
from tests.waiting import HANG

COMMAND = [sys.executable, "-m", "argo.cli"]
FULL = Path("/dev/full")


def shell(argosy: Command, line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `argosy` is the command."""
    words = " ".join(COMMAND)
    script = f'argosy() {{ {words} "$@"; }}\n{line}'
    done = subprocess.run(
        ["bash", "-c", script], cwd=argosy.cwd, env={**argosy.environment, **environment}, capture_output=True,
        timeout=HANG, check=False,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert b"bug in Argosy" not in done.stderr
    return done


@pytest.fixture
def ran(argosy: Command) -> Command:
    argosy.write(hello=manifests.HELLO)
    argosy("run", "hello.yaml", "--name", "ran", "-q")
    return argosy


@pytest.mark.parametrize("command", ["list", "status ran", "get ran", "logs ran", "assets list", "compile fork-join"])
def test_a_closed_stdout_is_no_error(ran: Command, command: str) -> None:
    assert shell(ran, f"argosy {command} >&-").returncode == 0
    assert shell(ran, f"argosy {command} 2>&-").returncode == 0


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["list", "status ran", "get ran", "--help", "compile fork-join"])
def test_a_full_stdout_is_an_environment_failure(ran: Command, command: str) -> None:
    done = shell(ran, f"argosy {command} >/dev/full")
    assert done.returncode == 3
    assert b"no space left" in done.stderr
    assert b"next: make space" in done.stderr


def test_a_run_goes_on_when_nobody_reads_its_progress(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "1"))
    done = shell(argosy, "argosy run sleeps.yaml 2>&1 | head -1; exit ${PIPESTATUS[0]}")
    assert done.returncode == 0
    assert argosy.json("status", "sleeps")["phase"] == "Succeeded"


def test_no_locale_is_too_poor(ran: Command) -> None:
    poor = {"PYTHONIOENCODING": "latin-1"}
    done = shell(ran, "argosy status ran", **poor)
    assert done.returncode == 0
    assert b"`" in done.stdout
    assert b"+ greet" in done.stdout
    assert shell(ran, "argosy get ran -o json", **poor).stdout.isascii()
    for environment in (poor, {}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        missing = shell(ran, "argosy status $'n\\xffpe'", **environment)  # bytes that are no text
        assert missing.returncode == 2
        assert b"is not UTF-8" in missing.stderr
        assert shell(ran, "argosy run hello.yaml -p who=$'\\xff'", **environment).returncode == 2
        assert shell(ran, "argosy status ran", **environment).returncode == 0


@pytest.mark.parametrize("name", ["Bad Name", "ä", "a" * 64, "-a", "a_b", "", "a/b", ".."])
def test_a_run_is_named_as_kubernetes_has_it(argosy: Command, name: str) -> None:
    argosy.write(hello=manifests.HELLO)
    if name == "":
        return
    refused = argosy("run", "hello.yaml", "--name", name, code=2)
    assert "is not a name for a run" in refused.stderr
    assert re.search(r"next: --name [a-z0-9]", refused.stderr)
    assert argosy.json("list") == []


def test_a_missing_file_has_its_neighbour_named(argosy: Command) -> None:
    argosy.write(hello=manifests.HELLO)
    assert "did you mean hello.yaml?" in argosy("run", "helo.yaml", code=2).stderr
    assert "looked in" in argosy("run", "nowhere/helo.yaml", code=2).stderr


def test_an_ended_run_is_left_alone_and_says_so(ran: Command) -> None:
    for command in (["stop", "ran"], ["suspend", "ran"], ["approve", "ran", "greet"]):
        refused = ran(*command, code=2)
        assert "has ended" in refused.stderr
        assert "nothing was changed" in refused.stderr
        assert "next: argosy status ran" in refused.stderr


def test_files_are_written_whole_or_not_at_all(argosy: Command) -> None:
    (argosy.cwd / "there").write_text("a file\n")
    for command in (
        ["graph", "fork-join", "-o", "there/x.svg"],
        ["schema", "-d", "there/s"],
        ["compile", "fork-join", "-d", "there/m"],
    ):
        refused = argosy(*command, code=3)
        assert "cannot write there/" in refused.stderr
        assert "nothing is half written" in refused.stderr
    argosy("assets", "new", "asset", "greet")
    assert not list((argosy.cwd / "assets").glob(".*"))


def test_a_picture_of_a_definition_needs_no_state(argosy: Command) -> None:
    argosy("graph", "fork-join")
    assert not (argosy.home / "state.db").exists()
    assert argosy.home.stat().st_mode & 0o077 == 0, "private, whoever made it"
    argosy.home = Path("/proc/no-home")
    argosy("graph", "fork-join")
    argosy("compile", "fork-join")


def test_scaffolds_compile_and_run_as_they_are(argosy: Command) -> None:
    for arguments in (["asset", "greet"], ["dag", "plain"], ["dag", "uses", "--asset", "greet"], ["project"]):
        argosy("assets", "new", *arguments)
    assert "no mistakes" in argosy("check", ".", "--strict").stderr
    argosy("compile", ".", "-d", "manifests")
    argosy("compile", ".", "-d", "manifests", "--check")
    (argosy.cwd / "text.txt").write_text("world\n")
    for dag, given in (("plain", ()), ("uses", ("-i", "source=text.txt"))):
        run = argosy.json("run", dag, *given)
        (entry,) = argosy.json("fetch", run["name"], "-d", "out")
        assert (argosy.cwd / entry["path"]).read_text() == "Hello, world\n"


def test_names_are_found_from_a_folder_of_the_project(argosy: Command) -> None:
    (argosy.cwd / "argosy.yaml").write_text("kind: Project\ndags: [flows]\n")
    (argosy.cwd / "flows").mkdir()
    dag = "kind: Dag\nname: inner\ntasks: {a: {image: 'x:1', command: ['true']}}\n"
    (argosy.cwd / "flows" / "file.yaml").write_text(dag)
    (argosy.cwd / "deep").mkdir()
    below = Command(argosy.home, argosy.cwd / "deep")
    assert "inner" in below("assets", "list", "--kind", "dags", "-o", "name").stdout.split()
    assert 'n0["a"]' in below("graph", "inner").stdout


def test_the_tree_fits_a_small_terminal(argosy: Command) -> None:
    argosy.write(sleeps=manifests.SLEEPS.replace("SECONDS", "1"))
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 6, 24, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "run", "sleeps.yaml", "--name", "a-run-with-a-rather-long-name"], cwd=argosy.cwd,
        stderr=follower, stdout=subprocess.DEVNULL, env={**argosy.environment, "TERM": "xterm"},
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
    drawings = shown.decode().replace("\r", "").partition("on this machine\n")[2]
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawings).splitlines()
    assert lines
    assert max(map(len, lines)) < 24
    assert any("✔" in line for line in lines)


def test_the_shell_completes_names(ran: Command) -> None:
    for words, position, expected in (("argosy sta", 1, b"status"), ("argosy status r", 2, b"ran")):
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(position), "_ARGOSY_COMPLETE": "bash_complete"}
        assert expected in shell(ran, "argosy", **environment).stdout
