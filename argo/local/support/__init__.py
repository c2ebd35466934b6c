"""What the engine on this machine executes, checked by name and position before anything runs."""

from argo.local.support.check import check, check_shapes
from argo.local.support.machine import check as check_machine
from argo.local.support.machine import lacks_commands

__all__ = ["check", "check_machine", "check_shapes", "lacks_commands"]
