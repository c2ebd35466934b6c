"""Runs on a cluster, through the Kubernetes API."""

from argo.cluster.backend import ClusterBackend

__all__ = ["ClusterBackend"]
