"""Runs on a cluster, through its Argo Server."""

from argo.backends.argo_server.backend import ServerBackend

__all__ = ["ServerBackend"]
