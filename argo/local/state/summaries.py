"""A line of the list of runs, from what the state says of one."""

from __future__ import annotations

from argo.backend import RunSummary
from argo.local.state.database import RunRow
from argo.workflow.tree import moment


def summary(row: RunRow, *, active: bool) -> RunSummary:
    """One line; `active` says whether something drives the run now."""
    status = row.status
    return RunSummary(
        row.ref,
        row.phase,
        status.get("message") or "",
        row.created_at,
        moment(status.get("startedAt")),
        moment(status.get("finishedAt")),
        status.get("progress") or "",
        active,
        row.source,
    )
