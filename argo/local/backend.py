"""Runs on this machine: `argo.backend.Backend` over the state, and `drive`, which executes a run in this process."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from argo.backend import FINISHED, KEY, Json, LogLine, RunRef, RunSummary, Snapshot, Submission, Submitted
from argo.errors import ConflictError, EnvironmentFailure, UsageError
from argo.local.home import Home
from argo.local.images import Images
from argo.local.library import RunLibrary
from argo.local.lock import RunLock
from argo.local.memoized import release
from argo.local.state import RunRow, State, name_taken, parent_uid
from argo.local.stores import open_store
from argo.track.tree import moment

if TYPE_CHECKING:
    from pathlib import Path

    from argo.local.engine import Observer
    from argo.local.executors.local import Executor, LocalPods
    from argo.storage import Store

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' for generated names
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST = 63  # of a Workflow's name, which is a label of its pods (Argo: workflow/validate/validate.go)
_POLL = 0.1  # seconds between two looks at the state
_PATIENCE = 15.0  # seconds in which the process that drives a run must have taken a command


class LocalBackend:
    """The runs of one ARGOSY_HOME."""

    def __init__(self, home: Home | None = None) -> None:
        self.home = home or Home.open()
        self.state = State(self.home.database)

    @property
    def place(self) -> str:
        return "this machine"

    def close(self) -> None:
        """Close the state."""
        self.state.close()

    def identify(self, workflow: Json, name: str | None = None) -> RunRef:
        """Give a Workflow object its identity in place: `name`, its own, or one made of its generateName.

        Raises UsageError for what Kubernetes would not take as the name of a Workflow.
        """
        import secrets
        import uuid

        metadata = workflow.setdefault("metadata", {})
        own = name or metadata.get("name")
        if not own:
            suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
            own = (metadata.get("generateName") or "run-")[: _LONGEST - len(suffix)] + suffix
        _check_name(own)
        metadata.pop("generateName", None)
        metadata["name"] = own
        metadata.setdefault("namespace", "default")
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return RunRef(own, metadata["namespace"], metadata["uid"])

    def submit(
        self,
        submission: Submission,
        *,
        executor: str = "",
        parallelism: int | None = None,
        images: Images | None = None,
        store: Json | None = None,
    ) -> Submitted:
        """Record a run. It starts when `drive` is called.

        `images` says what images run by themselves, `store` are the settings of an S3 store.
        """
        metadata = submission.workflow.get("metadata") or {}
        if "uid" in metadata:
            ref = RunRef(metadata["name"], metadata["namespace"], metadata["uid"])
        else:
            ref = self.identify(submission.workflow)
        if submission.key:
            submission.workflow["metadata"].setdefault("labels", {})[KEY] = submission.key
        try:
            self.state.add(
                ref,
                submission.workflow,
                submission.objects,
                source=submission.source,
                executor=choose_executor(executor),
                parallelism=parallelism,
                images=images,
                store=store,
            )
        except ConflictError:
            there = self.named(ref)
            if there is None or not submission.key or self._key(there) != submission.key:
                raise
            return Submitted(there, new=False)
        return Submitted(ref, new=True)

    def check_name(self, ref: RunRef) -> None:
        """Raises ConflictError when a run of that name exists, before anything is uploaded for another one."""
        if self.named(ref) is not None:
            raise name_taken(ref.name)

    def named(self, ref: RunRef) -> RunRef | None:
        """The run that has the name of `ref` in its namespace."""
        rows = self.state.rows()
        return next((r.ref for r in rows if (r.ref.name, r.ref.namespace) == (ref.name, ref.namespace)), None)

    def link(self, ref: RunRef) -> str:  # noqa: ARG002  (no page shows it)
        return ""

    def _key(self, ref: RunRef) -> str:
        return ((self.get(ref).get("metadata") or {}).get("labels") or {}).get(KEY) or ""

    def unfinished(self, ref: RunRef) -> bool:
        """Whether pods of the run may still be running, whatever its phase."""
        return bool(self.state.pods(ref.uid))

    def find(self, run: str) -> RunRef:
        return self.state.find(run)

    def get(self, ref: RunRef) -> Json:
        return self.state.workflow(ref.uid)[0]

    def list(self) -> Sequence[RunSummary]:
        return [self._summary(row) for row in self.state.rows()]

    def watch(self, ref: RunRef) -> Iterator[Snapshot]:
        """Snapshots until the run has ended and nothing drives it; the first at once, an unchanged one every tick."""
        workflow, revision, changed = self.state.changes(ref.uid, 0)
        while True:
            yield Snapshot(workflow, changed)
            if (workflow.get("status") or {}).get("phase") in FINISHED and not self.active(ref):
                return
            time.sleep(_POLL)
            changed = frozenset()
            if self.state.revision(ref.uid) != revision:
                workflow, revision, changed = self.state.changes(ref.uid, revision, workflow)

    def logs(self, ref: RunRef, task: str | None = None, *, follow: bool = False) -> Iterator[LogLine]:
        from argo.local.logs import read_logs

        return read_logs(self, ref, task, follow=follow)

    def stop(self, ref: RunRef) -> None:
        self._order(ref, "stop", {}, drive=True)

    def terminate(self, ref: RunRef) -> None:
        self._order(ref, "terminate", {}, drive=True)

    def suspend(self, ref: RunRef) -> None:
        self._order(ref, "suspend", {})

    def resume(self, ref: RunRef) -> None:
        self._order(ref, "resume", {})

    def set_node(
        self,
        ref: RunRef,
        task: str,
        phase: Literal["Succeeded", "Failed"],
        outputs: Mapping[str, str],
        message: str = "",
    ) -> None:
        self._order(ref, "set", {"task": task, "phase": phase, "outputs": dict(outputs), "message": message})

    def approve(self, ref: RunRef, task: str, message: str = "") -> None:
        self._order(ref, "approve", {"task": task, "message": message})

    def reject(self, ref: RunRef, task: str, message: str = "") -> None:
        self._order(ref, "reject", {"task": task, "message": message})

    def retry(self, ref: RunRef, tasks: Sequence[str] = ()) -> None:
        """Make what failed unfinished again; `drive` then executes it. Raises ConflictError for a run not ended."""
        from argo.control.retry import reset
        from argo.local.children import child_uids

        with self._locked(ref):
            workflow = self.get(ref)
            children = self.children(ref)
            changed = reset(workflow, tasks)
            # A pod is known by its node's id, as is a child: its old end would be taken for that of the new attempt.
            removed = changed - workflow["status"]["nodes"].keys()
            folder = self.pods_folder(ref, workflow)
            for key in removed:
                shutil.rmtree(folder / key, ignore_errors=True)
            for child in children:
                if child.uid in child_uids(ref.uid, removed):
                    self._forget(child, folder)
            self.state.record(ref.uid, workflow, changed)

    def _forget(self, ref: RunRef, folder: Path) -> None:
        """Remove a child and what its pods left in `folder`. Raises ConflictError when another process drives it."""
        with self._locked(ref):
            for child in self.children(ref):
                self._forget(child, folder)
            for key in (self.get(ref).get("status") or {}).get("nodes") or ():
                shutil.rmtree(folder / key, ignore_errors=True)
            self.state.delete(ref.uid)
        shutil.rmtree(self.home.run(ref.uid), ignore_errors=True)

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
                prefix = f"runs/{ref.namespace}/{ref.name}/{ref.uid}/"
                store = self.store(ref)
                for info in [*store.list(prefix)]:
                    store.delete(info.key)
            self.state.delete(ref.uid)
        shutil.rmtree(self.home.run(ref.uid), ignore_errors=True)

    def active(self, ref: RunRef) -> bool:
        """Whether a process drives the run now."""
        return RunLock(self.home.run(ref.uid)).held()

    def store(self, ref: RunRef) -> Store:
        """The store of a run's artifacts. Raises StoreError for credentials that are only half there."""
        return open_store(self.home, self.state.row(ref.uid).store)

    def drive(self, ref: RunRef, observe: Observer | None = None, *, wait: bool = True) -> bool:
        """Execute the run in this process until it has ended: True; False when left by a signal.

        Without `wait` it is left, too, when nothing but decisions of people is missing.

        Raises ConflictError when another process drives it, EnvironmentFailure when its executor cannot work here."""
        from argo.local.children import Children
        from argo.local.controller import Controller
        from argo.local.engine import Engine

        with self._locked(ref):
            row = self.state.row(ref.uid)
            workflow = self.get(ref)
            library = RunLibrary(self.state, self.home, self._first(ref, workflow).uid)
            with (
                self._pods(row, library, self.pods_folder(ref, workflow)) as pods,
                closing(Children(self.state, self.home, row, library, pods)) as family,
            ):
                controller = Controller(workflow, library, parallelism=row.parallelism)
                return Engine(self.state, ref.uid, workflow, controller, family, observe or _ignore, wait).drive()

    def _pods(self, row: RunRow, library: RunLibrary, folder: Path) -> LocalPods:
        from argo.local.executors.local import LocalPods
        from argo.local.resources import this_machine

        machine = this_machine()
        if row.parallelism is not None:
            machine = machine.limited(row.parallelism)  # which a run and its children share
        return LocalPods(
            folder,
            open_store(self.home, row.store),
            library,
            executor=choose_executor(row.executor),
            claims=self.home.root / "volumes",
            images=row.images,
            machine=machine,
        )

    def pods_folder(self, ref: RunRef, workflow: Json) -> Path:
        """Where the pods of a run are; a child's are among those of the run that it belongs to."""
        return self.home.run(self._first(ref, workflow).uid) / "pods"

    def children(self, ref: RunRef) -> Sequence[RunRef]:
        """The child Workflows of a run."""
        from argo.local.children import child_uids

        nodes = (self.get(ref).get("status") or {}).get("nodes") or {}
        uids = child_uids(ref.uid, (key for key, node in nodes.items() if node["type"] == "Pod"))
        return [row.ref for row in self.state.rows() if row.ref.uid in uids]

    def _first(self, ref: RunRef, workflow: Json) -> RunRef:
        """The run that a child belongs to, at any distance; any other run itself."""
        while (uid := parent_uid(workflow)) and self.state.revision(uid):
            ref = self.state.row(uid).ref
            workflow = self.get(ref)
        return ref

    def _locked(self, ref: RunRef) -> RunLock:
        lock = RunLock(self.home.run(ref.uid))
        if not lock.acquire():
            raise ConflictError(
                f"another process drives {ref.name}", known="it goes on undisturbed", hint=f"argosy watch {ref.name}"
            )
        return lock

    def _order(self, ref: RunRef, verb: str, arguments: Json, *, drive: bool = False) -> None:
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
        if drive and not self.active(ref) and (self.get(ref).get("status") or {}).get("phase") not in FINISHED:
            self.drive(ref)

    def _carry_out(self, ref: RunRef, number: int, verb: str, arguments: Json) -> str:
        from argo.control.commands import apply

        workflow = self.get(ref)
        changed: set[str] = set()
        error = ""
        try:
            changed = apply(workflow, verb, arguments, datetime.now(UTC))
        except ConflictError as refused:
            error = refused.message
        self.state.record(ref.uid, workflow, changed, settled=[(number, error)])
        return error

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


def choose_executor(wanted: str) -> Executor:
    """What runs containers here: what is wanted; for "auto" a container runtime that works, else processes.

    Raises EnvironmentFailure for a runtime that is not here, UsageError for an unknown name.
    """
    if wanted == "process":
        return "process"
    if wanted in ("", "auto"):
        from argo.local.executors.runtimes import found

        return found(os.environ) or "process"
    if wanted not in ("podman", "docker"):
        raise UsageError(f"there is no executor named {wanted}", hint="process, podman or docker")
    if shutil.which(wanted) is None:
        raise EnvironmentFailure(f"{wanted} is not installed here", hint="--executor process")
    return "podman" if wanted == "podman" else "docker"


def _check_name(name: str) -> None:
    if len(name) <= _LONGEST and _NAME.fullmatch(name):
        return
    near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    raise UsageError(
        f"{name!r} is not a name for a run: at most {_LONGEST} lower-case letters, digits, '-' and '.'",
        known="nothing was started",
        hint=f"--name {near or 'first'}",
    )


def _ignore(workflow: Json, changed: Collection[str]) -> None:
    """Watch nothing."""
