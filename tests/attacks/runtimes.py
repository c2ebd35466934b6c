"""A program that stands in for podman's or docker's command line: it writes down what it is asked, and does of it what
an attack needs. And the real podman, where one works.

`run` executes the command as a process of this machine. Where a bind mount of `/out` lies stands in `$MOUNT_out`, and
`$LAYER` is a folder that `cp` copies from: the container's own file system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from argo.local.executors.local import Executor

IMAGE = "docker.io/library/alpine:3"

_PROGRAM = r"""#!{python} -IS
import json, os, shutil, signal, subprocess, sys
here = os.path.dirname(os.path.abspath(sys.argv[0]))
argv = sys.argv[1:]
with open(os.path.join(here, "calls"), "a") as calls:
    calls.write(json.dumps(argv) + "\n")
BARE = ("--privileged", "--read-only", "--init", "--rm")


def layer(name):
    return os.path.join(here, "layers", name)


def run(words):
    env = {{"PATH": os.environ["PATH"]}}
    name = entrypoint = ""
    while words[0].startswith("-") and words[0] != "--":
        flag, equals, value = words.pop(0).partition("=")
        if flag not in BARE and not equals:
            value = words.pop(0)
        if flag == "--name":
            name = value
        elif flag == "--entrypoint":
            entrypoint = value
        elif flag == "--mount":
            mount = dict(item.partition("=")[::2] for item in value.split(","))
            env["MOUNT_" + mount["target"].strip("/").replace("/", "_")] = mount["source"]
        elif flag == "--env-file":
            with open(value) as file:
                env.update(line.rstrip("\n").partition("=")[::2] for line in file)
    if words[0] == "--":
        words.pop(0)
    image, *command = words
    env["LAYER"] = layer(name)
    os.makedirs(env["LAYER"], exist_ok=True)
    command = [entrypoint, *command] if entrypoint else command
    os.execvpe(command[0], command, env)


def copy(source, target):
    name, _, path = source.partition(":")
    found = layer(name) + path
    if not os.path.lexists(found):
        sys.exit(125)
    os.execvp("cp", ["cp", "-a", found, target])


if argv[0] == "run":
    run(argv[1:])
elif argv[0] == "cp":
    copy(*argv[1:])
elif argv[0] == "info":
    print(json.dumps({{
        "host": {{
            "cgroupVersion": "v2", "cgroupControllers": ["cpu", "memory", "pids"], "security": {{"rootless": True}},
        }},
        "MemoryLimit": True, "CpuCfsQuota": True, "PidsLimit": True,
    }}))
elif argv[0] == "rm":
    for name in argv[1:]:
        shutil.rmtree(layer(name), ignore_errors=True)
"""


class StandIn:
    """A folder with a program that is called podman or docker."""

    def __init__(self, folder: Path, name: Executor) -> None:
        self.folder = folder
        self.name: Executor = name
        folder.mkdir(parents=True)
        program = folder / name
        program.write_text(_PROGRAM.format(python=sys.executable))
        program.chmod(0o755)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of an engine that finds this program before any other."""
        return {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}

    def calls(self) -> list[list[str]]:
        """The arguments of each call so far."""
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def why_no_podman() -> str:
    """Why the real podman cannot run the small image here; empty where it can. Nothing is pulled."""
    if not shutil.which("podman"):
        return "podman is not installed"
    command = ["podman", "run", "--rm", "--pull", "never", "--network", "none", IMAGE, "true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "podman does not answer"
    return f"podman does not run {IMAGE} here: {done.stderr.strip()[-200:]}" if done.returncode else ""
