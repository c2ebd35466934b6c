"""ComputeAsset: what can run, published by a platform admin."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool

from compiler.models.base import Duration, Model, Name, Quantity, Text
from compiler.models.parts import Parameter, Port, Runnable, SecretRef

Version = Annotated[
    Text, Field(pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")
]


def _date(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_date)]


class Validity(Model):
    """The days on which the asset may be used, both included."""

    from_: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None


class Offer(Model):
    """How the asset is offered in a data space (EDC)."""

    id: str
    title: str | None = None
    description: str | None = None
    policy: dict[str, Any] | str | None = None
    media_type: str | None = None
    properties: dict[str, Any] = {}


class Bounds(Model):
    """Of an extended asset: what a consumer's own image, command or code may do."""

    registries: tuple[str, ...] = ()
    digest: StrictBool = True
    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: int | None = None
    timeout: Duration | None = None
    egress: tuple[str, ...] = ()


class Remote(Model):
    """A Task Runner service that runs the task in place of a container."""

    url: str
    token: SecretRef | None = None
    google_audience: str | None = None
    image: str | None = None
    engine: str | None = None
    scale_tier: str | None = None
    master_type: str | None = None
    interval: Duration = 10
    labels: dict[str, Text] = {}


class ComputeAsset(Runnable):
    """A container, its hardware, inputs and outputs. `name` with `version` is its identity."""

    api_version: Literal["argosy/v1"] = "argosy/v1"
    kind: Literal["ComputeAsset"] = "ComputeAsset"
    name: Name
    version: Version = "0.0.0"
    title: str | None = None
    parameters: dict[Name, Parameter] = {}
    mode: Literal["job", "interactive", "extended"] = "job"
    ports: dict[Name, Port] = {}
    lifetime: Duration | None = None
    idle: Duration | None = None
    bounds: Bounds | None = None
    remote: Remote | None = None
    valid: Validity | None = None
    offer: Offer | None = None
