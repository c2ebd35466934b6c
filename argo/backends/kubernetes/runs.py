"""One run as the cluster stores it: read, and changed only where nobody else has changed it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from argo.backend import RunRef
from argo.backends.kubernetes.api import Cluster
from argo.backends.remote import gone
from argo.errors import ConflictError, NotFoundError, RemoteError, UncertainError
from argo.workflow.demands import plain
from argo.workflow.hydrate import compress, hydrate
from compiler.manifest_types import Workflow

_TRIES, _PAUSE = 10, 0.05  # of a change that others forestall; seconds, more each time


def stored(cluster: Cluster, ref: RunRef) -> Workflow:
    """The run as the cluster stores it. Raises NotFoundError where it is gone, though there be another of its name."""
    try:
        workflow: Workflow = cluster.get("Workflow", ref.name)
    except NotFoundError:
        workflow = {"metadata": {}}
    if workflow["metadata"].get("uid") != ref.uid:
        raise gone(ref)
    return workflow


def edit(cluster: Cluster, ref: RunRef, change: Callable[[Workflow], object]) -> None:
    """Change the run as it is now, once more where somebody else was faster or nobody knows whether it was changed.

    Compressed nodes stay so. Raises as `change` and `stored` do, RemoteError.
    """
    sent: Workflow | None = None  # without an answer
    for attempt in range(_TRIES):
        now = stored(cluster, ref)
        if sent is not None and _same(now, sent):
            return
        packed = bool((now.get("status") or {}).get("compressedNodes"))
        workflow = hydrate(now)
        try:
            change(workflow)
        except ConflictError as error:
            if sent is None:
                raise
            raise RemoteError(
                f"the answer to a change of {ref.name} was lost; now {error.message}",
                known="the change may have been made", hint=f"argosy status {ref.name}",
            ) from error  # fmt: skip
        if packed:
            workflow["status"]["compressedNodes"] = compress(workflow["status"].pop("nodes"))
        try:
            cluster.replace(workflow)
        except ConflictError:
            pass
        except UncertainError:
            sent = workflow
        else:
            return
        time.sleep(_PAUSE * (attempt + 1) * cluster.patience)
    raise RemoteError(
        f"{ref.name} was not changed: {'no answer comes' if sent else 'others change it all the time'}",
        known="the change may have been made" if sent else "nothing was changed",
        hint="repeat the command",
    )


def _same(now: Workflow, sent: Workflow) -> bool:
    """True where a run is as it was sent, but for what the API server writes itself."""
    labels = [(w["metadata"].get("labels") or {}, w["metadata"].get("annotations") or {}) for w in (now, sent)]
    return labels[0] == labels[1] and all(plain(now.get(part)) == plain(sent.get(part)) for part in ("spec", "status"))
