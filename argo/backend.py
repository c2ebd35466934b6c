"""Defines the `Backend` protocol, which every place that runs Workflows implements, and the values it speaks in.

A run is always shown as Argo's own Workflow object (camelCase, with `status.nodes`); `RunState` is the
short form of it. Errors are those of `argo.errors`: `NotFoundError` for an unknown run or task, `ConflictError`
where the run's state does not allow what is asked, `RemoteError` and `EnvironmentFailure` for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict

from compiler.manifest_types import Object, Workflow

if TYPE_CHECKING:
    from argo.storage import Store

Json = Any

FINISHED = frozenset({"Succeeded", "Failed", "Error"})
"""The phases of a workflow after which nothing changes."""

FULFILLED = FINISHED | {"Skipped", "Omitted"}
"""The phases of a node after which nothing changes."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run's identity: `name` is what people type, `uid` what never repeats."""

    name: str
    namespace: str
    uid: str


@dataclass(frozen=True, slots=True)
class RunState:
    """A run in short. `tasks` and `results` have the shapes that `argosy status -o json` prints."""

    name: str
    phase: str
    message: str = ""
    executor: str = ""
    tasks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, object] | str | None] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """True where the run has ended: nothing of it will change any more."""
        return self.phase in FINISHED

    def as_json(self) -> dict[str, object]:
        """`{"name", "phase", "message", "executor", "tasks", "results"}`; `executor` is null on a cluster."""
        return {
            "name": self.name,
            "phase": self.phase,
            "message": self.message,
            "executor": self.executor or None,
            "tasks": dict(self.tasks),
            "results": dict(self.results),
        }


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of a list of runs."""

    ref: RunRef
    phase: str
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: str
    active: bool  # something drives it now
    source: str  # the definition or manifest that it came from, as the user named it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. `changed` are the ids of the nodes that differ from the snapshot before, None: unknown."""

    workflow: Workflow
    changed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a task's output, without its line end; `task` is the node's name below the run."""

    task: str
    container: str
    text: str


@dataclass(frozen=True, slots=True)
class Submission:
    """Everything that a run needs: one Workflow object, and the objects that it may refer to.

    `workflow` has a `metadata.name`. `objects` are ConfigMaps and Secrets, which become the run's own (a cluster
    deletes them with it; an Argo Server makes no Secrets), WorkflowTemplates and ClusterWorkflowTemplates, which a
    cluster must have already. `source` names where it came from. `key` is what makes a repeated submission the same
    one: it stands in the label `KEY` of the workflow, empty where nobody will repeat it. `executor`
    is what runs its tasks on this machine, empty for what is chosen there, and `parallelism` how many containers run
    there at once, None for what it has room for.
    """

    workflow: Workflow
    objects: Sequence[Object] = ()
    source: str = ""
    key: str = ""
    executor: str = ""
    parallelism: int | None = None


SCHEDULED = "workflows.argoproj.io/scheduled-time"  # an annotation of what a schedule starts, also by hand


class Submitted(NamedTuple):
    """The run that a submission led to; `new` is False where it was there already, from the same key."""

    ref: RunRef
    new: bool


class CommandArguments(TypedDict, total=False):
    """The arguments of a command: who gives it, the nodes that it is for, and what they get."""

    actor: str
    by: str
    task: str
    selector: str
    phase: str
    message: str
    outputs: dict[str, str]


class Backend(Protocol):
    """A place where runs are. `run` arguments are names or uids."""

    @property
    def place(self) -> str:
        """The place in words, as a sentence goes on: "this machine", "the Argo Server URL, namespace NS"."""

    @property
    def here(self) -> bool:
        """True where runs are on this machine, where each keeps the templates and ConfigMaps that it was given."""

    @property
    def namespace(self) -> str:
        """Where new runs go that name no namespace."""

    def close(self) -> None:
        """Let go of connections and files."""

    def submit(self, submission: Submission) -> Submitted:
        """Have a run executed; nothing is half submitted when this raises.

        A run of the same name and key is the one meant, whoever made it. Raises ConflictError where there is a run of
        that name with another key or without one.
        """

    def find(self, run: str) -> RunRef:
        """The run of that name or uid."""

    def get(self, ref: RunRef) -> Workflow:
        """The run as Argo's Workflow object, status included."""

    def submission(self, ref: RunRef) -> Submission:
        """Return what the run was submitted as: its Workflow without identity and status, and its own objects.

        The names of its ConfigMaps are the run's; another run wants its own (`argo.workflow.ownership`).
        """

    def list(self) -> Sequence[RunSummary]:
        """All runs, the newest first."""

    def active(self, ref: RunRef) -> bool:
        """True where something drives the run now: on a cluster its controller, until the run has ended."""

    def unfinished(self, ref: RunRef) -> bool:
        """True where tasks of the run may still be running, whatever its phase."""

    def store(self, ref: RunRef | None = None) -> Store:
        """The store of a run's artifacts; without one, of runs that are gone. Raises UsageError where it is not known,
        StoreError.
        """

    def artifacts(self, ref: RunRef) -> Store:
        """The run's artifacts through the place's own API, to read only. Raises UsageError where it has none."""

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:
        """A value of a Secret that a run uses. Raises NotFoundError, UsageError where the place tells none."""

    def link(self, ref: RunRef) -> str:
        """Where a browser shows the run, in Argo's UI; empty where nothing does."""

    def places(self, ref: RunRef) -> Mapping[str, str]:
        """Where people find what belongs to a run: `artifacts`, `logs`, as far as it is known here."""

    def executor(self, ref: RunRef) -> str:
        """Return the executor of the run's tasks: `process`, `podman` or `docker` here; empty for a cluster's nodes."""

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        """Snapshots until the run has ended or nothing drives it, the first at once."""

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        """Yield the lines that the tasks wrote, whole, in the order of the tasks' start."""

    def user(self) -> str:
        """Who gives commands, as the place knows this user."""

    def command(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        """Have one of the commands below carried out. Raises ConflictError where the run's state does not allow it."""

    def stop(self, ref: RunRef) -> None:
        """End the running tasks; exit handlers run. The run ends as Failed."""
        self.command(ref, "stop", {})

    def terminate(self, ref: RunRef) -> None:
        """End the run at once, without exit handlers."""
        self.command(ref, "terminate", {})

    def suspend(self, ref: RunRef) -> None:
        """Start no further task until `resume`."""
        self.command(ref, "suspend", {})

    def resume(self, ref: RunRef) -> None:
        """Lift `suspend`, and let bare suspend nodes (no gate) go on."""
        self.command(ref, "resume", {"by": self.user()})

    def approve(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        """Let the run pass a gate; `outputs` are values of its other parameters."""
        given: CommandArguments = {"task": task, "by": self.user(), "message": message, "outputs": dict(outputs)}
        self.command(ref, "approve", given)

    def reject(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        """Close a gate; `outputs` as in `approve`."""
        given: CommandArguments = {"task": task, "by": self.user(), "message": message, "outputs": dict(outputs)}
        self.command(ref, "reject", given)

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """Make an ended run, with what failed in it, unfinished again; what succeeded is kept, but `tasks` and what
        came after them."""

    def delete(self, ref: RunRef, *, results: bool = False) -> None:
        """Remove an ended run and its logs; with `results`, what it stored, too."""
