"""The border between the engine's decisions and whatever runs containers: requests, outcomes, protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from compiler.manifest_types import (
    ClusterWorkflowTemplate,
    ConfigMap,
    Outputs,
    Template,
    UserContainer,
    Volume,
    WorkflowTemplate,
)

PodSpec = dict[str, Any]  # Kubernetes' PodSpec, with whatever a podSpecPatch puts there
ACTIVE_MESSAGE = "Pod was active on the node longer than the specified deadline"
PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Error"]


if TYPE_CHECKING:

    class AnyContainer(UserContainer, total=False):
        """A container of any kind of template, with the fields that only some kinds have."""

        dependencies: list[str]
        source: str

else:
    AnyContainer = dict


@dataclass(frozen=True, slots=True)
class PodRequest:
    """One pod to run, complete in itself: JSON-serialisable, so that it can be recorded before it is started.

    `template` is the node's template with every tag substituted and every input artifact and output artifact
    carrying its final location. `volumes` are Kubernetes volumes (workflow and template level together); `own_claims`
    names the claims among them that live and go with the run.
    `deadline` is in seconds since the epoch; past it the pod fails with `deadline_message`. `active_seconds` are
    counted from its start, as the kubelet does; past them it fails with ACTIVE_MESSAGE.
    """

    node_id: str
    node_name: str
    pod_name: str
    namespace: str
    workflow_name: str
    workflow_uid: str
    template: Template
    volumes: tuple[Volume, ...] = ()
    own_claims: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod_spec: PodSpec = field(default_factory=dict)  # securityContext, nodeSelector, … after podSpecPatch; informative
    deadline: float | None = None
    deadline_message: str = ACTIVE_MESSAGE
    active_seconds: float | None = None


class ContainerState(TypedDict, total=False):
    """The state of one container of a containerSet."""

    phase: PodPhase
    exitCode: int | None
    message: str
    startedAt: str
    finishedAt: str


@dataclass(frozen=True, slots=True)
class PodOutcome:
    """A pod's state, in Argo's node fields, as the executor reports it.

    `phase` Failed is the program's own failure (`exit_code` set), Error the executor's (image, artifact, environment).
    `outputs` has Argo's shape: {"parameters": [{"name","value"}], "artifacts": [...], "result": str, "exitCode": str}.
    """

    phase: PodPhase
    message: str = ""
    exit_code: int | None = None
    outputs: Outputs = field(default_factory=Outputs)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: str | None = None  # "n/m" as written to ARGO_PROGRESS_FILE
    containers: Mapping[str, ContainerState] = field(
        default_factory=dict
    )  # containerSet: name -> {phase, exitCode, message}


class Pods(Protocol):
    """Runs pods. Every method may be called again after a crash of the caller without doing anything twice."""

    def create(self, request: PodRequest) -> None:
        """Start the pod, or adopt it when it was started before (same node id)."""

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:
        """Outcomes of all pods that are known and changed since the last poll; wait up to `timeout` seconds for one."""

    def kill(self, node_id: str, grace: float) -> None:
        """SIGTERM, after `grace` seconds SIGKILL; the outcome comes by poll."""


class RunObjects(Protocol):
    """The Kubernetes objects that a run may refer to."""

    def config_map(self, name: str) -> ConfigMap | None: ...
    def workflow_template(self, name: str) -> WorkflowTemplate | None: ...
    def cluster_workflow_template(self, name: str) -> ClusterWorkflowTemplate | None: ...
    def secret(self, name: str, key: str) -> bytes | None: ...
    def secret_keys(self, name: str) -> list[str] | None: ...
    def create_config_map(self, config_map: ConfigMap) -> None: ...


@dataclass(slots=True)
class Decisions:
    """The decisions of one reconcile: node ids changed, pods to start and to end, when to look again."""

    changed: set[str] = field(default_factory=set)
    launch: list[PodRequest] = field(default_factory=list)
    kill: list[str] = field(default_factory=list)
    wake_at: datetime | None = None
