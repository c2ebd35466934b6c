"""A pod's directory: its lock, its records, and in which state a crash may have left it.

lock          held by the engine while it prepares the pod, then by the supervisor, which inherits it
request.json  what was asked for; no secret is in it
devices.json  the devices that it holds, by resource
pid           of the supervisor
started       written before the first container is
kill          the engine's wish that the pod stop, with the grace in seconds
.exit         space for exit.json
exit.json     what the supervisor saw, written when nothing of the pod lives any more
outcome.json  what the engine made of it, written when all outputs are stored
<name>.log    what a container printed
packed        an output on its way to the store
ctr/          of each sidecar that ended, its exit code, as main containers see it
root/, roots/<name>/, volumes/, secrets/, staging/, kept/, copied/   what the containers worked on
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from argo.files.beneath import Node, UnsafeFileError
from argo.local.executors.shim import record

State = Literal["new", "running", "ended", "lost"]
# What a restart of a pod that never started keeps.
_LASTING = {"lock", "kill"}


@dataclass(frozen=True, slots=True)
class PodFolder:
    """The directory of one pod."""

    path: Path

    @property
    def root(self) -> Path:
        """The main container's file system."""
        return self.path / "root"

    def claim(self) -> tuple[State, int | None]:
        """The pod's state and, when it is "new" or "lost", the lock's descriptor: nobody else can start it meanwhile.

        "lost" is a pod that was started and whose supervisor was killed before it could write its record.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return "running", None
        if (self.path / "exit.json").exists() or (self.path / "outcome.json").exists():
            os.close(descriptor)
            return "ended", None
        if (self.path / "started").exists():
            return "lost", descriptor
        return "new", descriptor

    def locked(self) -> bool:
        """True where a process holds the pod's lock: the pod is being prepared, or runs."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def read(self, name: str) -> Any:
        """A JSON record, None where there is none, or none that is whole."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def hold(self, place: str) -> Node:
        """Hold what lies at a place below this directory, where no link leads. Raises OSError."""
        inner = os.path.relpath(place, self.path).split("/")
        if ".." in inner:
            raise UnsafeFileError("lies outside of the pod")
        with Node.at(str(self.path)) as top:
            return top.below(inner)

    def write(self, name: str, value: Any, *, sync: bool = False) -> None:
        """Write a JSON record, whole or not at all."""
        record.write(str(self.path), name, value, sync=sync)

    def clean(self) -> None:
        """Remove what a start that came to nothing left. The caller holds the lock."""
        for entry in self.path.iterdir():
            if entry.name not in _LASTING:
                remove(entry)

    def tidy(self, *, all_work: bool) -> None:
        """Remove what must not stay when the pod has ended: its secrets, and with `all_work` what it worked on."""
        remove(self.path / "secrets")
        for name in ("root", "roots", "volumes", "staging", "kept", "copied", "started") if all_work else ():
            try:
                remove(self.path / name)
            except PermissionError:  # made by another user, of a container runtime that runs as root
                continue


def remove(path: Path) -> None:
    """Remove a file or a tree, also where programs took their own rights away."""
    try:
        folder = Node.at(str(path.parent))
    except FileNotFoundError:
        return
    with folder:
        folder.remove(path.name)
