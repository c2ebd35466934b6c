"""How a task behaves beside its main container: retries, reuse of results, sidecars, ports."""

from typing import TYPE_CHECKING, Annotated, Literal

from compiler.models.base import EMPTY, Duration, Flag, Model, Name, Text, lazy, whole
from compiler.models.variables import Variable

if TYPE_CHECKING:
    from compiler.models.hardware import Resources
else:
    Resources = lazy("compiler.models.hardware", "Resources")


class Backoff(Model):
    """The wait before another attempt: `first`, then each time `factor` times as long, `max` in all."""

    first: Duration
    factor: Annotated[int, whole(1)] = 2
    max: Duration | None = None


class Retry(Model):
    """More attempts. `on`: error = the node's fault, failure = the exit code, transient = Argo's OnTransientError."""

    limit: Annotated[int, whole(0)]
    backoff: Backoff | None = None
    on: tuple[Literal["error", "failure", "transient"], ...] = ("error", "failure")
    expression: str | None = None


class Cache(Model):
    """Results are reused while younger than `maxAge` (Argo: memoize)."""

    max_age: Duration | None = None
    key: str | None = None


class Port(Model):
    """A port that an interactive asset or a sidecar serves."""

    port: Annotated[int, whole(1, 65535)]
    protocol: Literal["TCP", "UDP"] = "TCP"
    path: str = "/"


class Token(Model):
    """The token of an interactive asset, which is made for each run: the variable that its program takes it from, and
    the query parameter that it has in the URL."""

    env: str
    query: str | None = None


class Sidecar(Model):
    """A container that runs beside the main one and ends with it."""

    image: str
    command: tuple[Text, ...] = ()
    args: tuple[Text, ...] = ()
    env: dict[str, Variable] = EMPTY
    ports: dict[Name, Port] = EMPTY
    resources: Resources | None = None
    mirror_volumes: Flag = False
