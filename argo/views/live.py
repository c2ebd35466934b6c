"""A run followed on a terminal: the tree of its tasks, redrawn in place."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TextIO

from argo.backend import FULFILLED
from argo.views.estimate import left, used
from argo.views.text import Line, clean, crop, duration, paint, sign, width
from argo.workflow.status import relative
from argo.workflow.tree import Task, tree, waiting
from compiler.manifest_types import Workflow

_EVERY = 0.25  # seconds between two drawings
_SHARE = 10  # a drawing takes at most one part in so many of the time
_LAST = 40  # lines of the last drawing, where the terminal is smaller
_RANK = {"Failed": 0, "Error": 0, "Running": 1, "Pending": 2, "Succeeded": 3, "Skipped": 4, "Omitted": 4}
_NAME, _MESSAGE = 12, 8  # columns that a name keeps, and that a message needs to be shown

Row = tuple[str, Task]
"""The lines of the tree before a task's name, and the task."""


class LiveView:
    """Draws a run on a terminal at most four times a second."""

    def __init__(
        self,
        stream: TextIO | None = None,
        color: bool = True,
        expected: Callable[[Workflow], float | None] | None = None,
    ) -> None:
        """`expected` tells how many seconds a run takes; it is asked when something is drawn: it may take long."""
        self._stream = stream or sys.stderr
        self._expected = expected
        self._color = color
        self._due = 0.0
        self._workflow: Workflow | None = None
        self._size: os.terminal_size | None = None
        self._drawn = 0  # lines on the screen

    def update(self, workflow: Workflow, changed: Collection[str] | None = None) -> None:
        """Take in the run as it is now."""
        del changed
        self._workflow = workflow
        started = time.monotonic()
        if started >= self._due:
            self._draw()
            took = time.monotonic() - started
            self._due = started + max(_EVERY, _SHARE * took)

    def close(self) -> None:
        """Draw the last state and leave it on the terminal."""
        if self._workflow is not None:
            self._draw(_LAST)
            self._workflow = None

    def _draw(self, least: int = 0) -> None:
        assert self._workflow is not None
        size = _size(self._stream)
        # A terminal of another width breaks the lines that stand on it anew: only an empty screen can be counted on.
        start = "\x1b[H\x1b[2J" if self._size not in (None, size) else f"\x1b[{self._drawn}F" if self._drawn else ""
        # Lines that scrolled out cannot be reached any more, so that only the last drawing may be that long.
        seconds = self._expected(self._workflow) if self._expected is not None and self._drawn else None
        lines = picture(self._workflow, size.columns - 1, max(size.lines - 1, least), seconds)
        text = "".join(f"{paint(line, self._color)}\x1b[K\n" for line in lines)
        self._stream.write(f"{start}{text}\x1b[J")
        self._stream.flush()
        self._size, self._drawn = size, len(lines)


def picture(workflow: Workflow, columns: int, height: int, seconds: float | None = None) -> list[Line]:
    """The tree, how to decide the gates that are open, and what a run of so many seconds still takes and has used: in
    at most `height` lines.
    """
    run, now = workflow["metadata"]["name"], datetime.now(UTC)
    gates = [relative(node["name"], run) for node in waiting(workflow)][: 3 if height > 8 else 1]
    notes = [("magenta", f"  decide: argosy approve|reject {run} {gate}") for gate in gates]
    if height > 8 and (about := ", ".join(filter(None, (left(workflow, seconds, now), used(workflow))))):
        notes.append(("dim", f"  {about}"))
    lines = render(tree(workflow), now, columns, height - len(notes))
    return lines + [[(crop(text, columns), style)] for style, text in notes]


def render(top: Task, now: datetime, columns: int | None = None, height: int | None = None) -> list[Line]:
    """A run as lines of at most `columns`, and at most `height` of them; what does not fit is counted in the last."""
    rows = flatten(top)
    room = len(rows) if height is None else max(height - 1, 1)
    shown, hidden = (rows, 0) if len(rows) <= room else fit(rows, max(room - 1, 0))
    lines = _table([_cells(lead, task, now) for lead, task in [("", top), *shown]], columns)
    if hidden:
        note = f"  … {hidden} more ({_counts(top)})"
        lines.append([(note if columns is None else crop(note, columns), "dim")])
    return lines


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


def _table(rows: Sequence[tuple[Line, str, Line, str]], columns: int | None) -> list[Line]:
    """Name, duration, phase and message below each other. The message is what gives way, then the name."""
    names = max(_width(name) for name, _, _, _ in rows)
    times = max(width(took) for _, took, _, _ in rows)
    phases = max(_width(phase) for _, _, phase, _ in rows)
    room = None
    if columns is not None:
        names = min(names, max(columns - times - phases - 4, _NAME))
        room = columns - names - times - phases - 6
    lines: list[Line] = []
    for name, took, phase, message in rows:
        line = [*_fitted(name, names), (f"  {took:>{times}}  ", ""), *phase]
        if message and (room is None or room >= _MESSAGE):
            gap = " " * (phases - _width(phase) + 2)
            line.append((gap + (message if room is None else crop(message, room)), "dim"))
        lines.append(line if columns is None else _fitted(line, columns, fill=False))
    return lines


def _fitted(line: Line, columns: int, *, fill: bool = True) -> Line:
    """The line cropped to so many columns, or filled up to them."""
    fitted: Line = []
    left = columns
    for text, style in line:
        part = crop(text, left)
        fitted.append((part, style))
        left -= width(part)
        if part != text:
            break
    return [*fitted, (" " * left, "")] if fill and left > 0 else fitted


def _width(line: Line) -> int:
    return sum(width(text) for text, _ in line)


def _cells(lead: str, task: Task, now: datetime) -> tuple[Line, str, Line, str]:
    mark, style = sign(task.word)
    name: Line = [(lead, "dim"), (f"{mark} ", style), (clean(task.label), "" if lead else "bold")]
    if task.attempts > 1:
        name.append((f" (attempt {task.attempts})", "yellow"))
    progress = _progress(task)
    return (
        name,
        duration(task.seconds(now)) if task.phase not in ("Skipped", "Omitted") else "",
        [(task.word, style), (f" {progress}" if progress else "", "")],
        clean(task.note),
    )


def _progress(task: Task) -> str:
    """How much is done: of a loop its items, else what the task or Argo says."""
    if task.type == "TaskGroup" and task.children:
        return f"{sum(child.phase in FULFILLED for child in task.children)}/{len(task.children)}"
    return task.progress if task.progress not in ("0/1", "1/1") else ""


def _counts(top: Task) -> str:
    leaves = [task for child in top.children for task in child.walk() if not task.children]
    done = sum(task.phase in FULFILLED for task in leaves)
    return f"{done} of {len(leaves)} done"


def _size(stream: TextIO) -> os.terminal_size:
    try:
        found = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return os.terminal_size((80, 24))
    return found if found.columns > 0 and found.lines > 0 else os.terminal_size((80, 24))
