"""Models a profile's settings of its cluster: the store, GPUs, images, how long Workflows are kept."""

import re
from typing import TYPE_CHECKING, Annotated, Any

from compiler.models.base import EMPTY, Duration, Flag, Model, Problem, Shape, Text, describe, lazy

if TYPE_CHECKING:
    from compiler.models.hardware import Toleration
else:
    Toleration = lazy("compiler.models.hardware", "Toleration")


_HOST = re.compile(r"(?=.{1,180}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")


def _host(value: Any) -> str:
    """A host name; 180 characters leave room for a task's own label before it (RFC 1123: 253 in all)."""
    if not isinstance(value, str):
        raise Problem("A122", f"expected a host name, found {describe(value)}")
    if not _HOST.fullmatch(value):
        hint = "the part that all hosts have in common: sessions.example.com, where DNS knows *.sessions.example.com"
        raise Problem("A126", f"'{value[:60]}' is not a host name", hint)
    return value


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


class Sessions(Model):
    """How people reach interactive tasks: by an Ingress each, on hosts below one that leads to the cluster's own.

    Without `tls_secret` the Ingress controller's own certificate is taken.
    """

    host: Annotated[str, Shape(_host, {"type": "string"})]
    ingress_class_name: str | None = None
    tls: Flag = True
    tls_secret: str | None = None
    annotations: dict[str, Text] = EMPTY
    controller_namespace: str | None = None  # of the Ingress controller; `setup` lets nobody else in


class ImageCommand(Model):
    """The program of an image: used where a container has no `command`, and `cmd` where it has no `args`."""

    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...] = ()
