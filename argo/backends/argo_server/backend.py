"""Runs on a cluster, through its Argo Server: `argo.backend.Backend` over the REST API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from argo.backend import FINISHED, LogLine, RunRef, RunSummary, Snapshot, Submission, Submitted
from argo.backends.argo_server.config_maps import embed, extract
from argo.backends.argo_server.http import Client
from argo.backends.summaries import FIELDS, summary
from argo.errors import (
    ArgosyError,
    ConflictError,
    NotFoundError,
    RemoteError,
    UncertainError,
    UsageError,
    did_you_mean,
)
from argo.target import Target
from argo.workflow import bounds
from argo.workflow.commands import Answer, answer, decision, supplied, user
from argo.workflow.demands import require_ended, require_running, require_template
from argo.workflow.hydrate import hydrate
from argo.workflow.ownership import remove_stored, require_removable, unborn
from argo.workflow.tasks import gate, meant
from argo.workflow.tree import relative, waiting
from compiler.labels import KEY, RUN
from compiler.manifest_types import NodeStatus, Workflow

if TYPE_CHECKING:
    from argo.storage import Store

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PAGE = 500
_TRIES, _PAUSE = 5, 0.5  # of a submission whose outcome is not known; seconds between them


class ServerBackend:
    """The runs of one namespace of an Argo Server. `patience` scales all waiting times, for tests."""

    def __init__(self, target: Target, patience: float = 1.0) -> None:
        assert target.server is not None
        self._target = target
        self.client = Client(target.server, patience)
        self._namespace = target.namespace

    @property
    def place(self) -> str:
        return f"the Argo Server {self.client.url}, namespace {self.namespace}"

    @property
    def here(self) -> bool:
        return False

    @property
    def namespace(self) -> str:
        """As the target says; else the one that the server manages or gives this user, else `default`."""
        if not self._namespace:
            info = self.client.get("/api/v1/info")
            self._namespace = info.get("managedNamespace") or "default"
        return self._namespace

    def close(self) -> None:
        self.client.close()

    def submit(self, submission: Submission) -> Submitted:
        """As `Backend.submit`. A call whose outcome is not known is followed by a look for the run of that name.

        Raises UsageError for a WorkflowTemplate that the server does not have as it was given.
        """
        self._require_templates(submission)
        if any(given["kind"] in ("Secret", "Service", "Ingress") for given in submission.objects):
            raise UsageError(
                "an Argo Server makes no Secrets, Services and Ingresses, which this run needs",
                known="nothing was started",
                hint="use a profile that names a kubeconfig context",
            )
        bounds.require(bounds.bounded(submission.workflow, submission.objects), "an Argo Server")
        config_maps = [o for o in submission.objects if o["kind"] == "ConfigMap"]
        workflow = embed(submission.workflow, config_maps)
        workflow["metadata"].setdefault("labels", {})[KEY] = submission.key
        name = workflow["metadata"]["name"]
        sent = False
        for attempt in range(_TRIES):
            try:
                made = self.client.call(
                    "POST", self._runs(), body={"namespace": self.namespace, "workflow": workflow}, once=True
                )
                return Submitted(_ref(made), new=True)
            except (ConflictError, UncertainError) as error:
                there = self._of_key(name, submission.key)
                if there is not None:
                    return Submitted(there, new=sent or isinstance(error, UncertainError))
                if isinstance(error, ConflictError):
                    raise ConflictError(
                        f"there is a run named {name} already", known="it was not touched", hint="choose another --name"
                    ) from error
                sent = True
                if attempt == _TRIES - 1:
                    raise
            time.sleep(_PAUSE * (attempt + 1) * self.client.patience)
        raise AssertionError

    def find(self, run: str) -> RunRef:
        try:
            return _ref(self.client.get(self._run(run), {"fields": "metadata.name,metadata.namespace,metadata.uid"}))
        except NotFoundError:
            refs = [summary_.ref for summary_ in self.list()]
            found = next((ref for ref in refs if ref.uid == run), None) or self._archived(run)
            if found is not None:
                return found
            names = [ref.name for ref in refs]
            hint = did_you_mean(run, names) or "argosy list shows the runs"
            raise NotFoundError(f"no run named {run} on {self.place}", hint=hint) from None

    def get(self, ref: RunRef) -> Workflow:
        try:
            workflow = self.client.get(self._run(ref.name))
            if workflow["metadata"].get("uid") == ref.uid:
                return _whole(hydrate(workflow))
        except NotFoundError:
            pass
        try:
            return _whole(hydrate(self.client.get(f"/api/v1/archived-workflows/{quote(ref.uid, safe='')}")))
        except (NotFoundError, RemoteError):
            raise NotFoundError(
                f"the run {ref.name} is not on the cluster any more",
                known="what it stored is kept, unless somebody removed that",
                hint=f"argosy fetch {ref.name} -d results",
            ) from None

    def submission(self, ref: RunRef) -> Submission:
        workflow, config_maps = extract(self.get(ref))
        return Submission(unborn(workflow), config_maps, f"the run {ref.name}")

    def list(self) -> Sequence[RunSummary]:
        found: dict[str, RunSummary] = {}
        query = {"fields": FIELDS, "listOptions.limit": str(_PAGE)}
        while True:
            page = self.client.get(self._runs(), query)
            for item in page.get("items") or ():
                made = summary(item)
                found.setdefault(made.ref.uid, made)
            onward = (page.get("metadata") or {}).get("continue")
            if not onward:
                return sorted(found.values(), key=lambda made: made.created_at, reverse=True)
            query = {**query, "listOptions.continue": onward}

    def active(self, ref: RunRef) -> bool:
        return self._phase(ref) not in FINISHED

    def unfinished(self, ref: RunRef) -> bool:
        return self.active(ref)

    def store(self, ref: RunRef | None = None) -> Store:
        from argo.storage.settings import s3_store

        return s3_store(self._settings(self.get(ref) if ref else {"spec": {}}))

    def artifacts(self, ref: RunRef) -> Store:
        """The run's artifacts through the server, to read only."""
        from argo.backends.argo_server.artifacts import ArtifactFiles

        return ArtifactFiles(self.client, self.get(ref))

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:  # noqa: ARG002
        raise UsageError("an Argo Server tells no Secrets", hint="use a profile that names a kubeconfig context")

    def link(self, ref: RunRef) -> str:
        return f"{self.client.url}/workflows/{quote(ref.namespace)}/{quote(ref.name)}?uid={quote(ref.uid)}"

    def places(self, ref: RunRef) -> Mapping[str, str]:
        from argo.storage.settings import shown

        try:
            return {"artifacts": shown(self._settings(self.get(ref)))}
        except ArgosyError:
            return {}

    def executor(self, ref: RunRef) -> str:  # noqa: ARG002  (a cluster's nodes do)
        return ""

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        from argo.backends.argo_server.watch import watch

        return watch(self.client, ref, partial(self.get, ref))

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        from argo.backends.argo_server.artifacts import ArtifactFiles
        from argo.backends.argo_server.logs import Logs

        logs = Logs(self.client, ref, partial(self.get, ref), lambda workflow: ArtifactFiles(self.client, workflow))
        return logs.follow(task) if follow else logs.lines(task)

    def stop(self, ref: RunRef) -> None:
        self._end(ref, "stop")

    def terminate(self, ref: RunRef) -> None:
        self._end(ref, "terminate")

    def suspend(self, ref: RunRef) -> None:
        self._command(ref, "suspend")

    def resume(self, ref: RunRef) -> None:
        """Lift `suspend`, and let bare suspend nodes go on.

        Argo lifts the one only together with the other, gates included: raises ConflictError where one waits.
        """
        workflow = self._running(ref)
        open_ = waiting(workflow)
        gates = [node for node in open_ if supplied(node)]
        if workflow["spec"].get("suspend"):
            if gates:
                task = relative(gates[0]["name"], ref.name)
                raise ConflictError(
                    f"{ref.name} cannot go on while {task} waits for a decision",
                    known="nothing was changed",
                    hint=f"argosy approve {ref.name} {task}, then repeat the command",
                )
            self._command(ref, "resume")
            return
        for node in open_:
            if node not in gates:
                self._command(ref, "resume", {"nodeFieldSelector": f"id={node['id']}"})

    def set_node(
        self,
        ref: RunRef,
        task: str,
        phase: Literal["Succeeded", "Failed"],
        outputs: Mapping[str, str],
        message: str = "",
    ) -> None:
        node = gate(self._running(ref), task)
        self._decide(ref, node, Answer(phase, dict(outputs), message))

    def approve(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        node = gate(self._running(ref), task)
        self._decide(ref, node, answer(node, "approve", self._user(), message, outputs))

    def reject(self, ref: RunRef, task: str, message: str = "", outputs: Mapping[str, str] = {}) -> None:
        node = gate(self._running(ref), task)
        self._decide(ref, node, answer(node, "reject", self._user(), message, outputs))

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """As `Backend.retry`. Argo takes one task to begin from: raises UsageError for more."""
        workflow = self.get(ref)
        require_ended(workflow, tasks)
        body: dict[str, object] = {"restartSuccessful": bool(tasks)}
        if len(tasks) > 1:
            raise UsageError("an Argo Server tries again from one task", hint="give the first of them alone")
        if tasks:
            body["nodeFieldSelector"] = f"id={meant(workflow, tasks[0])[0]['id']}"
        self._command(ref, "retry", body)

    def delete(self, ref: RunRef, *, results: bool = False) -> None:
        workflow = self.get(ref)
        require_removable(workflow)
        if results:
            from argo.storage.settings import s3_store

            remove_stored(ref, workflow, s3_store(self._settings(workflow)))
        for name in [*self._children(ref), ref.name]:
            try:
                self.client.call("DELETE", self._run(name))
            except NotFoundError:
                continue  # an earlier attempt got through

    def _runs(self) -> str:
        return f"/api/v1/workflows/{quote(self.namespace, safe='')}"

    def _run(self, name: str) -> str:
        return f"{self._runs()}/{quote(name, safe='')}"

    def _command(self, ref: RunRef, verb: str, body: Mapping[str, object] | None = None) -> None:
        made = {"name": ref.name, "namespace": ref.namespace, **(body or {})}
        self.client.call("PUT", f"{self._run(ref.name)}/{verb}", body=made)

    def _end(self, ref: RunRef, verb: str) -> None:
        """End a run and its child Workflows, which Argo would let go on."""
        self._running(ref)
        self._command(ref, verb)
        for name in self._children(ref):
            try:
                self.client.call("PUT", f"{self._run(name)}/{verb}", body={"name": name, "namespace": ref.namespace})
            except (NotFoundError, UsageError):
                continue  # it has ended meanwhile

    def _user(self) -> str:
        """Who the server takes this user for; where it does not say, who it is on this machine."""
        try:
            return self.client.user() or user()
        except ArgosyError:
            return user()

    def _decide(self, ref: RunRef, node: NodeStatus, given: Answer) -> None:
        body = {"nodeFieldSelector": f"id={node['id']}", "phase": given.phase, "message": given.message}
        values = decision(node, given.phase, given.outputs)
        if values:
            body["outputParameters"] = json.dumps(values)
        self._command(ref, "set", body)

    def _running(self, ref: RunRef) -> Workflow:
        """The run, which must not have ended. Raises ConflictError."""
        workflow = self.get(ref)
        require_running(workflow)
        return workflow

    def _phase(self, ref: RunRef) -> str:
        found = self.client.get(self._run(ref.name), {"fields": "metadata.uid,status.phase"})
        return (found.get("status") or {}).get("phase") or "Pending"

    def _children(self, ref: RunRef) -> Sequence[str]:
        query = {"listOptions.labelSelector": f"{RUN}={ref.name}", "fields": "items.metadata.name"}
        return [item["metadata"]["name"] for item in self.client.get(self._runs(), query).get("items") or ()]

    def _of_key(self, name: str, key: str) -> RunRef | None:
        """The run of that name, if it has that key."""
        try:
            workflow = self.client.get(self._run(name), {"fields": "metadata"})
        except NotFoundError:
            return None
        labels = workflow["metadata"].get("labels") or {}
        return _ref(workflow) if key and labels.get(KEY) == key else None

    def _archived(self, run: str) -> RunRef | None:
        """A run that only the archive has, by its uid or name."""
        try:
            if _UID.fullmatch(run):
                return _ref(self.client.get(f"/api/v1/archived-workflows/{quote(run, safe='')}"))
            selector = f"metadata.namespace={self.namespace},metadata.name={run}"
            found = self.client.get("/api/v1/archived-workflows", {"listOptions.fieldSelector": selector})
        except (NotFoundError, UsageError, RemoteError):
            return None  # the cluster keeps no archive
        refs = [_ref(item) for item in found.get("items") or ()]
        return next((ref for ref in refs if ref.name == run), None)

    def _settings(self, workflow: Workflow) -> Mapping[str, Any]:
        from argo.backends.repository import settings

        found = self._target.store or settings(workflow)
        if not found:
            raise UsageError(
                "it is not known here where the run's artifacts lie",
                hint="use a profile of argosy.yaml that has a `store`, or fetch with --via server",
            )
        return found

    def _require_templates(self, submission: Submission) -> None:
        for given in submission.objects:
            if given["kind"] == "ConfigMap":
                continue
            cluster = given["kind"] == "ClusterWorkflowTemplate"
            path = "cluster-workflow-templates" if cluster else f"workflow-templates/{quote(self.namespace, safe='')}"
            name = given["metadata"]["name"]
            try:
                there = self.client.get(f"/api/v1/{path}/{quote(name, safe='')}")
            except NotFoundError:
                there = {}
            require_template(given, there)


def _whole(workflow: Workflow) -> Workflow:
    """The object with its kind, which the server leaves out."""
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **workflow}


def _ref(workflow: Workflow) -> RunRef:
    metadata = workflow["metadata"]
    return RunRef(metadata["name"], metadata.get("namespace") or "", metadata.get("uid") or "")
