"""Reads the log files of a run's pods on this machine, once or following them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from argo.backend import FINISHED, Backend, LogLine, RunRef
from argo.workflow.status import relative
from argo.workflow.tasks import pods, pods_so_far
from compiler.manifest_types import NodeStatus

_BLOCK = 1 << 20


def read_logs(backend: Backend, ref: RunRef, folder: Path, task: str | None, *, follow: bool) -> Iterator[LogLine]:
    """Whole lines of the pods in `folder`, in the order of their start; with `follow` as they come, until the run has
    ended.

    Raises NotFoundError for a task that the run has not (with `follow`: that it had not at its end).
    """
    workflow = backend.get(ref)
    tails = Tails(ref, folder)
    for snapshot in backend.watch(ref) if follow else ():
        workflow = snapshot.workflow
        over = (workflow.get("status") or {}).get("phase") in FINISHED
        yield from (line for _, line in tails.read(pods_so_far(workflow, task), whole=over))
        if not backend.active(ref):
            break
    yield from (line for _, line in tails.read(pods(workflow, task), whole=True))


class Tails:
    """The logs of one run, read in turns: each gives the whole lines that are new."""

    def __init__(self, ref: RunRef, folder: Path) -> None:
        self._ref = ref
        self._folder = folder
        self._tails: dict[Path, _Tail] = {}

    def read(self, nodes: list[NodeStatus], *, whole: bool) -> Iterator[tuple[NodeStatus, LogLine]]:
        """The new lines of the pods of these nodes, with them; `whole`: also what has no line end yet."""
        for node in nodes:
            task = relative(node["name"], self._ref.name)
            for container in _containers(self._folder / node["id"]):
                path = self._folder / node["id"] / f"{container}.log"
                tail = self._tails.setdefault(path, _Tail())
                for text in tail.read(path):
                    yield node, LogLine(task, container, text)
                if whole and tail.pieces:
                    yield node, LogLine(task, container, tail.take())


@dataclass(slots=True)
class _Tail:
    """A log file read so far: where to go on, and the pieces of the line that has not ended."""

    offset: int = 0
    rest: bytes = b""
    pieces: list[str] = field(default_factory=list)

    def read(self, path: Path) -> Iterator[str]:
        """The new lines. The file has a line `<time> <stream> <F|P> <text>` each; P goes on in the next."""
        with path.open("rb") as file:
            file.seek(self.offset)
            while block := file.read(_BLOCK):
                self.offset += len(block)
                *lines, self.rest = (self.rest + block).split(b"\n")
                for line in lines:
                    fields = line.decode(errors="replace").split(" ", 3)
                    self.pieces.append(fields[3] if len(fields) > 3 else "")
                    if len(fields) < 3 or fields[2] != "P":
                        yield self.take()

    def take(self) -> str:
        """The pieces as one line."""
        text = "".join(self.pieces)
        self.pieces.clear()
        return text


def _containers(folder: Path) -> list[str]:
    """Names of the containers of a pod that have a log; `main` first."""
    names = [path.stem for path in folder.glob("*.log") if path.stem != "supervisor"]
    return sorted(names, key=lambda name: (name != "main", name))
