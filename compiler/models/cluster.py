"""What a profile may say about its cluster: the store, GPUs, images, how long Workflows are kept."""

from typing import TYPE_CHECKING

from compiler.models.base import EMPTY, Duration, Flag, Model, Text, lazy

if TYPE_CHECKING:
    from compiler.models.hardware import Toleration
else:
    Toleration = lazy("compiler.models.hardware", "Toleration")


class StoreSecret(Model):
    """The cluster's Secret with the store's credentials: its name and the two keys in it."""

    name: str
    access_key: str = "accesskey"
    secret_key: str = "secretkey"  # noqa: S105  (the name of a key, not a secret)


class Store(Model):
    """The S3 store: `endpoint` as this machine reaches it, `inClusterEndpoint` as pods do."""

    endpoint: str
    in_cluster_endpoint: str | None = None
    bucket: str
    region: str | None = None
    insecure: Flag = False
    secret: StoreSecret | None = None
    ca_file: str | None = None


class GpuPlacement(Model):
    """Replaces the shipped table's entry of a GPU product."""

    node_selector: dict[str, Text] = EMPTY
    tolerations: tuple[Toleration, ...] = ()
    resource: str | None = None  # the extended resource, where it is not the vendor's own


class Ttl(Model):
    """How long finished Workflows are kept."""

    completion: Duration | None = None
    success: Duration | None = None
    failure: Duration | None = None


class ImageCommand(Model):
    """What an image runs by itself; it is used where a container has no `command`, and `cmd` where it has no `args`."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...] = ()
