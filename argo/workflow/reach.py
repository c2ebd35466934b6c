"""How an interactive task is reached: whether it listens, by which URLs, and with which token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from argo.backend import FINISHED, RunRef
from argo.errors import ConflictError, NotFoundError
from argo.workflow import ingress, sessions
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.backend import Backend


def ports(backend: Backend, ref: RunRef, session: sessions.Session, task: str) -> dict[str, int] | None:
    """Where a task's gateway listens, by port; None while it does not yet. Raises ConflictError for a run that has
    ended."""
    if (backend.get(ref).get("status") or {}).get("phase") in FINISHED:
        raise ConflictError(f"{ref.name} has ended", hint=f"argosy logs {ref.name}")
    try:
        found = sessions.listening(backend.logs(ref, task), [*session.ports])
    except NotFoundError:  # it has not begun
        return None
    return found if len(found) == len(session.ports) else None


def token(backend: Backend, ref: RunRef, session: sessions.Session) -> str:
    """The run's token; empty for a task that takes none."""
    return backend.secret(ref, sessions.secret_name(ref.name), sessions.KEY).decode() if session.secret else ""


def outside(workflow: Workflow, session: sessions.Session) -> dict[str, str]:
    """The roots of the URLs that a task's Ingress answers, by port; none where it has none."""
    way, run = ingress.way(workflow), workflow["metadata"]["name"]
    return {name: way.url(run, session, name) for name in session.at} if way is not None else {}


def here(port: int) -> str:
    """The root of what listens on this machine."""
    return f"http://127.0.0.1:{port}"
