"""Runs on this machine: `argo.backend.Backend` over the state, and `drive`, which executes a run in this process."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from argo.backend import (
    FINISHED,
    Backend,
    CommandArguments,
    LogLine,
    RunRef,
    RunSummary,
    Snapshot,
    Submission,
    Submitted,
)
from argo.errors import ArgosyError, ConflictError, EnvironmentFailure, NotFoundError, UsageError
from argo.files.shortage import lacking, shortage
from argo.local.choice import choose_executor
from argo.local.controller.fields import only
from argo.local.home import Home, open_store
from argo.local.objects import LocalObjects
from argo.local.state.database import RunRow, State, name_taken, parent_uid
from argo.local.state.kept import detach
from argo.local.state.lock import RunLock
from argo.local.state.memoized import release
from argo.local.turns import WAITING, Turns
from argo.target import Target
from argo.workflow.commands import user
from argo.workflow.demands import require_running
from argo.workflow.naming import check_name, generated
from argo.workflow.ownership import remove_stored
from argo.workflow.status import moment
from argo.workflow.tasks import gate
from compiler.labels import KEY
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from pathlib import Path

    from argo.local.engine import Observer
    from argo.local.executors.local import LocalPods
    from argo.storage import Store

_KEPT = ("name", "namespace", "labels", "annotations")  # of the metadata, when a run is submitted again
_OF_CLUSTERS = ("Secret", "Service", "Ingress", "NetworkPolicy")
_POLL = 0.1  # seconds between two looks at the state
_PATIENCE = 15.0  # seconds in which the process that drives a run must have taken a command


class LocalBackend(Backend):
    """The runs of one ARGOSY_HOME."""

    def __init__(self, home: Home | None = None, target: Target | None = None) -> None:
        self.home = home or Home.open()
        self._target = target or Target()
        self.state = State(self.home.database)
        self.turns = Turns(self.home, self.state, self.active, self.start)

    @property
    def place(self) -> str:
        return "this machine"

    @property
    def here(self) -> bool:
        return True

    @property
    def namespace(self) -> str:
        return "default"

    def close(self) -> None:
        """Close the state."""
        self.state.close()

    def submit(self, submission: Submission) -> Submitted:
        """Record a run and have a process of its own execute it when its turn comes, as this backend's target says."""
        made = self.record(submission)
        self.queue(made.ref)
        return made

    def queue(self, ref: RunRef) -> None:
        """Have a process of its own execute the run, when its turn comes."""
        detach(self.state, ref)
        self.turns.advance(ref)

    def revive(self) -> None:
        """Start processes for the runs whose turn it is, those included whose process was killed. What fails stands in
        the runs' engine.log."""
        from argo.local.detached import reap

        reap()
        with contextlib.suppress(ArgosyError):
            self.turns.advance()

    def start(self, ref: RunRef) -> None:
        """Have a process of its own execute the run, where none does and it has not ended."""
        from argo.local.detached import start

        if not self.active(ref) and self._phase(ref) not in FINISHED:
            start(self.home, ref)

    def record(
        self,
        submission: Submission,
        *,
        executor: str = "",
        store: Mapping[str, Any] | None = None,
    ) -> Submitted:
        """Record a run. It starts when `drive` is called.

        `executor` is as in `choose_executor`; `store`, the settings of an S3 store, is else the target's.
        """
        metadata = submission.workflow.get("metadata") or {}
        if "uid" in metadata:
            ref = RunRef(metadata["name"], metadata["namespace"], metadata["uid"])
        else:
            ref = identify(submission.workflow)
        if submission.key:
            submission.workflow["metadata"].setdefault("labels", {})[KEY] = submission.key
        kept = [given for given in submission.objects if given["kind"] not in _OF_CLUSTERS]
        executor = choose_executor(self.home, executor or submission.executor).executor
        _require_possible(submission, executor)
        try:
            self.state.add(
                ref,
                submission.workflow,
                kept,
                source=submission.source,
                executor=executor,
                parallelism=submission.parallelism,
                images=self._target.images,
                store=self._target.store if store is None else store,
            )
        except ConflictError:
            there = self.named(ref)
            if there is None or not submission.key or self._key(there) != submission.key:
                raise
            self.home.give_secrets(there.uid, submission.objects)
            return Submitted(there, new=False)
        self.home.give_secrets(ref.uid, submission.objects)
        return Submitted(ref, new=True)

    def secret(self, ref: RunRef, name: str, key: str) -> bytes:
        value = self.home.secret(name, key, ref.uid)
        if value is None:
            raise NotFoundError(f"there is no secret {name}/{key}")
        return value

    def check_name(self, ref: RunRef) -> None:
        """Raises ConflictError when a run of that name exists, before anything is uploaded for another one."""
        if self.named(ref) is not None:
            raise name_taken(ref.name)

    def named(self, ref: RunRef) -> RunRef | None:
        """The run that has the name of `ref` in its namespace."""
        question = "SELECT name, namespace, uid FROM runs WHERE name = ? AND namespace = ?"
        return next((RunRef(*row) for row in self.state.select(question, ref.name, ref.namespace)), None)

    def artifacts(self, ref: RunRef) -> Store:
        raise UsageError(f"no server gives the artifacts of {ref.name}", hint="leave --via out")

    def link(self, ref: RunRef) -> str:  # noqa: ARG002  (no page shows it)
        return ""

    def places(self, ref: RunRef) -> Mapping[str, str]:
        from argo.storage.settings import shown

        settings = self.state.row(ref.uid).store
        return {"artifacts": shown(settings) if settings else str(self.home.store), "logs": str(self.home.run(ref.uid))}

    def _phase(self, ref: RunRef) -> str:
        return str((self._workflow(ref).get("status") or {}).get("phase") or "Pending")

    def _key(self, ref: RunRef) -> str:
        return ((self._workflow(ref).get("metadata") or {}).get("labels") or {}).get(KEY) or ""

    def unfinished(self, ref: RunRef) -> bool:
        """True where pods of the run may still be running, whatever its phase."""
        return bool(self.state.pods(ref.uid))

    def find(self, run: str) -> RunRef:
        return self.state.find(run)

    def get(self, ref: RunRef) -> Workflow:
        return self._told(ref, self._workflow(ref))

    def _workflow(self, ref: RunRef) -> Workflow:
        return self.state.workflow(ref.uid)[0]

    def _told(self, ref: RunRef, workflow: Workflow) -> Workflow:
        """The Workflow as others see it: one that has not begun tells how long it waits for its turn."""
        status = workflow.get("status") or {}
        if status.get("startedAt") or (before := self.turns.before(ref)) is None:
            return workflow
        runs = "no run" if not before else "1 run" if before == 1 else f"{before} runs"
        return {**workflow, "status": {**status, "phase": "Pending", "message": f"{WAITING}{runs} before it"}}

    def submission(self, ref: RunRef) -> Submission:
        workflow = self._workflow(ref)
        workflow["metadata"] = only(workflow["metadata"], *_KEPT)
        # What its own tasks made (it owns that) they make again.
        objects = [o for o in self.state.objects(ref.uid) if "ownerReferences" not in o["metadata"]]
        workflow.pop("status", None)
        row = self.state.row(ref.uid)
        return Submission(workflow, objects, row.source, executor=row.executor)

    def list(self) -> Sequence[RunSummary]:
        return [self._summary(row) for row in self.state.rows()]

    def _summary(self, row: RunRow) -> RunSummary:
        status = row.status
        return RunSummary(
            row.ref,
            row.phase,
            status.get("message") or "",
            row.created_at,
            moment(status.get("startedAt")),
            moment(status.get("finishedAt")),
            status.get("progress") or "",
            self.active(row.ref),
            row.source,
        )

    def executor(self, ref: RunRef) -> str:
        return self.state.row(ref.uid).executor

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        """Snapshots until nothing drives the run; the first at once, an unchanged one every tick."""
        workflow, revision = None, 0
        while True:
            waits = self._begins(ref)
            driven = waits or self.active(ref)  # before the look: what the process did last is then in it
            changed: frozenset[str] | None = frozenset()
            if workflow is None or self.state.revision(ref.uid) != revision:
                workflow, revision, changed = self.state.changes(ref.uid, revision, workflow)
            yield Snapshot(self._told(ref, workflow) if waits else workflow, changed)
            if not driven:
                return
            time.sleep(_POLL)

    def _begins(self, ref: RunRef) -> bool:
        """True where the run has not begun, as its turn has not come. Lets those before it begin."""
        if self.turns.before(ref) is None:
            return False
        self.turns.advance()
        return not self.active(ref)

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        from argo.local.logs import read_logs

        return read_logs(self, ref, self.pods_folder(ref, self._workflow(ref)), task, follow=follow)

    def user(self) -> str:
        return user()

    def command(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        if verb in ("stop", "terminate"):
            self._end(ref, verb)
            return
        if "task" in arguments:  # whoever gives a task's name sees here what is wrong with it
            require_running(workflow := self._workflow(ref))
            gate(workflow, arguments["task"])
        self.order(ref, verb, arguments)

    def _end(self, ref: RunRef, verb: str) -> None:
        """Have a run ended, by the process that drives it, else by this one. A run may have ended before its tasks."""
        if self._phase(ref) in FINISHED and self.unfinished(ref) and not self.active(ref):
            self.state.post(ref.uid, verb, {})
        else:
            self.order(ref, verb, {})
        if not self.active(ref) and (self._phase(ref) not in FINISHED or self.unfinished(ref)):
            self.drive(ref)

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """As `Backend.retry`; a process of its own executes it."""
        self.reset(ref, tasks)
        self.queue(ref)

    def reset(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """Make what failed unfinished again; `drive` then executes it. Raises ConflictError for a run not ended."""
        from argo.local.children import child_uids
        from argo.workflow.retry import reset

        with self._locked(ref):
            workflow = self._workflow(ref)
            children = self.children(ref)
            changed = reset(workflow, tasks)
            # A pod is known by its node's id, as is a child: its old end would be taken for that of the new attempt.
            removed = changed - workflow["status"]["nodes"].keys()
            folder = self.pods_folder(ref, workflow)
            for key in removed:
                _remove(folder / key)
            for child in children:
                if child.uid in child_uids(ref.uid, removed):
                    self._forget(child, folder)
            self.state.record(ref.uid, workflow, changed)

    def _forget(self, ref: RunRef, folder: Path) -> None:
        """Remove a child and what its pods left in `folder`. Raises ConflictError when another process drives it."""
        with self._locked(ref):
            for child in self.children(ref):
                self._forget(child, folder)
            for key in (self._workflow(ref).get("status") or {}).get("nodes") or ():
                _remove(folder / key)
            self.state.delete(ref.uid)
        _remove(self.home.run(ref.uid))

    def delete(self, ref: RunRef, *, results: bool = False) -> None:
        """Remove a run that nothing drives, its work folders and logs; with `results` also what it stored."""
        with self._locked(ref):
            pods = self.state.pods(ref.uid)
            if pods:
                raise ConflictError(
                    f"{ref.name} has {'a task' if len(pods) == 1 else f'{len(pods)} tasks'} that may still run",
                    known="nothing was removed",
                    hint=f"argosy stop {ref.name}",
                )
            if results:
                release(self.state, ref)
            for child in self.children(ref):
                self.delete(child)  # its results are the parent's
            if results:
                remove_stored(ref, self._workflow(ref), self.store(ref))
            self.state.delete(ref.uid)
        _remove(self.home.run(ref.uid))

    def active(self, ref: RunRef) -> bool:
        """True where a process drives the run now."""
        return RunLock(self.home.run(ref.uid)).held()

    def store(self, ref: RunRef | None = None) -> Store:
        """As `Backend.store`. Raises StoreError for credentials that are only half there."""
        return open_store(self.home, self.state.row(ref.uid).store if ref else self._target.store)

    def drive(
        self,
        ref: RunRef,
        observe: Observer = lambda _workflow, _changed: None,
        *,
        wait: bool = True,
        left: Callable[[], None] = lambda: None,
    ) -> bool:
        """Execute the run in this process until it has ended: True; False when left by a signal.

        Without `wait` it is left, too, when nothing but decisions of people is missing. `left` is called as soon as
        it is left: files that are on their way to or from the store are waited for after that.

        Raises ConflictError when another process drives it, EnvironmentFailure when its executor cannot work here."""
        from argo.local.children import Children
        from argo.local.controller import Controller
        from argo.local.engine import Engine

        with self._resumable(ref), self._locked(ref):
            row = self.state.row(ref.uid)
            workflow = self._workflow(ref)
            objects = LocalObjects(self.state, self.home, self._first(ref, workflow).uid)
            with (
                self._pods(row, objects, self.pods_folder(ref, workflow)) as pods,
                closing(Children(self.state, self.home, row, objects, pods)) as family,
            ):
                controller = Controller(workflow, objects, parallelism=row.parallelism)
                ended = Engine(self.state, ref.uid, workflow, controller, family, observe, wait).drive()
                if not ended:
                    left()
                return ended

    @contextmanager
    def _resumable(self, ref: RunRef) -> Iterator[None]:
        """Say how the run goes on where this machine has run out of something."""
        try:
            yield
        except Exception as error:
            if (found := shortage(error)) is None:
                raise
            known = f"{ref.name} is kept as it was recorded last, with all that has finished; tasks that run go on"
            raise lacking(found, self.home.root, known=known, then=f"argosy resume {ref.name}") from error

    def _pods(self, row: RunRow, objects: LocalObjects, folder: Path) -> LocalPods:
        from argo.local.executors.local import LocalPods
        from argo.local.resources import this_machine

        machine = this_machine()
        if row.parallelism is not None:
            machine = machine.limited(row.parallelism)  # which a run and its children share
        return LocalPods(
            folder,
            open_store(self.home, row.store),
            objects,
            executor=choose_executor(self.home, row.executor).executor,
            claims=self.home.root / "volumes",
            images=row.images,
            machine=machine,
        )

    def pods_folder(self, ref: RunRef, workflow: Workflow) -> Path:
        """Where the pods of a run are; a child's are among those of the run that it belongs to."""
        return self.home.run(self._first(ref, workflow).uid) / "pods"

    def children(self, ref: RunRef) -> Sequence[RunRef]:
        """The child Workflows of a run."""
        from argo.local.children import child_uids

        nodes = (self._workflow(ref).get("status") or {}).get("nodes") or {}
        uids = child_uids(ref.uid, (key for key, node in nodes.items() if node["type"] == "Pod"))
        return [row.ref for row in self.state.rows() if row.ref.uid in uids]

    def _first(self, ref: RunRef, workflow: Workflow) -> RunRef:
        """The run that a child belongs to, at any distance; any other run itself."""
        while (uid := parent_uid(workflow)) and self.state.revision(uid):
            ref = self.state.row(uid).ref
            workflow = self._workflow(ref)
        return ref

    def _locked(self, ref: RunRef) -> RunLock:
        lock = RunLock(self.home.run(ref.uid))
        deadline = time.monotonic() + _PATIENCE
        while not (held := lock.acquire()) and time.monotonic() < deadline and self._phase(ref) in FINISHED:
            time.sleep(_POLL / 2)  # whoever drove it to its end lets go of it in a moment
        if not held:
            raise ConflictError(
                f"another process drives {ref.name}", known="it goes on undisturbed", hint=f"argosy watch {ref.name}"
            )
        return lock

    def order(self, ref: RunRef, verb: str, arguments: CommandArguments) -> None:
        """Have a command carried out: by the process that drives the run, else by this one."""
        number = self.state.post(ref.uid, verb, arguments)
        deadline = time.monotonic() + _PATIENCE
        lock = RunLock(self.home.run(ref.uid))
        while (error := self.state.settled(number)) is None:
            if lock.acquire(briefly=True):
                break
            if time.monotonic() > deadline:
                raise EnvironmentFailure(
                    f"the process that drives {ref.name} does not answer",
                    known=f"the command {verb} is recorded and will be taken up",
                    hint=f"argosy status {ref.name}",
                )
            time.sleep(_POLL / 2)
        with lock:
            error = self.state.settled(number)
            if error is None:
                error = self._carry_out(ref, number, verb, arguments)
        if error:
            raise ConflictError(error, known="nothing was changed", hint=f"argosy status {ref.name}")

    def _carry_out(self, ref: RunRef, number: int, verb: str, arguments: CommandArguments) -> str:
        from argo.workflow.commands import apply

        workflow = self._workflow(ref)
        changed: set[str] = set()
        error = ""
        try:
            changed = apply(workflow, verb, arguments, datetime.now(UTC))
        except UsageError as refused:
            error = refused.message
        self.state.record(ref.uid, workflow, changed, settled=[(number, error)])
        return error


def _remove(path: Path) -> None:
    """Remove a folder that pods worked in, but for what another user made in it."""
    from argo.local.executors.folder import remove

    with contextlib.suppress(PermissionError):
        remove(path)


def _require_possible(submission: Submission, executor: str) -> None:
    """Raises UsageError for devices that this machine lacks, and for bounds that the executor does not keep."""
    import argo.workflow.bounds as bounds
    from argo.local.resources import this_machine
    from argo.local.supported.devices import require_devices

    require_devices(submission.workflow, submission.objects, this_machine())
    if found := [*bounds.bounded(submission.workflow, submission.objects)]:
        from argo.local.executors.runtimes import lacking

        bounds.require(found, bounds.place_of(executor), lacking(executor, os.environ))


def identify(workflow: Workflow) -> RunRef:
    """Give a Workflow object its identity in place: the name it has, or one made of its generateName.

    Raises UsageError for what Kubernetes would not take as the name of a Workflow.
    """
    metadata = workflow.setdefault("metadata", {})
    own = metadata.get("name") or generated(metadata.get("generateName", ""))
    check_name(own)
    metadata.pop("generateName", None)
    metadata["name"] = own
    metadata.setdefault("namespace", "default")
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return RunRef(own, metadata["namespace"], metadata["uid"])
