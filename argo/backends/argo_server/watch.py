"""A run's pictures from the event stream of an Argo Server.

Facts: an old resource version is answered with status 400 or 410 and "too old resource version".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import quote

from argo.backend import RunRef, Snapshot
from argo.backends.argo_server.http import Client
from argo.backends.follow import follow
from argo.errors import RemoteError, UsageError
from argo.workflow.hydrate import hydrate
from compiler.manifest_types import Workflow


def watch(client: Client, ref: RunRef, read: Callable[[], Workflow]) -> Iterator[Snapshot]:
    """As `argo.backends.follow.follow`."""
    return follow(read, partial(_pictures, client, ref), client.patience)


def _pictures(client: Client, ref: RunRef, now: Workflow) -> Iterator[Workflow]:
    version = now["metadata"].get("resourceVersion") or ""
    query = {"listOptions.fieldSelector": f"metadata.name={ref.name}"}
    if version:
        query["listOptions.resourceVersion"] = version
    try:
        for event in client.events(f"/api/v1/workflow-events/{quote(ref.namespace, safe='')}", query):
            workflow: Workflow = event.get("object") or Workflow()
            if event.get("type") == "DELETED":
                return  # to read it anew says what became of it
            if (workflow.get("metadata") or {}).get("uid") == ref.uid:
                yield hydrate(workflow)
    except UsageError as error:
        if "resource version" not in error.message and "expired" not in error.message.lower():
            raise RemoteError(error.message, tried=error.tried, known="what runs on the cluster goes on") from error
