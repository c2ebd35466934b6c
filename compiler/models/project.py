"""argosy.yaml: profiles (where and how to run) and the project's policy."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from compiler.models.base import EMPTY, Duration, Flag, Model, Text, Whole, lazy

if TYPE_CHECKING:
    from compiler.models.cluster import GpuPlacement, ImageCommand, Sessions, Store, Ttl
    from compiler.models.hardware import Toleration
    from compiler.models.service import Service
else:
    GpuPlacement = lazy("compiler.models.cluster", "GpuPlacement")
    ImageCommand = lazy("compiler.models.cluster", "ImageCommand")
    Sessions = lazy("compiler.models.cluster", "Sessions")
    Store = lazy("compiler.models.cluster", "Store")
    Ttl = lazy("compiler.models.cluster", "Ttl")
    Service = lazy("compiler.models.service", "Service")
    Toleration = lazy("compiler.models.hardware", "Toleration")


class Engine(Model):
    """`local`, an Argo Server, or a kubeconfig context. At most one is set; none is the embedded engine.

    How a server is reached, never a credential itself: those come from the environment, a file or a command.
    """

    server: str | None = None
    context: str | None = None
    kubeconfig: str | None = None  # a file in place of KUBECONFIG and ~/.kube/config
    token_file: str | None = None
    token_command: tuple[str, ...] = ()  # a program and its arguments; what it prints is the token
    ca_file: str | None = None  # authorities in place of the system's
    cert_file: str | None = None  # this client's certificate and its key (mTLS)
    key_file: str | None = None
    insecure_skip_verify: Flag = False


def _engine(value: Any) -> Any:
    return {} if value == "local" else value


if TYPE_CHECKING:
    _Engine = Engine
else:
    _Engine = lazy(__name__, "Engine", _engine, {"const": "local"})


class Profile(Model):
    """One place to run."""

    engine: _Engine = Field(default_factory=Engine)
    namespace: str | None = None
    service_account: str | None = None
    executor_service_account: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    store: Store | None = None
    sessions: Sessions | None = None
    gpu: dict[str, GpuPlacement] = EMPTY
    images: dict[str, ImageCommand] = EMPTY  # as the controller's configuration has them; for processes without images
    node_selector: dict[str, Text] = EMPTY
    tolerations: tuple[Toleration, ...] = ()
    ttl: Ttl | None = None
    pod_gc: Literal["OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess"] | None = Field(
        default=None, alias="podGC"
    )
    timeout: Duration | None = None
    parallelism: Whole | None = None
    offload: Flag = False  # the controller offloads large node status
    labels: dict[str, Text] = EMPTY
    annotations: dict[str, Text] = EMPTY
    executor_egress: tuple[str, ...] = ()  # addresses (CIDR) of the Kubernetes API and the store, for bounded pods
    enforces: tuple[Literal["processes", "egress"], ...] = ()  # bounds that the cluster keeps by means of its own


class Policy(Model):
    """The project's rules about images, which `check` holds definitions against."""

    registries: tuple[str, ...] = ()  # allowed image registries; none named: any
    require_digest: Flag = False


class Project(Model):
    """The whole argosy.yaml."""

    api_version: Literal["argosy/v1"] = "argosy/v1"
    kind: Literal["Project"] = "Project"
    default: str | None = None
    profiles: dict[str, Profile] = EMPTY
    policy: Policy = Field(default_factory=Policy)
    assets: tuple[str, ...] = ("assets",)  # folders with the project's assets, relative to argosy.yaml
    dags: tuple[str, ...] = ("dags",)
    service: Service | None = None
