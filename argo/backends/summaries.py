"""A line of the list of runs, from a Workflow as a cluster lists it."""

from __future__ import annotations

from datetime import UTC, datetime

from argo.backend import FINISHED, RunRef, RunSummary
from argo.workflow.status import moment
from compiler.labels import DEFINITION
from compiler.manifest_types import Workflow

_METADATA = ("name", "namespace", "uid", "creationTimestamp", "labels", "annotations")
_STATUS = ("phase", "message", "startedAt", "finishedAt", "progress")
FIELDS = ",".join(
    ["metadata", *(f"items.metadata.{name}" for name in _METADATA), *(f"items.status.{name}" for name in _STATUS)]
)
"""What a list needs of each Workflow, as the Argo Server's `fields`."""


def ref_of(workflow: Workflow) -> RunRef:
    """The identity of a Workflow."""
    metadata = workflow["metadata"]
    return RunRef(metadata["name"], metadata.get("namespace") or "", metadata.get("uid") or "")


def summary(workflow: Workflow) -> RunSummary:
    """One line. `source` is the definition's name, or the template's that the run came from."""
    metadata, status = workflow["metadata"], workflow.get("status") or {}
    phase = status.get("phase") or "Pending"
    annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
    return RunSummary(
        ref_of(workflow),
        phase,
        status.get("message") or "",
        moment(metadata.get("creationTimestamp")) or datetime.fromtimestamp(0, UTC),
        moment(status.get("startedAt")),
        moment(status.get("finishedAt")),
        status.get("progress") or "",
        phase not in FINISHED,
        annotations.get(DEFINITION) or labels.get("workflows.argoproj.io/workflow-template") or "",
    )
