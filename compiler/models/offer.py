"""Models what few assets have: validity, an offer in a data space, bounds for what consumers bring, a Task Runner."""

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from compiler.models.base import (
    EMPTY,
    REFERENCE,
    TEXT_SCHEMA,
    Duration,
    Flag,
    Model,
    Problem,
    Quantity,
    Shape,
    Text,
    as_text,
    describe,
    parse_duration,
    whole,
)
from compiler.models.variables import SecretRef


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
    output: Annotated[str | None, Field(description="The output that a consumer gets; default: the only one.")] = None
    properties: dict[str, Any] = EMPTY


class Bounds(Model):
    """Of an extended asset: what a consumer's own image, command or code may do, and what it gets where it asks for
    nothing. What is not named is not allowed, or what `compiler.extend` says for it."""

    registries: Annotated[tuple[str, ...], Field(description="Where images may come from; none: no image.")] = ()
    digest: Annotated[Flag, Field(description="Images are named by their digest.")] = True
    command: Annotated[Flag, Field(description="A command may be brought.")] = True
    cpu: Quantity | None = None
    memory: Quantity | None = None
    disk: Quantity | None = None
    processes: Annotated[int, whole(1)] | None = None
    gpu: Annotated[int, whole(0)] | None = None
    timeout: Duration | None = None
    egress: Annotated[tuple[str, ...], Field(description="The addresses (CIDR) that its program may reach.")] = ()


def arguments(value: Any) -> Any:
    """Arguments of a job: a list of texts, or a mapping of texts."""
    if isinstance(value, dict):
        return {str(name): as_text(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(as_text(item) for item in value)
    raise Problem("A122", f"expected a list or a mapping of texts, found {describe(value)}")


def _interval(value: Any) -> int | str:
    return value if isinstance(value, str) and REFERENCE in value else parse_duration(value)


ARGUMENTS_SCHEMA = {
    "anyOf": [{"type": "array", "items": TEXT_SCHEMA}, {"type": "object", "additionalProperties": TEXT_SCHEMA}]
}


class Remote(Model):
    """A Task Runner service that runs the task in place of a container: the service's URL and token, the job.

    `job` is the whole job as JSON, or a reference to it; the fields after it are put into it.
    """

    url: Text
    token: SecretRef | None = None
    google_audience: Annotated[str | None, Field(description="Without a token: of a Google ID token.")] = None
    interval: Annotated[
        int | str, Shape(_interval, {"type": ["string", "integer"]}), Field(description="Between two looks.")
    ] = 10
    patience: Annotated[Duration, Field(description="How long an unbroken failure of the service is borne.")] = 3600
    client: Annotated[str, Field(description="The image that follows the job; it needs python3.")] = "python:3.13-slim"
    job: Any = None
    name: Text | None = None
    image: Text | None = None
    args: Annotated[tuple[str, ...] | dict[str, str], Shape(arguments, ARGUMENTS_SCHEMA)] = ()
    engine: Text | None = None
    target: Annotated[Text | None, Field(description="The job's own `url`.")] = None
    scale_tier: Text | None = None
    master_type: Text | None = None
    labels: dict[str, Text] = EMPTY
