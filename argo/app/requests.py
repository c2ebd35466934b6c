"""Makes a request of what a command line asks for: found, its place chosen, compiled once, fit for this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from argo.app.sources import find_all, load
from argo.app.targets import choose
from argo.errors import DefinitionError, UsageError
from argo.submission.arguments import pairs
from argo.submission.request import Request
from argo.submission.subject import Start, subject_of

if TYPE_CHECKING:
    from argo.local.images import Images
    from argo.target import Target
    from argo.workflow.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic

Looking = Callable[[str], AbstractContextManager[None]]
"""Tells, for as long as the block takes, what is being done."""


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The options of a command that begins a run; `by_hand` are those on the command line, not in a variable."""

    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    start: Start
    env_files: tuple[Path, ...]
    job_configs: tuple[str, ...]
    name: str | None
    once: str | None
    executor: str
    parallelism: int | None
    dry_run: bool
    profile: str | None
    by_hand: frozenset[str]


class Prepared(NamedTuple):
    """A request, where it goes, and what a user is told about both."""

    request: Request
    target: Target
    notes: list[str]
    diagnostics: list[Diagnostic]


def read_request(names: Sequence[str], asked: RequestOptions, looking: Looking, *, here: bool) -> Prepared:
    """Read what is named, once, for the place that is meant; `here` has to be this machine.

    Raises UsageError, NotFoundError, DefinitionError, EnvironmentFailure.
    """
    sources = find_all(names)
    target = choose(sources.definitions, asked.profile, by_hand="profile" in asked.by_hand, here=here)
    if not target.local:
        _refuse_what_only_this_machine_does(asked)
    values, files = pairs(asked.parameters, "-p"), pairs(asked.inputs, "-i")
    executor, notes = "", [*target.notes]
    if target.local:
        from argo.local.choice import choose_executor
        from argo.local.home import Home

        with looking("looking for what runs containers"):
            choice = choose_executor(Home.open(), asked.executor)
        executor, notes = choice.executor, [*notes, *choice.lines()]
    with looking("reading the definitions"):
        loaded = load(sources, target.profile, here=target.local, start=asked.start)
    found = [*loaded.diagnostics]
    if target.local:
        found += _fit(loaded.documents, executor, target.images)
    subject = subject_of(loaded.objects, loaded.base or Path(), asked.start)
    request = Request(
        subject, values, files, asked.env_files, asked.job_configs, asked.name, asked.once, loaded.source, executor,
        asked.parallelism,
    )  # fmt: skip
    return Prepared(request, target, notes, found)


def _refuse_what_only_this_machine_does(asked: RequestOptions) -> None:
    given = ["--executor"] if "executor" in asked.by_hand else []
    given += ["--parallelism"] if asked.parallelism else []
    if given:
        raise UsageError(
            f"{' and '.join(given)} cannot be given to a cluster, which runs containers as it does",
            known="nothing was started",
            hint="leave it out, or run here with --profile local",
        )


def _fit(documents: Sequence[ManifestDocument], executor: str, images: Images) -> list[Diagnostic]:
    """Warnings about the run on this machine. Raises DefinitionError when it asks for what is not here."""
    from argo.local.resources import this_machine
    from argo.local.supported.machine import check

    found = check(documents, this_machine(), executor=executor, images=images)
    if any(item.severity == "error" for item in found):
        raise DefinitionError("this machine cannot run it", found)
    return found
