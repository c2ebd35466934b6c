"""Where the service's runs are: a backend and a store, and what the engine of this machine wants besides."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.app.backends import open_backend
from argo.backend import Json, Submission, Submitted
from argo.errors import ArgosyError
from argo.local.backend import LocalBackend
from argo.serve.workflow_api.delivery import add, prefix
from argo.submission.request import Request, draft
from argo.submission.send import send
from argo.submission.subject import Subject, subject_of
from compiler.labels import CONSUMER, RUN_ID
from compiler.manifest_types import S3Artifact

if TYPE_CHECKING:
    from argo.storage import Store
    from argo.target import Target
    from compiler.models import ComputeAsset
    from compiler.models.project import Profile


class TargetBackend:
    """The opened backend of a target. `in_cluster`: the store as pods reach it, where that differs from here."""

    def __init__(self, target: Target, in_cluster: S3Artifact | None = None) -> None:
        self.target = target
        self.in_cluster = in_cluster or S3Artifact()
        self.backend = open_backend(target)

    @property
    def local(self) -> LocalBackend | None:
        """The engine of this machine, where that is the place."""
        return self.backend if isinstance(self.backend, LocalBackend) else None

    @property
    def shown(self) -> str:
        """The place in words, also where it does not answer now."""
        try:
            return self.backend.place
        except ArgosyError:
            return f"the place of the profile {self.target.profile}, which does not answer now"

    @property
    def isolated(self) -> bool:
        """True where runs are isolated from the machine that they are on: not where they are mere processes."""
        if self.local is None:
            return True
        from argo.local.choice import choose_executor

        return choose_executor(self.local.home).executor != "process"

    def unkept(self, model: ComputeAsset, profile: Profile | None) -> Iterator[tuple[str, str, str]]:
        """The first bound of an extended asset that is not kept here: its rule, a sentence, what to do."""
        import argo.workflow.bounds as bounds
        from argo.local.executors.runtimes import lacking
        from compiler.extend import described
        from compiler.models.project import Profile

        kind, without = "an Argo Server" if self.target.server else "Kubernetes", frozenset[str]()
        if self.local is not None:
            from argo.local.choice import choose_executor

            executor = choose_executor(self.local.home).executor
            kind, without = bounds.place_of(executor), lacking(executor, os.environ)
        about = bounds.of_description(described(model, profile or Profile()), alone=not model.sidecars)
        if rules := about.unkept(kind, without):
            yield rules[0].split()[0], bounds.sentence(kind, model.name, rules), bounds.hint(kind, rules[0])

    def missing_policies(self) -> list[str]:
        """The NetworkPolicies of `argosy setup` that a cluster lacks, in words."""
        from argo.backends.kubernetes.backend import ClusterBackend
        from argo.backends.kubernetes.policies import missing

        return missing(self.backend.cluster) if isinstance(self.backend, ClusterBackend) else []

    def submit(
        self, run: Mapping[str, Any], request: Json, objects: list[Json], uploads: Mapping[str, Json]
    ) -> Submitted:
        """Have a run executed, once, however often this is called. `uploads` are rows by input.

        Raises ArgosyError.
        """
        subject = subject_of(objects)
        _label(subject, run)

        def take(submission: Submission) -> Submitted:
            store = self.backend.store()
            make_bucket(store, request["bucket"])
            added = add(submission.workflow, store, request["bucket"], prefix(run), self.in_cluster)
            return self.backend.submit(replace(submission, objects=[*submission.objects, *added]))

        with tempfile.TemporaryDirectory(prefix="argosy-env-") as folder:
            inputs = {name: self._input(name, row, folder) for name, row in uploads.items()}
            asked = Request(subject, request["parameters"], inputs, once=run["id"], source=run["asset"])
            drafted = draft(asked, self.backend)
            return send(self.backend, drafted, self.backend.store, take=take if request.get("bucket") else None)

    def _input(self, name: str, row: Mapping[str, Any], folder: str) -> str | Json:
        """An input as a request has it: where it is stored or, of variables, a file of them in the folder."""
        location: Json = json.loads(row["location"])
        if location:
            return location
        path = Path(folder, f"{name}.env")
        self.backend.store().get_file(row["key"], path)
        return str(path)

    def revive(self) -> None:
        """Start a process at every run of this machine that should have one and has none, as far as it is its turn."""
        if self.local is not None:
            self.local.revive()


def make_bucket(store: Store, name: str) -> None:
    """Make a consumer's bucket where it does not exist."""
    from argo.storage.s3 import S3Store

    place = store.with_bucket(name)
    if isinstance(place, S3Store):
        place.make_bucket()


def _label(subject: Subject, run: Mapping[str, Any]) -> None:
    labels = {RUN_ID: run["id"], CONSUMER: run["consumer"]}
    metadata = subject.workflow.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    pods = subject.workflow["spec"].setdefault("podMetadata", {})
    pods["labels"] = {**(pods.get("labels") or {}), "workflow-id": run["id"]}
