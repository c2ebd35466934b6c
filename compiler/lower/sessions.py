"""Lowers interactive assets: the program becomes a sidecar, and the main container is the gateway that leads to it.

So the pod ends when the gateway does (its time is over, or nobody uses it), outputs are stored then, and no node of the
Workflow has to wait beside a daemon.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compiler.lower import names
from compiler.plan import Container, EnvVar, Secret, Security, Sidecar
from compiler.program import Definition, ResolvedDag

if TYPE_CHECKING:
    from compiler.models import ComputeAsset

SESSION: Final = "session"  # the sidecar's name
ANNOTATION: Final = "argosy.dev/session"
LIFETIME: Final = 8 * 3600  # seconds, where the asset says none
IMAGE: Final = "python:3.13-slim"
_AFTER: Final = 600  # seconds in which the gateway must have begun, and outputs be stored
_TOKEN: Final = "token"  # noqa: S105  (a Secret's key)


@cache
def program() -> str:
    """The text of the gateway."""
    return Path(__file__).parent.parent.joinpath("programs", "gateway.py").read_text(encoding="utf-8")


def is_session(model: Any) -> bool:
    """Whether an asset is interactive."""
    return getattr(model, "mode", "job") == "interactive"


def deadline(model: ComputeAsset) -> int:
    """The seconds that a pod may take: its own timeout, else its lifetime and what comes around it."""
    return model.timeout if model.timeout is not None else (model.lifetime or LIFETIME) + _AFTER


def token(model: ComputeAsset) -> tuple[EnvVar, ...]:
    """The variable with the run's own token, from the Secret that the submission makes."""
    if model.token is None:
        return ()
    name = f"{{{{inputs.parameters.{names.RUN_NAME}}}}}-{SESSION}"
    return (EnvVar(model.token.env, secret=Secret(name, _TOKEN)),)


def lowered(model: ComputeAsset, container: Container) -> tuple[Container, Sidecar]:
    """The gateway and, beside it, the program."""
    own = token(model)
    given = [variable for variable in container.env if variable.name not in {made.name for made in own}]
    inner = container._replace(env=tuple(sorted((*given, *own))), mounts=())
    settings = {
        "GATEWAY_PORTS": " ".join(f"{name}={port.port}" for name, port in model.ports.items()),
        "GATEWAY_LIFETIME": str(model.lifetime or LIFETIME),
        "GATEWAY_IDLE": str(model.idle or 0),
    }
    gateway = Container(
        IMAGE,
        ("python3", "-c", program()),
        env=tuple(EnvVar(name, value) for name, value in sorted(settings.items())),
        requests=(("cpu", "50m"), ("memory", "64Mi")),
        limits=(("memory", "64Mi"),),
        mounts=container.mounts,
        security=Security(),
    )
    return gateway, Sidecar(SESSION, inner, mirror_volumes=True)


def described(dag: ResolvedDag) -> str:
    """The annotation that tells of a DAG's interactive tasks; empty without any."""
    found = dict(_described(dag, ""))
    return json.dumps(found, separators=(",", ":")) if found else ""


def _described(dag: ResolvedDag, below: str) -> Iterator[tuple[str, Any]]:
    for task in dag.tasks:
        name = f"{below}{task.name}"
        if isinstance(task.target, ResolvedDag):
            yield from _described(task.target, f"{name}.")
        elif isinstance(task.target, Definition) and is_session(task.target.model):
            model = task.target.model
            about: dict[str, Any] = {"ports": {key: port.path for key, port in model.ports.items()}}
            if model.token is not None:
                about["token"] = {"query": model.token.query} if model.token.query else {}
            yield name, about
