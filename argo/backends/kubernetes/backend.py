"""Runs on a cluster, through the Kubernetes API: `argo.backend.Backend` over Argo's custom objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from argo.backend import FINISHED, LogLine, RunRef, RunSummary, Snapshot, Submission, Submitted
from argo.backends.follow import follow
from argo.backends.kubernetes.api import WORKFLOWS, Cluster
from argo.backends.kubernetes.errors import GoneError
from argo.backends.kubernetes.runs import edit, ref_of, stored
from argo.backends.kubernetes.submit import submit
from argo.backends.summaries import summary
from argo.errors import ArgosyError, ConflictError, NotFoundError, UsageError, did_you_mean
from argo.target import Target
from argo.workflow.commands import CommandArguments, apply, user
from argo.workflow.hydrate import hydrate
from argo.workflow.ownership import remove_stored, require_removable, unborn
from argo.workflow.retry import reset
from compiler.labels import RUN
from compiler.manifest_types import Object, Workflow

if TYPE_CHECKING:
    from argo.storage import Store


class ClusterBackend:
    """The runs of one namespace of a cluster. `patience` scales all waiting times, for tests."""

    def __init__(self, target: Target, patience: float = 1.0) -> None:
        assert target.cluster is not None
        self._target = target
        self.cluster = Cluster(target.cluster, target.namespace, patience)

    @property
    def place(self) -> str:
        context = self._target.cluster.context if self._target.cluster else None
        named = f"context {context}, " if context else ""
        return f"the cluster {self.cluster.client.host} ({named}namespace {self.namespace})"

    @property
    def here(self) -> bool:
        return False

    @property
    def namespace(self) -> str:
        return self.cluster.namespace

    def close(self) -> None:
        self.cluster.close()

    def submit(self, submission: Submission) -> Submitted:
        return submit(self.cluster, submission)

    def find(self, run: str) -> RunRef:
        try:
            return ref_of(self.cluster.get(WORKFLOWS, run))
        except (NotFoundError, UsageError):
            refs = [ref_of(item) for item in self.cluster.list(WORKFLOWS)]
        found = next((ref for ref in refs if ref.uid == run), None)
        if found is not None:
            return found
        hint = did_you_mean(run, [ref.name for ref in refs]) or "argosy list shows the runs"
        raise NotFoundError(f"no run named {run} on {self.place}", hint=hint)

    def get(self, ref: RunRef) -> Workflow:
        return hydrate(self._stored(ref))

    def submission(self, ref: RunRef) -> Submission:
        objects: list[Object] = [
            {
                **config_map,
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": config_map["metadata"]["name"]},
            }
            for config_map in self.cluster.config_maps(ref)
        ]
        return Submission(unborn(self._stored(ref)), objects, f"the run {ref.name}")

    def list(self) -> Sequence[RunSummary]:
        found = [summary(item) for item in self.cluster.list(WORKFLOWS)]
        return sorted(found, key=lambda made: made.created_at, reverse=True)

    def active(self, ref: RunRef) -> bool:
        return (self._stored(ref).get("status") or {}).get("phase") not in FINISHED

    def unfinished(self, ref: RunRef) -> bool:
        return self.active(ref)

    def store(self, ref: RunRef | None = None) -> Store:
        return self._store(self._stored(ref) if ref else {"spec": {}})

    def artifacts(self, ref: RunRef) -> Store:
        raise UsageError(
            f"no server gives the artifacts of {ref.name}", hint="use a profile with an Argo Server, or leave --via out"
        )

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:  # noqa: ARG002  (any of the namespace)
        return self.cluster.secret(name, key)

    def link(self, ref: RunRef) -> str:  # noqa: ARG002  (no server is known here)
        return ""

    def places(self, ref: RunRef) -> Mapping[str, str]:
        from argo.storage.settings import shown

        try:
            return {"artifacts": shown(self._settings(self._stored(ref)))}
        except ArgosyError:
            return {}

    def executor(self, ref: RunRef) -> str:  # noqa: ARG002  (a cluster's nodes do)
        return ""

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        return follow(partial(self.get, ref), partial(self._pictures, ref), self.cluster.patience)

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        from argo.backends.kubernetes.logs import Logs

        logs = Logs(self.cluster, ref, partial(self.get, ref), self._store)
        return logs.follow(task) if follow else logs.lines(task)

    def stop(self, ref: RunRef) -> None:
        self._end(ref, "stop")

    def terminate(self, ref: RunRef) -> None:
        self._end(ref, "terminate")

    def suspend(self, ref: RunRef) -> None:
        self._apply(ref, "suspend", {})

    def resume(self, ref: RunRef) -> None:
        self._apply(ref, "resume", {"by": self._user()})

    def set_node(
        self,
        ref: RunRef,
        task: str,
        phase: Literal["Succeeded", "Failed"],
        outputs: Mapping[str, str],
        message: str = "",
    ) -> None:
        self._apply(ref, "set", {"task": task, "phase": phase, "outputs": dict(outputs), "message": message})

    def approve(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        self._answer(ref, "approve", task, message, outputs)

    def reject(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        self._answer(ref, "reject", task, message, outputs)

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """As `Backend.retry`. The pods of what runs again are removed first, as Argo does: their names come again."""
        from argo.backends.podlogs import pod_name

        preview = self.get(ref)
        before = {**((preview.get("status") or {}).get("nodes") or {})}
        reset(preview, tasks)
        kept = preview["status"]["nodes"]
        for key, node in before.items():
            if key not in kept and node["type"] == "Pod":
                self.cluster.delete_pod(pod_name(preview, node))
        self._edit(ref, lambda workflow: reset(workflow, tasks))

    def delete(self, ref: RunRef, *, results: bool = False) -> None:
        workflow = self._stored(ref)
        require_removable(workflow)
        if results:
            remove_stored(ref, workflow, self._store(workflow))
        config_maps = self.cluster.config_maps(ref)
        for one in (*self._children(ref), ref):
            self.cluster.delete(WORKFLOWS, one.name, one.uid)
        for config_map in config_maps:  # sooner than the garbage collector
            self.cluster.delete_config_map(config_map["metadata"]["name"])

    def _answer(self, ref: RunRef, verb: str, task: str, message: str, outputs: Mapping[str, str]) -> None:
        given: CommandArguments = {"task": task, "by": self._user(), "message": message, "outputs": dict(outputs)}
        self._apply(ref, verb, given)

    def _user(self) -> str:
        """Who the cluster takes this user for; where it does not say, who it is on this machine."""
        try:
            return self.cluster.user() or user()
        except ArgosyError:
            return user()

    def _apply(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        self._edit(ref, lambda workflow: apply(workflow, verb, arguments, datetime.now(UTC)))

    def _end(self, ref: RunRef, verb: str) -> None:
        """End a run and its child Workflows, which Argo would let go on."""
        self._apply(ref, verb, {})
        for child in self._children(ref):
            with suppress(NotFoundError, ConflictError):  # it has ended meanwhile
                self._apply(child, verb, {})

    def _edit(self, ref: RunRef, change: Callable[[Workflow], object]) -> None:
        edit(self.cluster, ref, change)

    def _stored(self, ref: RunRef) -> Workflow:
        return stored(self.cluster, ref)

    def _pictures(self, ref: RunRef, now: Workflow) -> Iterator[Workflow]:
        try:
            for event in self.cluster.watch(WORKFLOWS, ref.name, now["metadata"].get("resourceVersion") or "0"):
                workflow = event["object"]
                if event["type"] == "DELETED":
                    return  # to read it anew says what became of it
                if workflow["metadata"].get("uid") == ref.uid:
                    yield hydrate(workflow)
        except GoneError:
            return

    def _children(self, ref: RunRef) -> Sequence[RunRef]:
        return [ref_of(item) for item in self.cluster.list(WORKFLOWS, f"{RUN}={ref.name}")]

    def _store(self, workflow: Workflow) -> Store:
        from argo.storage.settings import s3_store

        return s3_store(self._settings(workflow))

    def _settings(self, workflow: Workflow) -> Mapping[str, Any]:
        from argo.backends.kubernetes.stores import store_settings

        found = self._target.store or store_settings(self.cluster, workflow)
        if not found:
            raise UsageError(
                "it is not known here where the run's artifacts lie",
                hint="use a profile of argosy.yaml that has a `store`",
            )
        return found
