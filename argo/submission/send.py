"""A submission, sent exactly once: its key, its name, its inputs on the store, its ConfigMaps, then the run."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from argo.backend import KEY, SCHEDULED, Json, RunRef, Submission, Submitted
from argo.errors import ArgosyError, NotFoundError, UsageError
from argo.submission.configs import set_env, set_file
from argo.submission.draft import Draft, inline, input_prefix, require_complete, set_inputs, set_parameters
from argo.submission.ledger import Entry, Hand, Ledger
from argo.workflow import bounds, ingress, sessions
from argo.workflow.naming import check_name, keyed
from argo.workflow.ownership import input_prefixes, own_config_maps

if TYPE_CHECKING:
    from argo.backend import Backend
    from argo.storage import Store

_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_FROM = "workflows.argoproj.io/resubmitted-from-workflow"  # Argo's label for it
CONTENT = ""  # as `Request.once`: the key is made of the content


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be run, and what is given for it.

    `inputs` are local files and folders by input, `env_files` and `job_configs` as in `argo.submission.configs`.
    `once` is the key of the submission; None: this one has a key of its own, `CONTENT`: whoever sends the same content
    means the same run.
    """

    draft: Draft
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    env_files: Sequence[Path] = ()
    job_configs: Sequence[str] = ()
    name: str | None = None
    once: str | None = None
    source: str = ""


Put = Callable[[str, Path], object]
"""Stores a file: `put(key, path)`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What will be sent, as far as it is settled before anything is stored: the key and the run's name.

    `build(put, inputs)` makes the submission; `inputs` is the part of its inputs' keys that is its own, `ref.uid`
    unless an earlier attempt of the same submission has stored some already.
    """

    key: str
    ref: RunRef
    source: str
    build: Callable[[Put, str], Submission]


def prepare(request: Request, namespace: str) -> Prepared:
    """Settle what will be sent: parameters, files of ConfigMaps, key and name.

    Raises UsageError, NotFoundError, DefinitionError.
    """
    draft = request.draft
    inline(draft)
    set_parameters(draft, request.parameters)
    for path in request.env_files:
        set_env(draft.workflow, draft.objects, path)
    for given in request.job_configs:
        set_file(draft.workflow, draft.objects, given)
    metadata = draft.workflow.setdefault("metadata", {})
    if metadata.get("namespace") not in (None, "", namespace):
        raise UsageError(
            f"the manifest is of the namespace {metadata['namespace']}, the target of {namespace}",
            known="nothing was started",
            hint="name the namespace in the profile, or in ARGO_NAMESPACE",
        )
    key = _key(request, namespace)
    name = request.name or metadata.get("name") or keyed(metadata.get("generateName") or "run-", key)
    check_name(name)
    ref = RunRef(name, namespace, key if request.once is None else secrets.token_hex(16))

    def build(put: Put, inputs: str) -> Submission:
        set_inputs(draft, request.inputs, RunRef(name, namespace, inputs), put)
        require_complete(draft)
        return _named(Submission(draft.workflow, draft.objects, request.source, key), name, namespace)

    return Prepared(key, ref, request.source, build)


def prepare_again(backend: Backend, run: RunRef, name: str | None = None) -> Prepared:
    """A run as another one: what was submitted, under a name and a key of its own.

    Inputs that were stored for the first run are read from where they lie.
    """
    old = backend.submission(run)
    key = secrets.token_hex(16)
    new = name or keyed(f"{run.name.rpartition('-')[0] or run.name}-", key)
    check_name(new)
    metadata, spec = old.workflow["metadata"], old.workflow["spec"]
    labels = metadata.get("labels") or {}
    metadata["labels"] = {k: v for k, v in labels.items() if not k.startswith("workflows.argoproj.io/")}
    metadata["labels"][_FROM] = run.name
    spec.pop("shutdown", None)
    spec.pop("suspend", None)
    submission = replace(old, key=key)
    return Prepared(
        key, RunRef(new, run.namespace, key), old.source, lambda _put, _inputs: _named(submission, new, run.namespace)
    )


def _named(submission: Submission, name: str, namespace: str) -> Submission:
    """The submission as the run of that name, with ConfigMaps of its own."""
    workflow = submission.workflow
    metadata = workflow["metadata"]
    metadata.pop("generateName", None)
    metadata.update({"name": name, "namespace": namespace})
    metadata.setdefault("labels", {})[KEY] = submission.key
    objects = own_config_maps(workflow, submission.objects, name)
    added = [*sessions.secret(workflow), *ingress.objects(workflow), *bounds.policies(workflow, objects)]
    return replace(submission, objects=[*objects, *added])


def send(
    backend: Backend,
    prepared: Prepared,
    store: Callable[[], Store] | None,
    ledger: Ledger,
    doing: Callable[[str], object],
) -> Submitted:
    """Store the inputs and have the run executed; the run that this key led to.

    `store` gives the store of the inputs, None where there are none; `doing` is told what is done. When this raises,
    nothing runs and nothing is left on the store, unless the error says that this is not known: then the same key
    finds the run, if there is one.
    """
    ref = prepared.ref
    entry = Entry(prepared.key, ref.name, backend.place, prepared.source, ref.uid)
    stored = _Stored(store, doing)
    with ledger.written(entry) as hand:
        try:
            inputs = hand.entry.inputs
            submission = prepared.build(stored.put, inputs)
            doing("submitting")
            hand.open = True
            made = backend.submit(submission)
            hand.open = False
        except BaseException as error:
            _settle(backend, prepared, hand, stored, error)
            raise
        if not made.new and stored.keys and not _uses(backend, made.ref, inputs):
            stored.remove()
    return made


class _Stored:
    """What was stored for a submission."""

    def __init__(self, store: Callable[[], Store] | None, doing: Callable[[str], object]) -> None:
        self._open = store
        self._doing = doing
        self._store: Store | None = None
        self.keys: list[str] = []

    def put(self, key: str, path: Path) -> None:
        from argo.views.text import size

        if self._store is None:
            assert self._open is not None
            self._store = self._open()
        self._doing(f"storing {path.name} ({size(path.stat().st_size)})")
        self.keys.append(key)
        self._store.put_file(key, path)

    def remove(self) -> None:
        """Remove it again, as far as that can be done now."""
        for key in self.keys:
            with suppress(ArgosyError):
                if self._store is not None:
                    self._store.delete(key)


def _settle(backend: Backend, prepared: Prepared, hand: Hand, stored: _Stored, error: BaseException) -> None:
    """After a failure: find out whether there is a run. Where there is none, nothing stays on the store; where nobody
    knows, the error says so."""
    if hand.open and not isinstance(error, UsageError):
        try:
            hand.open = _is_of(backend, backend.find(prepared.ref.name), prepared.key)
        except NotFoundError:
            hand.open = False
        except ArgosyError:
            pass
    else:
        hand.open = False
    if not hand.open:
        stored.remove()
    elif isinstance(error, ArgosyError):
        error.known = f"{error.known}; " if error.known else ""
        error.known += f"it is not known whether {prepared.ref.name} was taken; its inputs are kept"
        error.hint = f"repeat the command with --once={prepared.key}: that finds the run, or starts it"


def _is_of(backend: Backend, ref: RunRef, key: str) -> bool:
    return ((backend.get(ref)["metadata"].get("labels") or {}).get(KEY) or "") == key


def _uses(backend: Backend, ref: RunRef, inputs: str) -> bool:
    """Whether the run's inputs are those stored below `inputs`, since another process sent them with this entry."""
    try:
        workflow = backend.get(ref)
    except ArgosyError:
        return True
    return f"{input_prefix(RunRef(ref.name, ref.namespace, inputs))}/" in input_prefixes(workflow)


def _key(request: Request, namespace: str) -> str:
    if request.once is None:
        return secrets.token_hex(16)
    if request.once != CONTENT:
        fits = _LABEL.fullmatch(request.once)
        return request.once if fits else hashlib.sha256(request.once.encode()).hexdigest()[:32]
    paths: dict[str, str | Path] = {**request.draft.uploads(), **request.inputs}
    given = {name: _digest(Path(path).expanduser()) for name, path in paths.items()}
    workflow: Json = request.draft.workflow
    metadata: Json = copy.deepcopy(workflow.get("metadata") or {})
    (metadata.get("annotations") or {}).pop(SCHEDULED, None)  # a time of day is no content
    content = [namespace, request.name, metadata, workflow["spec"], request.draft.objects, given]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder, of the names and contents in it."""
    from argo.storage.store import digest_file

    if not path.exists():
        raise NotFoundError(f"{path} does not exist", known="nothing was started")
    if not path.is_dir():
        return digest_file(path)
    entries = []
    for inner in sorted(path.rglob("*")):
        name = str(inner.relative_to(path))
        if inner.is_symlink():
            entries.append((name, "link", str(inner.readlink())))
        elif inner.is_file():
            entries.append((name, "file", digest_file(inner)))
        else:
            entries.append((name, "folder", ""))
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
