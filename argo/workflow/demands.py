"""Checks what must hold before a cluster is asked to do something: the run's state, the templates it refers to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argo.backend import FINISHED
from argo.errors import ConflictError, UsageError
from compiler.manifest_types import Object, Workflow


def require_running(workflow: Workflow) -> None:
    """Raises ConflictError for a run that has ended."""
    phase = (workflow.get("status") or {}).get("phase")
    if phase in FINISHED:
        name = workflow["metadata"]["name"]
        raise ConflictError(f"{name} has ended: {phase}", known="nothing was changed", hint=f"argosy status {name}")


def require_ended(workflow: Workflow, tasks: Sequence[str]) -> None:
    """Raises ConflictError for a run that has not failed (with `tasks`: not ended), which cannot be tried again."""
    phase = (workflow.get("status") or {}).get("phase") or "Pending"
    if phase not in (FINISHED if tasks else ("Failed", "Error")):
        only = "ended" if tasks else "failed"
        raise ConflictError(
            f"only what has {only} can be tried again; this run is {phase}", known="nothing was changed"
        )


def require_template(given: Object, there: Object) -> None:
    """Raises UsageError where a cluster has no such template (`there` is empty), or another one of its name."""
    if not there or plain(given["spec"]) != plain(there["spec"]):
        kind, name = given["kind"], given["metadata"]["name"]
        raise UsageError(
            f"the cluster has {'another' if there else 'no'} {kind} {name}",
            known="nothing was started",
            hint="give it that first: argosy compile … | kubectl apply -f -",
        )


def plain(value: Any) -> Any:
    """A spec without what Go's encoding drops or adds: empty objects, lists and texts, nulls and false."""
    if isinstance(value, dict):
        inner = {key: plain(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ({}, [], "", None) and item is not False}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
