"""A run's results fetched as `argosy fetch` does it, from its Workflow object."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from argo.errors import NotFoundError
from argo.results.fetch import FetchedFile, FetchOptions, bring, why_missing
from argo.storage import Store
from argo.storage.store import Moved, uncounted
from argo.workflow.outputs import Result, results
from compiler.manifest_types import Workflow

ALL = FetchOptions()


def fetch(
    workflow: Workflow,
    store: Store,
    folder: Path,
    wanted: FetchOptions = ALL,
    *,
    skipped: Callable[[str, str], None] | None = None,
    moved: Moved = uncounted,
) -> list[FetchedFile]:
    """`skipped` is told the name of a result that is not there, and why; one asked for by name is an error."""

    def missing(result: Result) -> None:
        why = why_missing(workflow, result)
        if wanted.names:
            raise NotFoundError(f"the result {result.name} is not there: {why}")
        if skipped is not None:
            skipped(result.name, why)

    return bring(results(workflow), store, folder, workflow["metadata"]["uid"], wanted, missing, moved)
