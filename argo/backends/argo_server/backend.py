"""Runs on a cluster, through its Argo Server: `argo.backend.Backend` over the REST API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from argo.backend import FINISHED, CommandArguments, RunRef, Submission, Submitted
from argo.backends.argo_server.config_maps import embed, extract
from argo.backends.argo_server.http import Client
from argo.backends.remote import Event, RemoteBackend, gone, make_once
from argo.backends.summaries import FIELDS, ref_of
from argo.errors import ConflictError, NotFoundError, RemoteError, UsageError
from argo.http import part
from argo.target import Settings, Target
from argo.workflow import bounds
from argo.workflow.commands import answer
from argo.workflow.demands import require_ended, require_running
from argo.workflow.hydrate import hydrate
from argo.workflow.nodes import supplied
from argo.workflow.ownership import unborn
from argo.workflow.status import relative
from argo.workflow.tasks import gate, meant
from argo.workflow.tree import waiting
from compiler.labels import KEY, RUN
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.backends.logs import PodLogs
    from argo.storage import Store

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PAGE = 500


class ServerBackend(RemoteBackend):
    """The runs of one namespace of an Argo Server. `patience` scales all waiting times, for tests."""

    _instead = ", or fetch with --via server"

    def __init__(self, target: Target, patience: float = 1.0) -> None:
        assert target.server is not None
        self._target = target
        self._patience = patience
        self.client = Client(target.server, patience)
        self._namespace = target.namespace

    @property
    def place(self) -> str:
        return f"the Argo Server {self.client.url}, namespace {self.namespace}"

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
        body = {"namespace": self.namespace, "workflow": workflow}
        made, new = make_once(
            workflow,
            lambda: self.client.call("POST", self._runs(), body=body, once=True),
            lambda: self._named(workflow["metadata"]["name"]),
            self.client.patience,
        )
        return Submitted(ref_of(made), new)

    def find(self, run: str) -> RunRef:
        try:
            return ref_of(self.client.get(self._run(run), {"fields": "metadata.name,metadata.namespace,metadata.uid"}))
        except NotFoundError:
            refs = [summary_.ref for summary_ in self.list()]
            found = next((ref for ref in refs if ref.uid == run), None) or self._archived(run)
            if found is not None:
                return found
            raise self._unknown(run, refs) from None

    def get(self, ref: RunRef) -> Workflow:
        try:
            workflow = self.client.get(self._run(ref.name))
            if workflow["metadata"].get("uid") == ref.uid:
                return _whole(hydrate(workflow))
        except NotFoundError:
            pass
        try:
            return _whole(hydrate(self.client.get(f"/api/v1/archived-workflows/{part(ref.uid)}")))
        except (NotFoundError, RemoteError):
            raise gone(ref) from None

    def submission(self, ref: RunRef) -> Submission:
        workflow, config_maps = extract(self.get(ref))
        return Submission(unborn(workflow), config_maps, f"the run {ref.name}")

    def active(self, ref: RunRef) -> bool:
        return self._phase(ref) not in FINISHED

    def artifacts(self, ref: RunRef) -> Store:
        """The run's artifacts through the server, to read only."""
        from argo.backends.argo_server.artifacts import ArtifactFiles

        return ArtifactFiles(self.client, self.get(ref))

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:  # noqa: ARG002
        raise UsageError("an Argo Server tells no Secrets", hint="use a profile that names a kubeconfig context")

    def link(self, ref: RunRef) -> str:
        return f"{self.client.url}/workflows/{part(ref.namespace)}/{part(ref.name)}?uid={part(ref.uid)}"

    def command(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        workflow = self.get(ref)
        require_running(workflow)
        if "task" in arguments:
            node = gate(workflow, arguments["task"])
            given = answer(node, verb, arguments["by"], arguments["message"], arguments["outputs"])
            body = {"nodeFieldSelector": f"id={node['id']}", "phase": given.phase, "message": given.message}
            if given.outputs:
                body["outputParameters"] = json.dumps(given.outputs)
            self._put(ref, "set", body)
        elif verb == "resume":
            self._resume(ref, workflow)
        else:
            self._put(ref, verb)
            if verb != "suspend":
                self._end_children(ref, verb)

    def _resume(self, ref: RunRef, workflow: Workflow) -> None:
        """Lift `suspend`, and let bare suspend nodes go on.

        Argo lifts the one only together with the other, gates included: raises ConflictError where one waits.
        """
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
            self._put(ref, "resume")
            return
        for node in open_:
            if node not in gates:
                self._put(ref, "resume", {"nodeFieldSelector": f"id={node['id']}"})

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """As `Backend.retry`. Argo takes one task to begin from: raises UsageError for more."""
        workflow = self.get(ref)
        require_ended(workflow, tasks)
        body: dict[str, object] = {"restartSuccessful": bool(tasks)}
        if len(tasks) > 1:
            raise UsageError("an Argo Server tries again from one task", hint="give the first of them alone")
        if tasks:
            body["nodeFieldSelector"] = f"id={meant(workflow, tasks[0])[0]['id']}"
        self._put(ref, "retry", body)

    def _remove(self, ref: RunRef) -> None:
        for name in [*self._children(ref), ref.name]:
            try:
                self.client.call("DELETE", self._run(name))
            except NotFoundError:
                continue  # an earlier attempt got through

    def _runs(self) -> str:
        return f"/api/v1/workflows/{part(self.namespace)}"

    def _run(self, name: str) -> str:
        return f"{self._runs()}/{part(name)}"

    def _put(self, ref: RunRef, verb: str, body: Mapping[str, object] = {}) -> None:
        made = {"name": ref.name, "namespace": ref.namespace, **body}
        self.client.call("PUT", f"{self._run(ref.name)}/{verb}", body=made)

    def _end_children(self, ref: RunRef, verb: str) -> None:
        """End the child Workflows of a run, which Argo would let go on."""
        for name in self._children(ref):
            try:
                self._put(RunRef(name, ref.namespace, ""), verb)
            except (NotFoundError, UsageError):
                continue  # it has ended meanwhile

    def _account(self) -> str:
        return self.client.user()

    def _stored(self, ref: RunRef) -> Workflow:
        return self.get(ref)

    def _workflows(self) -> Iterator[Workflow]:
        query = {"fields": FIELDS, "listOptions.limit": str(_PAGE)}
        while True:
            page = self.client.get(self._runs(), query)
            yield from page.get("items") or ()
            query["listOptions.continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["listOptions.continue"]:
                return

    def _events(self, ref: RunRef, version: str) -> Iterator[Event]:
        """An old version is answered with status 400 or 410 and "too old resource version"."""
        query = {"listOptions.fieldSelector": f"metadata.name={ref.name}"}
        if version:
            query["listOptions.resourceVersion"] = version
        try:
            yield from self.client.events(f"/api/v1/workflow-events/{part(ref.namespace)}", query)
        except UsageError as error:
            if "resource version" not in error.message and "expired" not in error.message.lower():
                raise RemoteError(error.message, tried=error.tried, known="what runs on the cluster goes on") from error

    def _logs(self, ref: RunRef) -> PodLogs:
        from argo.backends.argo_server.artifacts import ArtifactFiles
        from argo.backends.argo_server.logs import Logs

        return Logs(self.client, ref, partial(self.get, ref), partial(ArtifactFiles, self.client))

    def _phase(self, ref: RunRef) -> str:
        found = self.client.get(self._run(ref.name), {"fields": "metadata.uid,status.phase"})
        return (found.get("status") or {}).get("phase") or "Pending"

    def _children(self, ref: RunRef) -> Sequence[str]:
        query = {"listOptions.labelSelector": f"{RUN}={ref.name}", "fields": "items.metadata.name"}
        return [item["metadata"]["name"] for item in self.client.get(self._runs(), query).get("items") or ()]

    def _named(self, name: str) -> Workflow | None:
        """The metadata of the run of that name, if there is one."""
        try:
            found: Workflow = self.client.get(self._run(name), {"fields": "metadata"})
        except NotFoundError:
            return None
        return found

    def _archived(self, run: str) -> RunRef | None:
        """A run that only the archive has, by its uid or name."""
        try:
            if _UID.fullmatch(run):
                return ref_of(self.client.get(f"/api/v1/archived-workflows/{part(run)}"))
            selector = f"metadata.namespace={self.namespace},metadata.name={run}"
            found = self.client.get("/api/v1/archived-workflows", {"listOptions.fieldSelector": selector})
        except (NotFoundError, UsageError, RemoteError):
            return None  # the cluster keeps no archive
        refs = [ref_of(item) for item in found.get("items") or ()]
        return next((ref for ref in refs if ref.name == run), None)

    def _repository(self, workflow: Workflow) -> Settings:
        from argo.backends.repository import settings

        return settings(workflow)

    def _template(self, kind: str, name: str) -> Any:
        cluster = kind == "ClusterWorkflowTemplate"
        path = "cluster-workflow-templates" if cluster else f"workflow-templates/{part(self.namespace)}"
        return self.client.get(f"/api/v1/{path}/{part(name)}")


def _whole(workflow: Workflow) -> Workflow:
    """The object with its kind, which the server leaves out."""
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **workflow}
