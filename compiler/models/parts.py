"""The parts that assets and tasks share: parameters, inputs, outputs, environment, resources, placement, retries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from compiler.models.base import Duration, Model, Name, Quantity, Text

ParameterType = Literal["string", "int", "number", "bool", "enum", "json"]
ValueType = Literal["string", "int", "number", "bool", "json"]
InputKind = Literal["env", "file", "directory", "archive"]
OutputKind = Literal["file", "directory", "archive", "value"]


class Parameter(Model):
    """A typed parameter. Without a default it must be given."""

    type: ParameterType = "string"
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    enum: tuple[Any, ...] | None = None
    description: str | None = None

    @property
    def required(self) -> bool:
        return "default" not in self.model_fields_set


class StoredObject(Model):
    """An object (or a key prefix) in the profile's store."""

    key: str
    bucket: str | None = None


class InlineText(Model):
    """Content written in the definition itself."""

    text: str


class Input(Model):
    """An input. `path` is its place in the container (not for env); a `str` default is a local file beside the definition."""

    kind: InputKind
    path: str | None = None
    optional: StrictBool = False
    default: str | StoredObject | InlineText | None = None
    description: str | None = None


class Output(Model):
    """An output: `file` is stored byte for byte, `directory` as a tar, `archive` as a zip, `value` as a parameter."""

    kind: OutputKind
    path: str
    type: ValueType = "string"  # of a value
    default: Any = None  # of a value, when the file is missing
    optional: StrictBool = False
    media_type: str | None = None
    mount: StrictBool = True  # False: no emptyDir at the parent, where one would hide content of the image
    description: str | None = None


class SecretRef(Model):
    """A Secret's key, `name/key`; never a value."""

    secret: Annotated[str, Field(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[-._a-zA-Z0-9]+$")]
    optional: StrictBool = False


class Gpu(Model):
    """`gpu: true`, a number, or this. `count` may be a `${{ params.x }}` reference."""

    count: StrictInt | str = 1
    vendor: Literal["nvidia", "amd", "intel"] = "nvidia"
    product: str | None = None
    memory: Quantity | None = None
    mig: str | None = None
    shared: StrictBool = False


def _gpu(value: Any) -> Any:
    if isinstance(value, bool):
        return {"count": 1} if value else None
    if isinstance(value, int | str):
        return {"count": value}
    return value


class Resources(Model):
    """What a container needs: `cpu` is requested, `memory` requested and limited, `shm` is /dev/shm, `disk` ephemeral."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: Annotated[Gpu | None, BeforeValidator(_gpu)] = None
    shm: Quantity | None = None
    disk: Quantity | None = None


class Volume(Model):
    """A volume: one of `claim` (PersistentVolumeClaim), `empty` (size), `configMap`, `secret`; mounted at `path`."""

    path: str
    claim: str | None = None
    empty: Quantity | None = None
    config_map: str | None = None
    secret: str | None = None
    sub_path: str | None = None
    read_only: StrictBool = False


class Backoff(Model):
    first: Duration
    factor: StrictInt = 2
    max: Duration | None = None


class Retry(Model):
    """`on`: error = the executor's or node's fault, failure = the program's exit code, transient = Argo's OnTransientError."""

    limit: StrictInt = Field(ge=0)
    backoff: Backoff | None = None
    on: tuple[Literal["error", "failure", "transient"], ...] = ("error", "failure")
    expression: str | None = None


class Cache(Model):
    """Results are reused while younger than `maxAge` (Argo: memoize)."""

    max_age: Duration | None = None
    key: str | None = None


class Toleration(Model):
    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: StrictInt | None = None


class Placement(Model):
    """Where pods may run."""

    node_selector: dict[str, Text] = {}
    tolerations: tuple[Toleration, ...] = ()
    affinity: dict[str, Any] | None = None  # Kubernetes' own form, held against the manifest schema
    scheduler: str | None = None


class Port(Model):
    port: StrictInt = Field(ge=1, le=65535)
    protocol: Literal["TCP", "UDP"] = "TCP"
    path: str = "/"


class Security(Model):
    """What is loosened from the hardened default (Pod Security "restricted"), each by name."""

    run_as_root: StrictBool = False
    privileged: StrictBool = False
    privilege_escalation: StrictBool = False
    capabilities: tuple[str, ...] = ()
    service_account_token: StrictBool = False
    read_only_root: StrictBool = False


class Sidecar(Model):
    """A container that runs beside the main one and ends with it."""

    image: str
    command: tuple[Text, ...] = ()
    args: tuple[Text, ...] = ()
    env: dict[str, SecretRef | Text] = {}
    ports: dict[Name, Port] = {}
    resources: Resources | None = None
    mirror_volumes: StrictBool = False


class Runnable(Model):
    """What assets and inline tasks have in common: a container with its hardware, inputs and outputs."""

    description: str | None = None
    image: str | None = None
    command: tuple[Text, ...] = ()
    args: tuple[Text, ...] = ()
    script: str | None = None  # with command as its interpreter (default: sh)
    working_dir: str | None = None
    user: StrictInt | None = None  # None: 1000
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    priority_class: str | None = None
    inputs: dict[Name, Input] = {}
    outputs: dict[Name, Output] = {}
    env: dict[str, SecretRef | Text] = {}
    resources: Resources | None = None
    volumes: dict[Name, Volume] = {}
    timeout: Duration | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    placement: Placement | None = None
    security: Security | None = None
    sidecars: dict[Name, Sidecar] = {}
    labels: dict[str, Text] = {}
    annotations: dict[str, Text] = {}
