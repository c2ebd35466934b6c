"""A run followed on a terminal: the tree of its tasks, redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from argo.backend import FULFILLED, Json
from argo.track.text import duration, sign
from argo.track.tree import Task, relative, tree, waiting

_EVERY = 0.25  # seconds between two drawings
_RANK = {"Failed": 0, "Error": 0, "Running": 1, "Pending": 2, "Succeeded": 3, "Skipped": 4, "Omitted": 4}

Row = tuple[str, Task]
"""The lines of the tree before a task's name, and the task."""


class LiveView:
    """Draws a run on `console` at most four times a second."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._drawn = 0.0
        self._workflow: Json | None = None
        self._live.start()

    def update(self, workflow: Json, changed: Collection[str] | None = None) -> None:
        """Take in the run as it is now."""
        del changed
        self._workflow = workflow
        now = time.monotonic()
        if now - self._drawn >= _EVERY:
            self._drawn = now
            self._live.update(self._render(self._console.height - 1), refresh=True)

    def close(self) -> None:
        """Draw the last state and leave the terminal as it was."""
        if self._workflow is not None:
            self._live.update(self._render(max(self._console.height - 1, 40)), refresh=True)
        self._live.stop()

    def _render(self, height: int) -> RenderableType:
        assert self._workflow is not None
        gates = [relative(node["name"], self._workflow["metadata"]["name"]) for node in waiting(self._workflow)]
        picture = render(tree(self._workflow), datetime.now(UTC), height - len(gates[:3]))
        run = self._workflow["metadata"]["name"]
        return Group(picture, *(Text(f"  decide: argosy approve|reject {run} {gate}", "magenta") for gate in gates[:3]))


def render(top: Task, now: datetime, height: int = 10_000) -> RenderableType:
    """A run as a table of at most `height` lines; what does not fit is counted in the last one."""
    rows = flatten(top)
    room = max(height - 2, 1)
    shown, hidden = (rows, 0) if len(rows) <= room else fit(rows, room - 1)
    grid = Table.grid(padding=(0, 2), expand=False)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="ellipsis", no_wrap=True, style="dim")
    for lead, task in [("", top), *shown]:
        grid.add_row(*_cells(lead, task, now))
    if not hidden:
        return grid
    return Group(grid, Text(f"  … {hidden} more ({_counts(top)})", style="dim"))


def flatten(top: Task) -> list[Row]:
    """The tasks below `top` in order, each with the lines of the tree that lead to it."""
    rows: list[Row] = []

    def visit(children: Sequence[Task], lead: str) -> None:
        for position, child in enumerate(children):
            last = position == len(children) - 1
            rows.append((lead + ("└ " if last else "├ "), child))
            visit(child.children, lead + ("  " if last else "│ "))

    visit(top.children, "")
    return rows


def fit(rows: Sequence[Row], room: int) -> tuple[list[Row], int]:
    """The `room` rows that matter most now (failed, running, pending, then the rest), in order, and how many not."""
    order = sorted(range(len(rows)), key=lambda i: (_RANK.get(rows[i][1].phase, 2), len(rows[i][0]), i))
    chosen = sorted(order[:room])
    return [rows[i] for i in chosen], len(rows) - len(chosen)


def _cells(lead: str, task: Task, now: datetime) -> tuple[Text, Text, Text, Text]:
    mark, style = sign(task.phase, task.type)
    name = (
        Text()
        .append(lead, style="dim")
        .append(f"{mark} ", style=style)
        .append(task.label, style="bold" if not lead else "")
    )
    if task.attempts > 1:
        name.append(f" (attempt {task.attempts})", style="yellow")
    phase = "Waiting" if task.type == "Suspend" and task.phase == "Running" else task.phase
    progress = task.progress if task.progress not in ("0/1", "1/1") else ""
    done = Text(duration(task.seconds(now)) if task.phase not in ("Skipped", "Omitted") else "")
    return (
        name,
        done,
        Text(phase, style=style).append(f" {progress}" if progress else ""),
        Text(" ".join(task.message.split())),
    )


def _counts(top: Task) -> str:
    leaves = [task for child in top.children for task in child.walk() if not task.children]
    done = sum(task.phase in FULFILLED for task in leaves)
    return f"{done} of {len(leaves)} done"
