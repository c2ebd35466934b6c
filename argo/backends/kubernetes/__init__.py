"""Runs on a cluster, through the Kubernetes API."""

from argo.backends.kubernetes.backend import ClusterBackend

__all__ = ["ClusterBackend"]
