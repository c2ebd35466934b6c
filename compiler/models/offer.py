"""What few assets have: days of validity, an offer in a data space, bounds for what consumers bring, a Task Runner."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from compiler.models.base import EMPTY, Duration, Flag, Model, Problem, Quantity, Shape, Text, describe, whole
from compiler.models.parts import SecretRef


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise Problem("A122", f"expected a date, found {describe(value)}", "write it like 2026-01-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Problem("A126", f"'{value[:60]}' is not a date", "write it like 2026-01-31") from None


Day = Annotated[date, Shape(_day, {"type": "string", "format": "date"})]


class Validity(Model):
    """The days on which the asset may be used, both included."""

    from_: Annotated[Day | None, Field(alias="from")] = None
    until: Day | None = None


def _policy(value: Any) -> Any:
    if value is None or isinstance(value, str | dict):
        return value
    raise Problem("A122", f"expected a policy's name or a mapping, found {describe(value)}")


class Offer(Model):
    """How the asset is offered in a data space (EDC)."""

    id: str
    title: str | None = None
    description: str | None = None
    policy: Annotated[dict[str, Any] | str | None, Shape(_policy, {"type": ["string", "object", "null"]})] = None
    media_type: str | None = None
    properties: dict[str, Any] = EMPTY


class Bounds(Model):
    """Of an extended asset: what a consumer's own image, command or code may do."""

    registries: tuple[str, ...] = ()
    digest: Flag = True
    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: Annotated[int, whole(0)] | None = None
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
    labels: dict[str, Text] = EMPTY
