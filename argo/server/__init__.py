"""Runs on a cluster, through its Argo Server."""

from argo.server.backend import ServerBackend

__all__ = ["ServerBackend"]
