"""The workflow controller: pure decisions with Argo's semantics, over Argo's own status."""

from argo.local.controller.controller import Controller

__all__ = ["Controller"]
