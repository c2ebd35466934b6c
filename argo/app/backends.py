"""Opens the backend of a target: the engine of this machine, an Argo Server, or the Kubernetes API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argo.backend import Backend
    from argo.target import Target


def open_backend(target: Target) -> Backend:
    """Make the target's backend; the library of each is imported for it alone."""
    if target.local:
        from argo.local.backend import LocalBackend

        return LocalBackend(target=target)
    if target.server is not None:
        from argo.backends.argo_server.backend import ServerBackend

        return ServerBackend(target)
    from argo.backends.kubernetes.backend import ClusterBackend

    return ClusterBackend(target)
