"""The program as immutable data: templates, tasks, edges, artifacts, ConfigMaps; JSON-serialisable.

Every text in it is Argo's own already (`{{inputs.parameters.x}}`, the user's braces escaped). Maps are tuples of pairs
in their final order, so that equal templates compare and hash equal: that is how templates come to be shared.

Named tuples, and annotations that are evaluated: every compile imports this module, and frozen dataclasses take five
times as long to make.
"""

from json import dumps
from typing import Any, Literal, NamedTuple, TypeAlias

Pairs: TypeAlias = tuple[tuple[str, str], ...]
Archive: TypeAlias = Literal["", "none", "tar", "zip"]

# The parameter that has a run's artifacts as JSON, for child Workflows.
INPUT_ARTIFACTS = "input_artifacts"


class Argument(NamedTuple):
    """A parameter given to a template."""

    name: str
    value: str


class Location(NamedTuple):
    """Where an artifact lies: a key in the store (`bucket` where it is not the store's own), or its own text."""

    key: str = ""
    bucket: str = ""
    raw: str | None = None


class ArtifactArgument(NamedTuple):
    """An artifact given to a template: by reference (`source`), or by its location. Neither: given at submission."""

    name: str
    source: str = ""
    location: Location | None = None
    archive: Archive = ""
    optional: bool = False


class Parameter(NamedTuple):
    """A parameter that a template or the workflow takes. `value`: a workflow's default; `default`: a template's."""

    name: str
    default: str | None = None
    value: str | None = None
    enum: tuple[str, ...] = ()
    description: str = ""


class InputArtifact(NamedTuple):
    name: str
    path: str = ""
    optional: bool = False


class OutputParameter(NamedTuple):
    """A value that a template gives: read from a file, supplied (a gate's), or taken from its tasks.

    `reference` is a task's value (`{{…}}`) or an expression. `json_path` takes it from a child Workflow; `exported`: it
    is an output of the workflow, too.
    """

    name: str
    path: str = ""
    reference: str = ""
    supplied: bool = False
    default: str | None = None
    json_path: str = ""
    exported: bool = False


class OutputArtifact(NamedTuple):
    """An artifact that a template gives: stored under `key`, or a task's (`source`)."""

    name: str
    path: str = ""
    key: str = ""
    source: str = ""
    archive: Archive = ""
    optional: bool = False


class Secret(NamedTuple):
    name: str
    key: str
    optional: bool = False


class EnvVar(NamedTuple):
    name: str
    value: str = ""
    secret: Secret | None = None


class Volume(NamedTuple):
    """A volume of a pod; `source` is the claim's, ConfigMap's or Secret's name."""

    name: str
    kind: Literal["empty", "memory", "claim", "configMap", "secret"]
    source: str = ""
    size: str = ""
    read_only: bool = False
    optional: bool = False


class Mount(NamedTuple):
    volume: str
    path: str
    sub_path: str = ""
    read_only: bool = False


class Toleration(NamedTuple):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    seconds: int | None = None


class Port(NamedTuple):
    name: str
    port: int
    protocol: str


class Security(NamedTuple):
    """A container's privileges; the default passes Pod Security "restricted"."""

    escalation: bool = False
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    read_only_root: bool = False


class Container(NamedTuple):
    """A container: `source` makes it a script."""

    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    source: str | None = None
    working_dir: str = ""
    pull_policy: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    requests: Pairs = ()
    limits: Pairs = ()
    mounts: tuple[Mount, ...] = ()
    security: Security = Security()


class Sidecar(NamedTuple):
    name: str
    container: Container
    mirror_volumes: bool = False


class Retry(NamedTuple):
    """Durations in seconds."""

    limit: int
    policy: str
    expression: str = ""
    first: int | None = None
    factor: int | None = None
    maximum: int | None = None


class Memoize(NamedTuple):
    key: str
    config_map: str
    max_age: int | None = None


class PodSecurity(NamedTuple):
    user: int = 1000
    root: bool = False


class Interface(NamedTuple):
    """A template's inputs and outputs."""

    parameters: tuple[Parameter, ...] = ()
    artifacts: tuple[InputArtifact, ...] = ()
    output_parameters: tuple[OutputParameter, ...] = ()
    output_artifacts: tuple[OutputArtifact, ...] = ()


class PodTemplate(NamedTuple):
    """A container or a script with its pod. `affinity` is Kubernetes' own form as JSON; `deadline` in seconds."""

    interface: Interface
    container: Container
    labels: Pairs = ()
    annotations: Pairs = ()
    retry: Retry | None = None
    memoize: Memoize | None = None
    deadline: int | None = None
    node_selector: Pairs = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: str = ""
    scheduler: str = ""
    priority_class: str = ""
    service_account_token: bool = False
    security: PodSecurity | None = None
    patch: str = ""
    volumes: tuple[Volume, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()


class GateTemplate(NamedTuple):
    """A pause: suspended until a decision, or until `timeout` seconds have passed (which rejects)."""

    message: str = ""
    timeout: int | None = None


class ChildTemplate(NamedTuple):
    """A child Workflow: created from `manifest`, followed to its end."""

    interface: Interface
    manifest: str


class Loop(NamedTuple):
    """The items of a task: constants (maps, as pairs), or an expression for a JSON list of maps."""

    items: tuple[tuple[tuple[str, Any], ...], ...] = ()
    expression: str = ""


class DagTask(NamedTuple):
    """One task: the template it uses, what it waits for (`depends` or `dependencies`), and what it gives."""

    name: str
    template: str
    depends: str = ""
    dependencies: tuple[str, ...] = ()
    when: str = ""
    loop: Loop | None = None
    parameters: tuple[Argument, ...] = ()
    artifacts: tuple[ArtifactArgument, ...] = ()
    continue_on_failed: bool = False
    continue_on_error: bool = False


class DagTemplate(NamedTuple):
    interface: Interface
    tasks: tuple[DagTask, ...]
    parallelism: int | None = None
    retry: Retry | None = None


class Template(NamedTuple):
    name: str
    body: PodTemplate | GateTemplate | DagTemplate | ChildTemplate


class ConfigMap(NamedTuple):
    """An immutable, content-named ConfigMap; `binary` holds base64."""

    name: str
    data: Pairs
    binary: Pairs = ()


class Network(NamedTuple):
    """A NetworkPolicy: the addresses (CIDR) that pods with its name as label may reach."""

    name: str
    egress: tuple[str, ...]


class Schedule(NamedTuple):
    cron: tuple[str, ...]
    timezone: str
    concurrency: str
    suspend: bool
    starting_deadline: int | None
    keep_succeeded: int | None
    keep_failed: int | None


class Store(NamedTuple):
    """The S3 store as pods reach it; `secret` (name, access key's key, secret key's key)."""

    endpoint: str
    bucket: str
    region: str
    insecure: bool
    secret: tuple[str, str, str] | None


class Settings(NamedTuple):
    """Settings of the whole workflow, from the profile and the DAG's limits. Durations in seconds."""

    namespace: str = ""
    service_account: str = ""
    executor_service_account: str = ""
    image_pull_secrets: tuple[str, ...] = ()
    node_selector: Pairs = ()
    tolerations: tuple[Toleration, ...] = ()
    ttl: tuple[tuple[str, int], ...] = ()
    pod_gc: str = ""
    deadline: int | None = None
    parallelism: int | None = None
    mutex: str = ""
    store: Store | None = None


class WorkflowPlan(NamedTuple):
    """One DAG as what becomes a Workflow or WorkflowTemplate, with its ConfigMaps and schedule.

    `nodes` is the number of nodes a run has as far as it is known; `open_loops` tells how many loops count as one item
    because their lists come to be only in the run. `prefix` is what the keys of a run begin with; `hands_on`: child
    Workflows get the run's artifacts, from a parameter that has them as JSON.
    """

    name: str
    title: str
    description: str
    entrypoint: str
    on_exit: str
    parameters: tuple[Parameter, ...]
    artifacts: tuple[ArtifactArgument, ...]
    templates: tuple[Template, ...]
    config_maps: tuple[ConfigMap, ...]
    schedule: Schedule | None
    settings: Settings
    labels: Pairs
    annotations: Pairs
    nodes: int
    open_loops: int
    prefix: str = "runs/{{workflow.namespace}}/{{workflow.name}}/{{workflow.uid}}"
    hands_on: bool = False
    networks: tuple[Network, ...] = ()


def as_json(value: Any) -> Any:
    """A plan, or a part of it, as JSON-like data."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: as_json(item) for name, item in value._asdict().items()}
    return [as_json(item) for item in value] if isinstance(value, tuple) else value


def compact(obj: Any) -> str:
    """JSON in one line with sorted keys, for annotations and digests."""
    return dumps(obj, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
