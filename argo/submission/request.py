"""Requests: the one way to begin a run, from whichever entrance, and what becomes of one before anything is stored."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from argo.backend import SCHEDULED, Backend, Json, RunRef, Submission
from argo.errors import NotFoundError, UsageError
from argo.submission.arguments import Put, local, require_complete, set_inputs, set_parameters
from argo.submission.configs import set_env, set_file
from argo.submission.subject import Subject, inline
from argo.workflow import bounds, ingress, sessions
from argo.workflow.naming import check_name, generated, keyed
from argo.workflow.ownership import own_config_maps
from compiler.labels import KEY

_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_FROM = "workflows.argoproj.io/resubmitted-from-workflow"  # Argo's label for it
CONTENT = ""  # as `Request.once`: the key is made of the content


@dataclass(frozen=True, slots=True)
class Request:
    """A run that somebody asks for: the subject, and what is given for it. Where it runs is the backend's that gets it.

    `inputs` are by input: a local file or folder, or where it lies on the store already, as an artifact's fields.
    `env_files` and `job_configs` are as in `argo.submission.configs`. `once` is the key of the submission, which makes
    one run of all that are sent with it: None for what nobody repeats, `CONTENT`: whoever sends the same content means
    the same run. `source` says what was named; `executor` and `parallelism` are for a run on this machine.
    """

    subject: Subject
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str | Json] = field(default_factory=dict)
    env_files: Sequence[Path] = ()
    job_configs: Sequence[str] = ()
    name: str | None = None
    once: str | None = None
    source: str = ""
    executor: str = ""
    parallelism: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A run about to be sent, as far as it is settled before anything is stored: its key (empty: nobody repeats it)
    and its name.

    `ref.uid` is the part of its inputs' keys that is its own. `here`: it goes to this machine, where each run keeps
    the templates and ConfigMaps that it was given.
    """

    request: Request
    key: str
    ref: RunRef
    here: bool

    def submission(self, put: Put, inputs: str = "") -> Submission:
        """Store its inputs; what is sent. `inputs` is the part of their keys where an earlier attempt has one already.

        Raises UsageError, NotFoundError, and what `put` raises.
        """
        request, subject, ref = self.request, self.request.subject, self.ref
        set_inputs(subject, request.inputs, RunRef(ref.name, ref.namespace, inputs or ref.uid), put)
        require_complete(subject)
        workflow, metadata = subject.workflow, subject.workflow["metadata"]
        metadata.pop("generateName", None)
        metadata.update(name=ref.name, namespace=ref.namespace)
        if self.key:
            metadata.setdefault("labels", {})[KEY] = self.key
        objects = subject.objects if self.here else own_config_maps(workflow, subject.objects, ref.name)
        added = sessions.secret(workflow)
        if not self.here:
            added += [*ingress.objects(workflow), *bounds.policies(workflow, objects)]
        return Submission(workflow, [*objects, *added], request.source, self.key, request.executor, request.parallelism)


def draft(request: Request, backend: Backend) -> Draft:
    """Settle what will be sent to the backend: parameters, files of ConfigMaps, key and name.

    Raises UsageError, NotFoundError, DefinitionError.
    """
    subject, here = request.subject, backend.here
    if not here:
        inline(subject)
    set_parameters(subject, request.parameters)
    for path in request.env_files:
        set_env(subject, path)
    for given in request.job_configs:
        set_file(subject, given)
    metadata = subject.workflow.setdefault("metadata", {})
    own = metadata.get("namespace")
    namespace = str(own) if own and here else backend.namespace
    if own not in (None, "", namespace):
        raise UsageError(
            f"the manifest is of the namespace {own}, the target of {namespace}",
            known="nothing was started",
            hint="name the namespace in the profile, or in ARGO_NAMESPACE",
        )
    key = _key(request, namespace)
    prefix = metadata.get("generateName") or "run-"
    name = request.name or metadata.get("name") or (keyed(prefix, key) if key else generated(prefix))
    check_name(name)
    return Draft(request, key, RunRef(name, namespace, str(uuid.uuid4())), here)


def new_key() -> str:
    """A key that no other submission has."""
    return secrets.token_hex(16)


def again(backend: Backend, run: RunRef, name: str | None = None) -> Request:
    """The request for a run once more: what was submitted, as a new run.

    Inputs that were stored for the first run are read from where they lie.
    """
    old = backend.submission(run)
    metadata, spec = old.workflow["metadata"], old.workflow["spec"]
    labels = metadata.get("labels") or {}
    labels = {k: v for k, v in labels.items() if not k.startswith("workflows.argoproj.io/") and k != KEY}
    metadata.pop("name", None)
    metadata.setdefault("generateName", f"{run.name.rpartition('-')[0] or run.name}-")
    metadata.update({"namespace": run.namespace, "labels": {**labels, _FROM: run.name}})
    spec.pop("shutdown", None)
    spec.pop("suspend", None)
    subject = Subject(old.workflow, [*old.objects])
    return Request(subject, name=name, source=old.source, executor=old.executor, parallelism=old.parallelism)


def _key(request: Request, namespace: str) -> str:
    if request.once is None:
        return ""
    if request.once != CONTENT:
        fits = _LABEL.fullmatch(request.once)
        return request.once if fits else hashlib.sha256(request.once.encode()).hexdigest()[:32]
    paths = {**request.subject.uploads(), **local(request.inputs)}
    given = {name: _digest(path) for name, path in paths.items()}
    request.subject.arguments().setdefault("parameters", [])  # as keys of content have always had it
    workflow: Json = request.subject.workflow
    metadata: Json = copy.deepcopy(workflow.get("metadata") or {})
    (metadata.get("annotations") or {}).pop(SCHEDULED, None)  # a time of day is no content
    content = [namespace, request.name, metadata, workflow["spec"], request.subject.objects, given]
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
