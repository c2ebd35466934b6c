"""What keeps a pod from being run, and is not its program's failure."""

from __future__ import annotations

from argo.errors import ArgosyError


class PodError(ArgosyError):
    """The pod cannot be run, or its outputs not be kept; the node's phase is Error and this its message."""
