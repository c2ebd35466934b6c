"""What the engine on this machine executes, checked by name and position before anything runs."""

from argo.local.support.check import check

__all__ = ["check"]
