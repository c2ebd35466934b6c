"""Interactive runs of the service: which can be started, and how their tasks are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argo.backend import Json
from argo.errors import ConflictError, NotFoundError
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.database import Row, ref_of
from argo.serve.workflow_api.runs import ENDED
from argo.submission.subject import subject_of
from argo.workflow import ingress, reach, sessions

if TYPE_CHECKING:
    from argo.serve.workflow_api.catalog import Catalog, OfferedAsset
    from argo.serve.workflow_api.place import TargetBackend


def require_reachable(catalog: Catalog, place: TargetBackend, offered: OfferedAsset) -> None:
    """Raises Refusal for an interactive asset that nothing would lead to."""
    if place.local is not None:
        return
    if place.target.server is not None:
        message = f"{offered.name} is interactive, and the service works with an Argo Server, which makes no Secrets"
        raise Refusal(409, "conflict", message)
    if ingress.way(subject_of(catalog.compiled(offered)).workflow) is None:
        message = f"{offered.name} is interactive, and the service's profile has no host for it"
        raise Refusal(409, "conflict", message, hint="sessions: {host: …} in the profile")


def shown(place: TargetBackend, row: Row) -> list[Json]:
    """The interactive tasks of a run: `task`, whether it is `listening`, then its `urls` by port and its `token`.

    Raises Refusal for a run that has ended.
    """
    if row["state"] in ENDED:
        raise Refusal(409, "conflict", "the run has ended")
    if not row["uid"]:
        return []
    try:
        workflow = place.backend.get(ref_of(row))
        return [_session(place, row, workflow, session) for session in sessions.of(workflow)]
    except NotFoundError:
        return []
    except ConflictError:
        raise Refusal(409, "conflict", "the run has ended") from None


def _session(place: TargetBackend, row: Row, workflow: Json, session: sessions.Session) -> Json:
    ref = ref_of(row)
    found = reach.ports(place.backend, ref, session, session.task)
    about: dict[str, Any] = {"task": session.task, "listening": found is not None}
    if found is None:
        return about
    outside = {} if place.local is not None else reach.outside(workflow, session)
    roots = outside or {name: reach.here(port) for name, port in found.items()}
    token = reach.token(place.backend, ref, session)
    urls = {name: session.url(root, name, token) for name, root in roots.items()}
    return {**about, "urls": urls, "token": token or None}
