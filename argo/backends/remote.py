"""Runs on a cluster: what is the same whether its Argo Server is asked or its Kubernetes API."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from argo.backend import Backend, LogLine, RunRef, RunSummary, Snapshot, Submission
from argo.backends.follow import follow
from argo.backends.summaries import summary
from argo.errors import ArgosyError, ConflictError, NotFoundError, UncertainError, UsageError, did_you_mean
from argo.target import Settings, Target
from argo.workflow.commands import user
from argo.workflow.demands import require_template
from argo.workflow.hydrate import hydrate
from argo.workflow.ownership import remove_stored, require_removable
from compiler.labels import KEY
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.backends.logs import PodLogs
    from argo.storage import Store

_TRIES, _PAUSE = 5, 0.5  # of a submission whose outcome is not known; seconds, more each time
_TEMPLATES = ("WorkflowTemplate", "ClusterWorkflowTemplate")


class Event(TypedDict, total=False):
    """An event of a watch, as Kubernetes has it."""

    type: str
    object: Workflow


class RemoteBackend(Backend):
    """The runs of one namespace of a cluster."""

    _target: Target
    _patience: float
    _instead = ""  # what else helps where nobody knows the store

    @property
    def here(self) -> bool:
        return False

    def executor(self, ref: RunRef) -> str:  # noqa: ARG002  (a cluster's nodes do)
        return ""

    def unfinished(self, ref: RunRef) -> bool:
        return self.active(ref)

    def user(self) -> str:
        """Who the cluster takes this user for; where it does not say, who it is on this machine."""
        try:
            return self._account() or user()
        except ArgosyError:
            return user()

    def store(self, ref: RunRef | None = None) -> Store:
        return self._store(self._stored(ref) if ref else {"spec": {}})

    def list(self) -> Sequence[RunSummary]:
        found = {made.ref.uid: made for made in map(summary, self._workflows())}
        return sorted(found.values(), key=lambda made: made.created_at, reverse=True)

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        return follow(partial(self.get, ref), partial(self._pictures, ref), self._patience)

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        logs = self._logs(ref)
        return logs.follow(task) if follow else logs.lines(task)

    def delete(self, ref: RunRef, *, results: bool = False) -> None:
        workflow = self._stored(ref)
        require_removable(workflow)
        if results:
            remove_stored(ref, workflow, self._store(workflow))
        self._remove(ref)

    def places(self, ref: RunRef) -> Mapping[str, str]:
        from argo.storage.settings import shown

        try:
            return {"artifacts": shown(self._settings(self._stored(ref)))}
        except ArgosyError:
            return {}

    def _account(self) -> str:
        """Whose the credentials are; empty where nobody says."""
        raise NotImplementedError

    def _stored(self, ref: RunRef) -> Workflow:
        """The run as the cluster stores it. Raises NotFoundError."""
        raise NotImplementedError

    def _workflows(self) -> Iterator[Workflow]:
        """All runs, as far as a list of them shows."""
        raise NotImplementedError

    def _events(self, ref: RunRef, version: str) -> Iterator[Event]:
        """The changes of the run after that version; none any more where the version is too old."""
        raise NotImplementedError

    def _logs(self, ref: RunRef) -> PodLogs:
        raise NotImplementedError

    def _remove(self, ref: RunRef) -> None:
        """Remove the run, its children and what they own."""
        raise NotImplementedError

    def _repository(self, workflow: Workflow) -> Settings:
        """The settings of the run's store, as far as the cluster says them."""
        raise NotImplementedError

    def _template(self, kind: str, name: str) -> Any:
        """A template of the cluster's. Raises NotFoundError."""
        raise NotImplementedError

    def _pictures(self, ref: RunRef, now: Workflow) -> Iterator[Workflow]:
        """The run, each time that it has changed after `now`; ends where reading it anew says what became of it."""
        for event in self._events(ref, now["metadata"].get("resourceVersion") or ""):
            workflow = event.get("object") or Workflow()
            if event.get("type") == "DELETED":
                return
            if (workflow.get("metadata") or {}).get("uid") == ref.uid:
                yield hydrate(workflow)

    def _store(self, workflow: Workflow) -> Store:
        from argo.storage.settings import s3_store

        return s3_store(self._settings(workflow))

    def _settings(self, workflow: Workflow) -> Settings:
        found = self._target.store or self._repository(workflow)
        if not found:
            hint = f"use a profile of argosy.yaml that has a `store`{self._instead}"
            raise UsageError("it is not known here where the run's artifacts lie", hint=hint)
        return found

    def _require_templates(self, submission: Submission) -> None:
        """Raises UsageError for a template that the cluster does not have as it was given."""
        for given in submission.objects:
            if given["kind"] in _TEMPLATES:
                try:
                    there = self._template(given["kind"], given["metadata"]["name"])
                except NotFoundError:
                    there = {}
                require_template(given, there)

    def _unknown(self, run: str, refs: Sequence[RunRef]) -> NotFoundError:
        hint = did_you_mean(run, [ref.name for ref in refs]) or "argosy list shows the runs"
        return NotFoundError(f"no run named {run} on {self.place}", hint=hint)


def gone(ref: RunRef) -> NotFoundError:
    """The error for a run that is not there, though there be another of its name."""
    return NotFoundError(
        f"the run {ref.name} is not on the cluster any more",
        known="what it stored is kept, unless somebody removed that",
        hint=f"argosy fetch {ref.name} -d results",
    )


def make_once(
    workflow: Workflow, make: Callable[[], Workflow], there: Callable[[], Workflow | None], patience: float
) -> tuple[Workflow, bool]:
    """Make a Workflow, or find the one of its name and key; whether it was made now.

    `there` gives the Workflow of its name, if there is one. Raises ConflictError for one of another key or without one,
    UncertainError where nobody knows whether it was made.
    """
    name, key = workflow["metadata"]["name"], workflow["metadata"]["labels"][KEY]
    sent = False
    for attempt in range(1, _TRIES + 1):
        try:
            return make(), True
        except (ConflictError, UncertainError) as error:
            sent = sent or isinstance(error, UncertainError)
            found = there()
            if found is not None and key and (found["metadata"].get("labels") or {}).get(KEY) == key:
                return found, sent
            if found is not None and isinstance(error, ConflictError):
                raise ConflictError(
                    f"there is a run named {name} already", known="it was not touched", hint="choose another --name"
                ) from error
            if attempt == _TRIES:
                raise
        time.sleep(_PAUSE * attempt * patience)
    raise AssertionError
