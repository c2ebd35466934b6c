"""One container made ready, before it is told how it is isolated."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field

from argo.local.executors.shim.record import Record
from argo.local.executors.shim.view import View
from argo.local.pods import AnyContainer


@dataclass(frozen=True, slots=True)
class PreparedContainer:
    """A container that is ready to be started.

    `template` is its Kubernetes container; `own_env` names the variables that are not of the base; `inputs` are
    the paths of the input artifacts it sees; `devices` are those it was given, by resource; `attempts` says how often
    it is started at most, `wait` the seconds between.
    """

    name: str
    role: str
    template: AnyContainer
    argv: list[str]
    env: dict[str, str]
    own_env: frozenset[str]
    view: View
    inputs: list[str] = field(default_factory=list)
    depends: list[str] = field(default_factory=list)
    devices: dict[str, list[str]] = field(default_factory=dict)
    attempts: int = 1
    wait: float = 0.0

    def record(self) -> Record:
        """The part of the supervisor's specification that does not depend on how the container is isolated."""
        return {
            "name": self.name,
            "role": self.role,
            "root": self.view.root,
            "mounts": [astuple(mount) for mount in self.view.mounts],
            "declared": self.view.declared,
            "depends": self.depends,
            "attempts": self.attempts,
            "wait": self.wait,
            "keep": self.role == "main" and self.name == "main",
        }


def main_of(containers: list[PreparedContainer]) -> PreparedContainer:
    """The container whose outputs are the pod's: `main`, else the first of a containerSet."""
    mains = [item for item in containers if item.role == "main"]
    return next((item for item in mains if item.name == "main"), mains[0])
