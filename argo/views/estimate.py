"""How long a run may still take, and what it has used: for people, from what Argo and earlier runs tell.

Facts: docs/estimated-duration.md, docs/resource-duration.md of Argo.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime

from argo.backend import FINISHED, RunSummary
from argo.views.text import duration
from argo.workflow.status import moment
from compiler.manifest_types import Workflow

_SAMPLE = 5  # earlier runs


def expected(workflow: Workflow, runs: Sequence[RunSummary]) -> float | None:
    """Seconds that a run like this takes: Argo's own estimate, else the median of the last of the same definition
    among `runs` that succeeded; None where nothing tells.
    """
    own = (workflow.get("status") or {}).get("estimatedDuration")
    if own:
        return float(own)
    uid = workflow["metadata"].get("uid")
    source = next((run.source for run in runs if run.ref.uid == uid), "")
    took = [
        (run.finished_at - run.started_at).total_seconds()
        for run in sorted(runs, key=lambda run: run.created_at, reverse=True)
        if source and run.source == source and run.phase == "Succeeded" and run.started_at and run.finished_at
    ]
    return statistics.median(took[:_SAMPLE]) if took else None


def left(workflow: Workflow, seconds: float | None, now: datetime) -> str:
    """Say in words how much of a run of so many seconds is left; empty where it has not begun or has ended."""
    status = workflow.get("status") or {}
    started = moment(status.get("startedAt"))
    if seconds is None or started is None or status.get("phase") in FINISHED:
        return ""
    rest = seconds - (now - started).total_seconds()
    if rest > 0:
        return f"about {duration(max(rest, 1))} left"
    return f"longer than the {duration(seconds)} it took before" if seconds >= 1 else ""


def used(workflow: Workflow) -> str:
    """Return what a run's pods asked for, times how long they had it (`1h 05m GPU, 8h 20m CPU`); empty where unknown.

    That is what Argo's resourcesDuration is: what is reserved, not what is measured.
    """
    found = (workflow.get("status") or {}).get("resourcesDuration") or {}
    shown = [(name, value) for name, value in found.items() if name != "memory" and value]
    shown.sort(key=lambda item: item[0] == "cpu")  # what is rare first
    return ", ".join(f"{duration(value)} {_unit(name)}" for name, value in shown)


def _unit(name: str) -> str:
    """`nvidia.com/gpu` -> GPU."""
    last = name.rpartition("/")[2]
    return last.upper() if last in ("gpu", "cpu") else last
