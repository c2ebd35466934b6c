"""Checks whether Argo and Kubernetes would take a manifest, by name and position; nothing of this machine is asked."""

from argo.validate.check import check, check_shapes

__all__ = ["check", "check_shapes"]
