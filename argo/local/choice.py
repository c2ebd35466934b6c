"""Chooses the executor of this machine: the one that is wanted, else the one found once and kept in ARGOSY_HOME."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from argo.errors import EnvironmentFailure, UsageError

if TYPE_CHECKING:
    from argo.local.executors.local import Executor
    from argo.local.home import Home

KEPT = "executor.json"  # in ARGOSY_HOME: what "auto" is there
_NAMES: dict[str, Executor] = {"process": "process", "podman": "podman", "docker": "docker"}


class Choice(NamedTuple):
    """The executor of the tasks. `why` says what else is here, and why "auto" is not that."""

    executor: Executor
    why: str = ""

    def lines(self) -> list[str]:
        """As it is said at the start of a run."""
        note = [f"  {self.why}; --executor takes what it names"] if self.why else []
        return [f"tasks run {described(self.executor)}", *note]


def described(executor: str) -> str:
    """How an executor runs tasks, as a sentence goes on."""
    if executor == "process":
        return "as processes of this machine (executor process); their `image:` is not used"
    return f"in containers (executor {executor})"


def choose_executor(home: Home, wanted: str = "") -> Choice:
    """Choose the executor: `wanted`, else ARGOSY_EXECUTOR. "auto" is a container runtime that runs and gets images,
    else processes: found out once a home, so that a program that is installed later changes nothing.

    Raises EnvironmentFailure for a runtime that is not here, UsageError for an unknown name.
    """
    name = wanted or os.environ.get("ARGOSY_EXECUTOR") or "auto"
    if name != "auto" and name not in _NAMES:
        raise UsageError(f"there is no executor named {name}", hint="process, podman or docker")
    choice = _auto(home) if name == "auto" else Choice(_NAMES[name])
    if choice.executor != "process" and shutil.which(choice.executor) is None:
        hint = "--executor process" + (f"; {home.root / KEPT} holds what is taken by itself" if name == "auto" else "")
        raise EnvironmentFailure(f"{choice.executor} is not installed here", hint=hint)
    return choice


def _auto(home: Home) -> Choice:
    kept = home.root / KEPT
    with suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads(kept.read_bytes())
        return Choice(_NAMES[found["executor"]], str(found["why"]))
    from argo.local.executors.runtimes import found as search

    name, why = search(os.environ)
    choice = Choice(name or "process", why)
    with suppress(OSError):  # a home that cannot be written is asked again
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(choice._asdict()) + "\n", encoding="utf-8")
        new.replace(kept)
    return choice
