"""Runs on a cluster, through the Kubernetes API: `argo.backend.Backend` over Argo's custom objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from argo.backend import FINISHED, CommandArguments, RunRef, Submission, Submitted
from argo.backends.kubernetes.api import Cluster
from argo.backends.kubernetes.create import create_run
from argo.backends.kubernetes.errors import GoneError
from argo.backends.kubernetes.runs import edit, stored
from argo.backends.remote import Event, RemoteBackend
from argo.backends.summaries import ref_of
from argo.errors import ConflictError, NotFoundError, UsageError
from argo.target import Settings, Target
from argo.workflow.commands import apply
from argo.workflow.hydrate import hydrate
from argo.workflow.ownership import unborn
from argo.workflow.retry import reset
from compiler.labels import RUN
from compiler.manifest_types import Object, Workflow

if TYPE_CHECKING:
    from argo.backends.logs import PodLogs
    from argo.storage import Store


class ClusterBackend(RemoteBackend):
    """The runs of one namespace of a cluster. `patience` scales all waiting times, for tests."""

    def __init__(self, target: Target, patience: float = 1.0) -> None:
        assert target.cluster is not None
        self._target = target
        self._patience = patience
        self.cluster = Cluster(target.cluster, target.namespace, patience)

    @property
    def place(self) -> str:
        context = self._target.cluster.context if self._target.cluster else None
        named = f"context {context}, " if context else ""
        return f"the cluster {self.cluster.host} ({named}namespace {self.namespace})"

    @property
    def namespace(self) -> str:
        return self.cluster.namespace

    def close(self) -> None:
        self.cluster.close()

    def submit(self, submission: Submission) -> Submitted:
        self._require_templates(submission)
        return create_run(self.cluster, submission)

    def find(self, run: str) -> RunRef:
        try:
            return ref_of(self.cluster.get("Workflow", run))
        except (NotFoundError, UsageError):
            refs = [ref_of(item) for item in self.cluster.list("Workflow")]
        found = next((ref for ref in refs if ref.uid == run), None)
        if found is not None:
            return found
        raise self._unknown(run, refs)

    def get(self, ref: RunRef) -> Workflow:
        return hydrate(self._stored(ref))

    def submission(self, ref: RunRef) -> Submission:
        about: Object = {"apiVersion": "v1", "kind": "ConfigMap"}
        found = self.cluster.config_maps(ref)
        objects: list[Object] = [{**it, **about, "metadata": {"name": it["metadata"]["name"]}} for it in found]
        return Submission(unborn(self._stored(ref)), objects, f"the run {ref.name}")

    def active(self, ref: RunRef) -> bool:
        return (self._stored(ref).get("status") or {}).get("phase") not in FINISHED

    def artifacts(self, ref: RunRef) -> Store:
        raise UsageError(
            f"no server gives the artifacts of {ref.name}", hint="use a profile with an Argo Server, or leave --via out"
        )

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:  # noqa: ARG002  (any of the namespace)
        return self.cluster.secret(name, key)

    def link(self, ref: RunRef) -> str:  # noqa: ARG002  (no server is known here)
        return ""

    def command(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        """As `Backend.command`; Argo would let the child Workflows of a run that ends go on."""
        self._apply(ref, verb, arguments)
        for child in self._children(ref) if verb in ("stop", "terminate") else ():
            with suppress(NotFoundError, ConflictError):  # it has ended meanwhile
                self._apply(child, verb, arguments)

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """As `Backend.retry`. The pods of what runs again are removed first, as Argo does: their names come again."""
        from argo.backends.logs import pod_name

        preview = self.get(ref)
        before = {**((preview.get("status") or {}).get("nodes") or {})}
        reset(preview, tasks)
        kept = preview["status"]["nodes"]
        for key, node in before.items():
            if key not in kept and node["type"] == "Pod":
                self.cluster.delete("Pod", pod_name(preview, node))
        edit(self.cluster, ref, lambda workflow: reset(workflow, tasks))

    def _remove(self, ref: RunRef) -> None:
        config_maps = self.cluster.config_maps(ref)
        for one in (*self._children(ref), ref):
            self.cluster.delete("Workflow", one.name, one.uid)
        for config_map in config_maps:  # sooner than the garbage collector
            self.cluster.delete("ConfigMap", config_map["metadata"]["name"])

    def _account(self) -> str:
        return self.cluster.user()

    def _apply(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        edit(self.cluster, ref, lambda workflow: apply(workflow, verb, arguments, datetime.now(UTC)))

    def _stored(self, ref: RunRef) -> Workflow:
        return stored(self.cluster, ref)

    def _workflows(self) -> Iterator[Workflow]:
        return self.cluster.list("Workflow")

    def _events(self, ref: RunRef, version: str) -> Iterator[Event]:
        with suppress(GoneError):
            yield from self.cluster.watch(ref.name, version or "0")

    def _logs(self, ref: RunRef) -> PodLogs:
        from argo.backends.kubernetes.logs import Logs

        return Logs(self.cluster, ref, partial(self.get, ref), self._store)

    def _children(self, ref: RunRef) -> Sequence[RunRef]:
        return [ref_of(item) for item in self.cluster.list("Workflow", f"{RUN}={ref.name}")]

    def _repository(self, workflow: Workflow) -> Settings:
        from argo.backends.kubernetes.stores import store_settings

        return store_settings(self.cluster, workflow)

    def _template(self, kind: str, name: str) -> Any:
        return self.cluster.get(kind, name)
