"""Names what this machine and its engine cannot run, before anything runs."""

from argo.local.supported.machine import check as check_machine
from argo.local.supported.machine import lacks_commands

__all__ = ["check_machine", "lacks_commands"]
