"""`argosy retry`, `resubmit`: have an ended run tried again, or a run once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from argo.cli import options
from argo.cli.progress import ticking

if TYPE_CHECKING:
    from argo.backend import Backend, RunRef


@click.command(short_help="Try an ended run again from where it failed.")
@options.run_name
@click.option(
    "--from",
    "tasks",
    metavar="TASK",
    multiple=True,
    help="Run this task, too, and what came after it, though it succeeded.",
)
@click.option("--watch", is_flag=True, help="Follow the run until it ends; the exit code is the run's.")
@options.output()
def retry(name: str, profile: str | None, tasks: tuple[str, ...], watch: bool, form: str) -> int:
    """Try an ended run again: what succeeded is kept, what failed runs once more, with all that came of it."""
    with options.changing(profile) as backend:
        ref = backend.find(name)
        with ticking(lambda: f"preparing {ref.name}"):
            backend.retry(ref, tasks)
        _tell(backend, ref)
        return _goes_on(backend, ref, "is tried again", watch, form)


@click.command(short_help="Run what a run was submitted as once more, as a new run.")
@options.run_name
@click.option("--name", "new", metavar="NAME", help="Name of the new run; made up when left out.")
@click.option("--watch", is_flag=True, help="Follow the run until it ends; the exit code is the run's.")
@options.output("name")
def resubmit(name: str, profile: str | None, new: str | None, watch: bool, form: str) -> int:
    """Submit once more what a run was submitted as: the same Workflow, arguments and ConfigMaps, a new run."""
    from dataclasses import replace

    from argo.cli.begin import report, send
    from argo.submission.request import again, draft, new_key

    with options.changing(profile) as backend:
        request = replace(again(backend, backend.find(name), new), once=new_key())
        made = send(backend, draft(request, backend))
        _tell(backend, made.ref)
        if watch:
            return _goes_on(backend, made.ref, "submitted", watch, form)
        report(backend, made, form)
        return 0


def _tell(backend: Backend, ref: RunRef) -> None:
    from argo.cli.output import say
    from argo.local.choice import described

    if executor := backend.executor(ref):
        say(f"tasks run {described(executor)}")


def _goes_on(backend: Backend, ref: RunRef, what: str, watch: bool, form: str) -> int:
    if watch:
        from argo.cli.observe import follow

        return follow(backend, ref, form)
    if form != "text":
        from argo.cli.output import emit
        from argo.workflow.tree import state

        emit(state(backend.get(ref), backend.executor(ref)).as_json(), form)
    else:
        click.echo(f"{ref.name} {what}; follow it with: argosy watch {ref.name}{options.again()}")
    return 0
