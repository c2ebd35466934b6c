"""`argosy submit`: hand a DAG or manifest to a cluster, an Argo Server, or an engine of its own on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argo.cli import options

if TYPE_CHECKING:
    from argo.backend import Backend
    from argo.storage import Store
    from argo.submission.draft import Start
    from argo.submission.send import Prepared, Request
    from argo.target import Target


@click.command(short_help="Have a DAG or manifest run on a cluster, or in the background here.")
@click.argument("subjects", metavar="DAG|MANIFEST...", nargs=-1, required=True)
@options.given
@options.start
@click.option(
    "--env-file", "env_files", metavar="FILE", multiple=True, type=click.Path(path_type=Path),
    help="Lay a dotenv file over the DAG's env, for this run.",
)  # fmt: skip
@click.option(
    "--job-config", "job_configs", metavar="[NAME=]FILE", multiple=True,
    help="Put a file in place of one of the DAG's files, for this run.",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the run; made up when left out.")
@options.profile
@click.option(
    "--once", metavar="KEY", is_flag=False, flag_value="",
    help="All who submit with this KEY (without one: the same content) mean one run.",
)  # fmt: skip
@click.option("--watch", is_flag=True, help="Follow the run until it ends; the exit code is the run's.")
@click.option("--wait", is_flag=True, help="As --watch, without showing progress.")
@click.option("--dry-run", is_flag=True, help="Send and store nothing; print what would be sent.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and the outcome only.")
@options.output("name")
def submit(
    subjects: tuple[str, ...],
    profile: str | None,
    watch: bool,
    wait: bool,
    dry_run: bool,
    quiet: bool,
    form: str,
    **given: Any,
) -> int:
    """Hand a DAG or any Argo manifest to the place of the profile, and come back while it runs.

    It is submitted exactly once, whatever the network does: the submission has a key that is written down before it
    is sent. With the profile local, a process of its own runs it on this machine.
    """
    from argo.app.sources import split
    from argo.app.targets import choose
    from argo.cli.output import say
    from argo.cli.sending import report, send
    from argo.submission.send import prepare
    from argo.workflow.sessions import of

    target = choose(split(subjects)[0], profile, by_hand=options.by_hand("profile"))
    request = _request(subjects, target, quiet=quiet, **given)
    with options.opened(target) as backend:
        prepared = prepare(request, _namespace(request, target, backend))
        if dry_run:
            _print(prepared)
            return 0
        if not quiet:
            say(f"submitting {prepared.ref.name} to {backend.place}")
        made = send(backend, prepared, partial(_store, target, prepared))
        if watch or wait:
            from argo.cli.observe import follow

            return follow(backend, made.ref, form, quiet=wait or quiet)
        report(backend, made, form, quiet=quiet, interactive=bool(of(request.draft.workflow)))
        return 0


def _request(
    subjects: Sequence[str],
    target: Target,
    *,
    quiet: bool,
    parameters: Sequence[str],
    inputs: Sequence[str],
    start: Start,
    env_files: Sequence[Path],
    job_configs: Sequence[str],
    name: str | None,
    once: str | None,
) -> Request:
    """Read what is to be run, and hold what is given for it against what it takes."""
    from argo.app.sources import load
    from argo.cli.output import print_diagnostics, say
    from argo.cli.progress import ticking
    from argo.submission.draft import draft, pairs
    from argo.submission.send import Request

    values, files = pairs(parameters, "-p"), pairs(inputs, "-i")
    with ticking(lambda: "reading the definitions"):
        loaded = load(subjects, target.profile, here=target.local, start=start)
    found, notes = [*loaded.diagnostics], [*target.notes]
    if target.local:
        from argo.cli.here import executor, fit

        choice = executor()
        found += fit(loaded.documents, choice.executor, target.images)
        notes += choice.lines()
    if not quiet:
        say(*notes)
        print_diagnostics(found)
    subject = draft(loaded.objects, loaded.base, start)
    return Request(subject, values, files, env_files, job_configs, name, once, loaded.source)


def _namespace(request: Request, target: Target, backend: Backend) -> str:
    """This machine takes a manifest's namespace as it is, a cluster's credentials are for one."""
    own = (request.draft.workflow.get("metadata") or {}).get("namespace")
    return str(own) if own and target.local else backend.namespace


def _print(prepared: Prepared) -> None:
    """What would be sent, as a YAML stream; of Secrets, only which keys they have."""
    from argo.cli.output import emit

    submission = prepared.build(lambda _key, _path: None, prepared.ref.uid)
    made: list[Mapping[str, Any]] = [*submission.objects, submission.workflow]
    for given in made:
        value = {**given, "data": dict.fromkeys(given["data"], "")} if given["kind"] == "Secret" else given
        click.echo("---")
        emit(value, "yaml")


def _store(target: Target, prepared: Prepared) -> Store:
    """The store that inputs go to. Raises UsageError where nobody says which, StoreError where it cannot be written."""
    from argo.errors import UsageError
    from argo.storage.settings import require_writable, s3_store

    if not target.store:
        if target.local:
            from argo.local.home import Home
            from argo.local.stores import open_store

            return open_store(Home.open(), {})
        raise UsageError(
            "it is not known here where inputs are stored",
            known="nothing was sent",
            hint="submit with a profile of argosy.yaml that has a `store`",
        )
    store = s3_store(target.store)
    require_writable(store, f"runs/{prepared.ref.namespace}/{prepared.ref.name}/{prepared.ref.uid}")
    return store
