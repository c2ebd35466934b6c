"""ComputeAsset: what can run, published by a platform admin."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from compiler.models.base import EMPTY, Duration, Name, Problem, Shape, as_text, describe, lazy
from compiler.models.parts import Parameter, Runnable

if TYPE_CHECKING:
    from compiler.models.behaviour import Port, Token
    from compiler.models.offer import Bounds, Offer, Remote, Validity
else:
    Port = lazy("compiler.models.behaviour", "Port")
    Token = lazy("compiler.models.behaviour", "Token")
    Bounds = lazy("compiler.models.offer", "Bounds")
    Offer = lazy("compiler.models.offer", "Offer")
    Remote = lazy("compiler.models.offer", "Remote")
    Validity = lazy("compiler.models.offer", "Validity")

VERSION_PATTERN = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$"


def _version(value: Any) -> str:
    import re

    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Problem("A122", f"expected a version, found {describe(value)}", "write it like 1.2.0")
    text: str = as_text(value)
    if not re.fullmatch(VERSION_PATTERN.rstrip("$"), text, re.ASCII):
        raise Problem("A126", f"'{text[:60]}' is not a version", "write it like 1.2.0 (semver.org)")
    return text


class ComputeAsset(Runnable):
    """A container, its hardware, inputs and outputs. `name` with `version` is its identity."""

    api_version: Literal["argosy/v1"] = "argosy/v1"
    kind: Literal["ComputeAsset"] = "ComputeAsset"
    name: Name
    version: Annotated[str, Shape(_version, {"type": "string", "pattern": VERSION_PATTERN})] = "0.0.0"
    title: str | None = None
    parameters: dict[Name, Parameter] = EMPTY
    mode: Annotated[
        Literal["job", "interactive", "extended"],
        Field(description="extended: the consumer brings image, command or code, inside the asset's bounds."),
    ] = "job"
    ports: dict[Name, Port] = EMPTY
    lifetime: Annotated[Duration | None, Field(description="Of an interactive asset; default 8h.")] = None
    idle: Annotated[Duration | None, Field(description="An interactive asset ends after so long without use.")] = None
    token: Token | None = None
    bounds: Bounds | None = None
    remote: Remote | None = None
    valid: Validity | None = None
    offer: Offer | None = None
