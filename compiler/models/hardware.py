"""Models a container's resources, GPUs, volumes, placement, and what it loosens of the hardened default."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from compiler.models.base import EMPTY, REFERENCE, Flag, Model, Problem, Quantity, Shape, Text, Whole, describe, lazy


def _count(value: Any) -> int | str:
    hint = "write a number, or one reference: ${{ params.x }}"
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise Problem("A125", "must be at least 1", "leave gpu out for none")
        return int(value)
    if isinstance(value, str) and REFERENCE in value:
        return value
    raise Problem("A122", f"expected a whole number, found {describe(value)}", hint)


class Gpu(Model):
    """GPUs of a container. `gpu: true` and `gpu: 2` are short forms; `count` may be a `${{ params.x }}` reference."""

    count: Annotated[int | str, Shape(_count, {"type": ["integer", "string"]})] = 1
    vendor: Literal["nvidia", "amd", "intel"] = "nvidia"
    product: str | None = None
    memory: Quantity | None = None
    mig: Annotated[str | None, Field(description="A slice of a GPU, as in 1g.10gb.")] = None
    shared: Flag = False


def _gpu(value: Any) -> Any:
    if value is True:
        return {}
    if value is False:
        return None
    if isinstance(value, dict | Gpu):
        return value
    if isinstance(value, int | str):
        return {"count": _count(value)}
    raise Problem("A122", f"expected true, a number of GPUs or a mapping, found {describe(value)}")


if TYPE_CHECKING:
    _SomeGpu = Gpu
else:
    _SomeGpu = lazy(__name__, "Gpu", _gpu, {"type": ["boolean", "integer", "string"]})


class Resources(Model):
    """A container's resources: `cpu` requested, `memory` requested and limited, `shm` is /dev/shm, `disk` ephemeral."""

    cpu: Quantity | None = None
    memory: Quantity | None = None
    gpu: _SomeGpu | None = None
    shm: Quantity | None = None
    disk: Quantity | None = None


class Volume(Model):
    """A volume: one of `claim` (PersistentVolumeClaim), `empty` (size), `configMap`, `secret`; mounted at `path`.

    `optional`: the ConfigMap or Secret need not be there; the folder is empty then.
    """

    path: str
    claim: str | None = None
    empty: Quantity | None = None
    config_map: str | None = None
    secret: str | None = None
    sub_path: str | None = None
    read_only: Flag = False
    optional: Flag = False


class Toleration(Model):
    """A taint of nodes that the pods bear, as in Kubernetes."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: Whole | None = None


class Placement(Model):
    """Where pods may run."""

    node_selector: dict[str, Text] = EMPTY
    tolerations: tuple[Toleration, ...] = ()
    affinity: Annotated[dict[str, Any] | None, Field(description="As in Kubernetes.")] = None
    scheduler: str | None = None


class Security(Model):
    """Exceptions from the hardened default (Pod Security "restricted"), each by name."""

    run_as_root: Flag = False
    privileged: Flag = False
    privilege_escalation: Flag = False
    capabilities: tuple[str, ...] = ()
    service_account_token: Flag = False
    read_only_root: Flag = False
