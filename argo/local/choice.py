"""What runs containers on this machine: what is wanted, else what is found here."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from argo.errors import EnvironmentFailure, UsageError

if TYPE_CHECKING:
    from argo.local.executors.local import Executor


def choose_executor(wanted: str) -> Executor:
    """What is wanted, else what ARGOSY_EXECUTOR says; for "auto" a container runtime that works here, else processes.

    Raises EnvironmentFailure for a runtime that is not here, UsageError for an unknown name.
    """
    wanted = wanted or os.environ.get("ARGOSY_EXECUTOR", "")
    if wanted == "process":
        return "process"
    if wanted in ("", "auto"):
        from argo.local.executors.runtimes import found

        return found(os.environ) or "process"
    if wanted not in ("podman", "docker"):
        raise UsageError(f"there is no executor named {wanted}", hint="process, podman or docker")
    if shutil.which(wanted) is None:
        raise EnvironmentFailure(f"{wanted} is not installed here", hint="--executor process")
    return "podman" if wanted == "podman" else "docker"
