"""Which view follows a run: a live tree on a terminal, lines in a pipe; and the summary at its end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import click

from argo.backend import FULFILLED, Json
from argo.cli.options import again
from argo.cli.output import say
from argo.errors import ArgosyError
from argo.views.estimate import expected, used
from argo.views.text import clean, duration
from argo.workflow.gates import gates, how
from argo.workflow.outputs import Result, results
from argo.workflow.tree import Task, moment, relative, tree

if TYPE_CHECKING:
    from argo.backend import Backend, RunRef

_TAIL = 15  # lines of a failed task's log


class View(Protocol):
    """Shows a run while it goes on."""

    def update(self, workflow: Json, changed: Collection[str] | None = None) -> None: ...
    def close(self) -> None: ...


class Earlier:
    """How long the runs of a place took. It is asked once, and never the reason for an error."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._seconds: float | None = None
        self._asked = False

    def __call__(self, workflow: Json) -> float | None:
        """Seconds that a run takes; None where nothing tells."""
        own = expected(workflow, ())
        if own is None and not self._asked:
            self._asked = True
            with suppress(ArgosyError):
                self._seconds = expected(workflow, self._backend.list())
        return own or self._seconds


def follow_view(quiet: bool = False, seconds: Callable[[Json], float | None] | None = None) -> View:
    """The view for this terminal or pipe; it writes on stderr, so that stdout stays for the outcome."""
    if quiet:
        return _Silent()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from argo.cli.output import color
        from argo.views.live import LiveView

        return _Unwatched(LiveView(color=color(sys.stderr), expected=seconds))
    return _Unwatched(_Lines())


class _Unwatched:
    """Another view until nobody reads it any more: that must not end what is being shown."""

    def __init__(self, view: View) -> None:
        self._view = view

    def update(self, workflow: Json, changed: Collection[str] | None = None) -> None:
        try:
            self._view.update(workflow, changed)
        except OSError:
            self._view = _Silent()

    def close(self) -> None:
        with suppress(OSError):
            self._view.close()


class _Silent:
    def update(self, workflow: Json, changed: Collection[str] | None = None) -> None:
        del workflow, changed

    def close(self) -> None:
        pass


class _Lines:
    """Plain lines, and how to decide a gate when one is reached."""

    def __init__(self) -> None:
        from argo.views.plain import PlainView

        self._view = PlainView(lambda line: click.echo(line, err=True))
        self._told: set[str] = set()
        self._started = False

    def update(self, workflow: Json, changed: Collection[str] | None = None) -> None:
        if changed is not None and not changed and self._started:
            return
        self._started = True
        self._view.update(workflow, changed)
        nodes = (workflow.get("status") or {}).get("nodes") or {}
        run = workflow["metadata"]["name"]
        for key in nodes if changed is None else changed:
            node = nodes.get(key) or {}
            if node.get("type") == "Suspend" and node.get("phase") not in FULFILLED and key not in self._told:
                self._told.add(key)
                task = relative(node["name"], run)
                say(f"          decide with: {how(run, task, again())}")

    def close(self) -> None:
        self._view.close()


def summary(backend: Backend, ref: RunRef, workflow: Json) -> None:
    """On stdout: how the run ended, what it made, where all lies, and what to type next."""
    phase = (workflow.get("status") or {}).get("phase") or "Pending"
    click.echo(f"{ref.name} {phase}{_how(workflow)}")
    decided = [(relative(node["name"], ref.name), gate) for node, gate in gates(workflow) if gate.decision]
    if decided:
        click.echo("\ndecisions")
        for task, gate in decided:
            click.echo(f"  {task:<20}  {gate.decision} {clean(gate.note)}")
    if phase in ("Failed", "Error"):
        failures(backend, ref, workflow)
    made = [result for result in results(workflow) if result.ready]
    print_results(made)
    places = {**backend.places(ref), "link": backend.link(ref)}
    click.echo()
    lines = [f"{label:<9}  {where}" for label, where in places.items() if where]
    fetch = [f"  argosy fetch {ref.name} -d results{again()}"] if made else []
    for line in (*lines, "\nnext", *fetch, f"  argosy logs {ref.name}{again()}"):
        click.echo(line)


def _how(workflow: Json) -> str:
    """How long the run took, its message, and what it used, as far as they are known."""
    status, reserved = workflow.get("status") or {}, used(workflow)
    started, finished = moment(status.get("startedAt")), moment(status.get("finishedAt"))
    took = f" after {duration((finished - started).total_seconds())}" if started and finished else ""
    message = f": {status['message']}" if status.get("message") else ""
    return f"{took}{message}" + (f" ({reserved})" if reserved else "")


def print_results(made: Sequence[Result]) -> None:
    """Print results in a few words each, under a heading; nothing where there are none."""
    if made:
        click.echo("\nresults")
    for result in made:
        text = f"{result.kind}{'' if result.ready else ' (not there yet)'}"
        if result.kind == "value":
            text = result.value if result.value is not None else "(not there)"
            text = text if len(text) <= 80 else text[:77] + "..."
        click.echo(f"  {result.name:<20}  {text}")


def failures(backend: Backend, ref: RunRef, workflow: Json) -> None:
    """The tasks that failed, with the end of what they wrote."""
    top = tree(workflow)
    failed = [t for t in top.walk() if t.phase in ("Failed", "Error") and t.path and not _explained(t)]
    for task in failed[:3]:
        click.echo(f"\n{task.path} {task.phase}" + (f": {task.message}" if task.message else ""))
        if task.fault:
            click.echo(f"  {task.fault.whose}" + (f": {task.fault.why}" if task.fault.why else ""))
            if task.fault.hint:
                click.echo(f"  next: {task.fault.hint}")
        lines: list[str] = []
        with suppress(ArgosyError):  # on a cluster the pod may be gone, with what it wrote
            lines = [line.text for line in backend.logs(ref, task.path)]
        for line in lines[-_TAIL:]:
            click.echo(f"  | {line}")
    if len(failed) > 3:
        click.echo(f"\n… and {len(failed) - 3} more; argosy status {ref.name} shows all")


def _explained(task: Task) -> bool:
    """True where a task below this one failed, and so explains the failure of this one."""
    return any(t.phase in ("Failed", "Error") for child in task.children for t in child.walk())


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
