"""Lowers interactive assets: the program becomes a sidecar, and the main container is the gateway that leads to it.

So the pod ends when the gateway does (its time is over, or nobody uses it), outputs are stored then, and no node of the
Workflow has to wait beside a daemon.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compiler.labels import INGRESS, SESSION_TASK, SESSIONS
from compiler.lower import names
from compiler.plan import Container, EnvVar, Secret, Security, Sidecar
from compiler.program import ResolvedDag, interactive, is_session

if TYPE_CHECKING:
    from compiler.models import ComputeAsset
    from compiler.models.project import Profile

SESSION: Final = "session"  # the sidecar's name
LIFETIME: Final = 8 * 3600  # seconds, where the asset says none
IMAGE: Final = "python:3.13-slim"
_AFTER: Final = 600  # seconds in which the gateway must have begun, and outputs be stored
_TOKEN: Final = "token"  # noqa: S105  (a Secret's key)
_FIRST: Final = 8765  # the gateway's first port


@cache
def program() -> str:
    """The text of the gateway."""
    return Path(__file__).parent.parent.joinpath("pod_programs", "gateway.py").read_text(encoding="utf-8")


def deadline(model: ComputeAsset) -> int:
    """The seconds that a pod may take: its own timeout, else its lifetime and what comes around it."""
    return model.timeout if model.timeout is not None else (model.lifetime or LIFETIME) + _AFTER


def token(model: ComputeAsset) -> tuple[EnvVar, ...]:
    """The variable with the run's own token, from the Secret that the submission makes."""
    if model.token is None:
        return ()
    name = f"{{{{inputs.parameters.{names.RUN_NAME}}}}}-{SESSION}"
    return (EnvVar(model.token.env, secret=Secret(name, _TOKEN)),)


def listens(model: ComputeAsset) -> dict[str, int]:
    """Where the gateway listens, by port; on none that the pod's programs take."""
    sidecars = [port.port for sidecar in model.sidecars.values() for port in sidecar.ports.values()]
    taken = {*sidecars, *(port.port for port in model.ports.values())}
    first = next(first for first in count(_FIRST) if taken.isdisjoint(range(first, first + len(model.ports))))
    return dict(zip(model.ports, count(first), strict=False))


def labels(model: Any, profile: Profile) -> dict[str, str]:
    """The label by which a Service finds the pod, where the profile has one made."""
    if profile.sessions is None or not is_session(model):
        return {}
    return {SESSION_TASK: f"{{{{=replace(inputs.parameters.{names.TASK_PATH}, '/', '.')}}}}"}


def lowered(model: ComputeAsset, container: Container, profile: Profile) -> tuple[Container, Sidecar]:
    """The gateway and, beside it, the program."""
    own = token(model)
    given = [variable for variable in container.env if variable.name not in {made.name for made in own}]
    inner = container._replace(env=tuple(sorted((*given, *own))), mounts=())
    settings = {
        "GATEWAY_EXIT_CODE": f"/var/run/argo/ctr/{SESSION}/exitcode",  # Argo's emissary writes it
        "GATEWAY_PORTS": " ".join(f"{name}={port.port}" for name, port in model.ports.items()),
        "GATEWAY_LIFETIME": str(model.lifetime or LIFETIME),
        "GATEWAY_IDLE": str(model.idle or 0),
    }
    if profile.sessions is not None:
        first, *_ = listens(model).values()
        settings |= {"GATEWAY_OPEN": "true", "GATEWAY_FIRST": str(first)}
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


def described(dag: ResolvedDag, profile: Profile) -> dict[str, str]:
    """The annotations that tell of a DAG's interactive tasks, and of the profile's way to them; none without any."""
    about = {found.path: _about(found.definition.model, profile) for found in interactive(dag)}
    if not about:
        return {}
    found = {SESSIONS: _compact(about)}
    if (way := profile.sessions) is not None:
        ingress: dict[str, Any] = {"host": way.host, "tls": way.tls}
        ingress |= {"class": way.ingress_class_name} if way.ingress_class_name else {}
        ingress |= {"secret": way.tls_secret} if way.tls_secret else {}
        ingress |= {"annotations": dict(way.annotations)} if way.annotations else {}
        found[INGRESS] = _compact(ingress)
    return found


def _compact(value: Any) -> str:
    """In one line; the order of ports stays, since the first one is a task's own."""
    return json.dumps(value, separators=(",", ":"))


def _about(model: ComputeAsset, profile: Profile) -> dict[str, Any]:
    about: dict[str, Any] = {"ports": {key: port.path for key, port in model.ports.items()}}
    if model.token is not None:
        about["token"] = {"query": model.token.query} if model.token.query else {}
    if profile.sessions is not None:
        about["at"] = listens(model)
    return about
