"""What the engine on this machine executes, checked by name and position before anything runs."""

from argo.validate.check import check, check_shapes

__all__ = ["check", "check_shapes"]
