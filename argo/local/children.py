"""Drives the child Workflows of a run beside it, in the same thread and with the same pods.

To the engine a child is one more pod: it is asked for by a request that is on record before anything starts, and its
end is an outcome. What a child asks for goes to the pods of its parent, so that all share this machine. A child is a
run of its own in the state, found again after a kill by its uid, which comes of the node that asked for it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argo.backend import RunRef
from argo.errors import NotFoundError
from argo.local import clock
from argo.local.controller import Controller
from argo.local.controller.children import asks_for_child, manifest_of, outcome
from argo.local.engine import Engine
from argo.local.pods import PodOutcome, PodRequest, Pods
from argo.local.state.lock import RunLock
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.local.home import Home
    from argo.local.objects import LocalObjects
    from argo.local.state.database import RunRow, State


def child_uids(parent: str, node_ids: Iterable[str]) -> set[str]:
    """Return the uids of the child Workflows that nodes of a run ask for."""
    run = uuid.UUID(parent)
    return {str(uuid.uuid5(run, node_id)) for node_id in node_ids}


@dataclass(slots=True)
class _Child:
    """A child Workflow that has not ended. `engine` is set once its lock is held."""

    request: PodRequest
    ref: RunRef
    lock: RunLock
    engine: Engine | None = None
    inbox: dict[str, PodOutcome] = field(default_factory=dict)
    late: bool = False


class Children:
    """An `argo.local.pods.Pods` that also runs child Workflows. One thread calls it."""

    def __init__(self, state: State, home: Home, row: RunRow, objects: LocalObjects, pods: Pods) -> None:
        self._state = state
        self._home = home
        self._row = row
        self._objects = objects
        self._pods = pods
        self._children: dict[str, _Child] = {}  # by the node that asked for it
        self._owners: dict[str, _Child] = {}  # of the nodes whose requests came from children
        self._news: dict[str, PodOutcome] = {}

    def close(self) -> None:
        """Release the children's locks; whoever resumes the parent resumes them."""
        for child in self._children.values():
            child.lock.release()
        self._children.clear()

    def create(self, request: PodRequest) -> None:
        """Start the pod or the child Workflow of a request, or adopt the one that is there."""
        if not asks_for_child(request.template):
            self._pods.create(request)
        elif request.node_id not in self._children:
            ref = self._recorded(request)
            self._children[request.node_id] = _Child(request, ref, RunLock(self._home.run(ref.uid)))
            self._news[request.node_id] = PodOutcome("Running", started_at=clock.now())

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:
        """Return the outcomes of the run's own nodes; those of its children's pods go to the children."""
        found = self._advance()
        if not found:
            engines = (child.engine for child in self._children.values())
            patience = min([timeout, *(engine.patience() for engine in engines if engine is not None)])
            found = self._sorted(self._pods.poll(patience))
            found |= self._advance()
        return found

    def kill(self, node_id: str, grace: float) -> None:
        """End a pod or a child Workflow."""
        child = self._children.get(node_id)
        if child is None:
            self._pods.kill(node_id, grace)
        else:
            self._state.post(child.ref.uid, "stop" if grace else "terminate", {})

    def _advance(self) -> dict[str, PodOutcome]:
        """Let every child Workflow do its next step; return the outcomes of the run's own nodes."""
        for node_id, child in list(self._children.items()):
            self._open(child)
            if child.engine is None:
                continue
            self._check_time(child)
            inbox, child.inbox = child.inbox, {}
            if child.engine.step(inbox):
                del self._children[node_id]
                child.lock.release()
                self._news[node_id] = self._outcome(child, child.engine.workflow)
        news, self._news = self._news, {}
        return self._sorted(news)

    def _sorted(self, outcomes: Mapping[str, PodOutcome]) -> dict[str, PodOutcome]:
        """Return the outcomes of the run's own nodes, and hand the others to the children that own the nodes."""
        own: dict[str, PodOutcome] = {}
        for node_id, known in outcomes.items():
            owner = self._owners.get(node_id)
            (own if owner is None else owner.inbox)[node_id] = known
        return own

    def _recorded(self, request: PodRequest) -> RunRef:
        """Return the child's run in the state; it is recorded where it is not there yet."""
        (uid,) = child_uids(request.workflow_uid, [request.node_id])
        with suppress(NotFoundError):
            return self._state.row(uid).ref
        workflow = manifest_of(request.template)
        metadata = workflow["metadata"]
        metadata.pop("generateName", None)  # the controller has made a name of it
        ref = RunRef(metadata["name"], request.namespace, uid)
        created = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata |= {"namespace": ref.namespace, "uid": uid, "creationTimestamp": created}
        row = self._row
        self._state.add(
            ref, workflow, (), source=row.source, executor=row.executor, parallelism=row.parallelism,
            images=row.images, store=row.store,
        )  # fmt: skip
        return ref

    def _open(self, child: _Child) -> None:
        """Take a child's lock and make its engine, unless another process drives it."""
        if child.engine is not None or not child.lock.acquire():
            return
        workflow = self._state.workflow(child.ref.uid)[0]
        # How much runs at once is for the pods to say, which all share.
        controller = Controller(workflow, self._objects)
        pods = _ChildPods(self, child, self._owners)
        child.engine = Engine(self._state, child.ref.uid, workflow, controller, pods)
        child.engine.begin()

    def _check_time(self, child: _Child) -> None:
        deadline = child.request.deadline
        if deadline is not None and not child.late and clock.seconds() > deadline:
            child.late = True
            self._state.post(child.ref.uid, "stop", {})

    def _outcome(self, child: _Child, workflow: Workflow) -> PodOutcome:
        if child.late:
            return PodOutcome("Failed", child.request.deadline_message, exit_code=1)
        return outcome(child.request.template, workflow)


class _ChildPods:
    """The `Pods` of one child Workflow: requests go to the run's, outcomes come by the child's inbox."""

    def __init__(self, family: Children, child: _Child, owners: dict[str, _Child]) -> None:
        self._family = family
        self._child = child
        self._owners = owners

    def create(self, request: PodRequest) -> None:
        self._owners[request.node_id] = self._child
        self._family.create(request)

    def poll(self, timeout: float) -> Mapping[str, PodOutcome]:  # noqa: ARG002  (outcomes come by the inbox)
        return {}

    def kill(self, node_id: str, grace: float) -> None:
        self._family.kill(node_id, grace)
