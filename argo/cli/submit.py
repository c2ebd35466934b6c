"""`argosy submit`: hand a DAG or manifest to a cluster, an Argo Server, or an engine of its own on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from argo.cli import options
from argo.cli.begin import request_options

if TYPE_CHECKING:
    from argo.app.requests import RequestOptions


@click.command(short_help="Have a DAG or manifest run on a cluster, or in the background here.")
@click.argument("subjects", metavar="DAG|MANIFEST...", nargs=-1, required=True)
@request_options
@click.option("--watch", is_flag=True, help="Follow the run until it ends; the exit code is the run's.")
@click.option("--wait", is_flag=True, help="As --watch, without showing progress.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and the outcome only.")
@options.output("name")
def submit(subjects: tuple[str, ...], asked: RequestOptions, watch: bool, wait: bool, quiet: bool, form: str) -> int:
    """Hand a DAG or any Argo manifest to the place of the profile, and come back while it runs.

    It is submitted exactly once, whatever the network does: the submission has a key that is written down before it
    is sent. With the profile local, a process of its own runs it on this machine.

    --executor and --parallelism are for the profile local: a cluster decides that itself. The options about a Task
    Runner are those of `run` alone, which keeps its token on this machine; a cluster has it in the Secret task-runner.
    """
    from argo.cli.begin import prepare, print_draft, report, send
    from argo.cli.output import say
    from argo.submission.request import draft, new_key
    from argo.workflow.sessions import of

    request, target, *_ = prepare(subjects, asked, quiet=quiet)
    if request.once is None:
        request = replace(request, once=new_key())
    with options.opened(target) as backend:
        drafted = draft(request, backend)
        if asked.dry_run:
            print_draft(drafted, form)
            return 0
        if not quiet:
            say(f"submitting {drafted.ref.name} to {backend.place}")
        made = send(backend, drafted, target)
        if watch or wait:
            from argo.cli.observe import follow

            return follow(backend, made.ref, form, quiet=wait or quiet)
        report(backend, made, form, quiet=quiet, interactive=bool(of(request.subject.workflow)))
        return 0
