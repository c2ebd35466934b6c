"""Defines the error of a pod that cannot be run, which is not its program's failure."""

from __future__ import annotations

import re

from argo.errors import ArgosyError


class PodError(ArgosyError):
    """The pod cannot be run, or its outputs not be kept; the node's phase is Error and this its message."""


_NAME = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,252})")


def check_name(name: str, what: str) -> None:
    """Raise PodError for the name of a container or volume that could be more than the name of a file."""
    if not _NAME.fullmatch(name):
        raise PodError(f"{what} {name!r} is no name: letters, digits, '-', '.' and '_', a letter or digit first")
