"""`argosy list`, `status`, `watch`, `logs`, `get`: what runs are doing."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from argo.cli import options

if TYPE_CHECKING:
    from datetime import datetime

    from argo.backend import Backend, Json, RunRef, RunSummary


@click.command("list", short_help="List the runs.")
@options.profile
@options.output("name")
@click.option("--active", is_flag=True, help="Only runs that have not ended.")
def list_(profile: str | None, form: str, active: bool) -> None:
    """List the runs of this machine or of a cluster's namespace, the newest first."""
    from argo.backend import FINISHED
    from argo.cli.output import emit, table
    from argo.cli.progress import ticking
    from argo.cli.views import now

    with ticking(lambda: "asking for the runs"), options.backend(profile) as backend:
        runs = [run for run in backend.list() if not (active and run.phase in FINISHED)]
    if form == "name":
        for run in runs:
            click.echo(run.ref.name)
    elif form != "text":
        emit([_summary_json(run) for run in runs], form)
    elif not runs:
        click.echo("no runs yet; start one with: argosy run fork-join", err=True)
    else:
        at = now()
        table(("NAME", "STATUS", "AGE", "DURATION", "PROGRESS", "MESSAGE"), [_row(run, at) for run in runs])


def _row(run: RunSummary, at: datetime) -> tuple[str, ...]:
    """A line of the table; of a run that is not over and that nobody drives, it says that it is left."""
    from argo.backend import FINISHED
    from argo.views.text import age, duration

    status = run.phase if run.active or run.phase in FINISHED else f"{run.phase} (left)"
    took = duration(((run.finished_at or at) - run.started_at).total_seconds()) if run.started_at else ""
    return run.ref.name, status, age(run.created_at, at), took, run.progress, run.message


def _summary_json(run: RunSummary) -> Json:
    def time(at: datetime | None, timespec: str = "auto") -> str | None:
        return at.isoformat(timespec=timespec).replace("+00:00", "Z") if at else None

    fields = ("phase", "message", "progress", "active", "source")
    return {
        **asdict(run.ref),
        **{field: getattr(run, field) for field in fields},
        "createdAt": time(run.created_at, "seconds"),
        "startedAt": time(run.started_at),
        "finishedAt": time(run.finished_at),
    }


@click.command(short_help="Show a run's phase, tasks and results.")
@options.run_name
@options.output()
def status(name: str, profile: str | None, form: str) -> None:
    """Show a run's phase, tasks and results."""
    from argo.backend import FINISHED
    from argo.cli.output import emit
    from argo.cli.views import Earlier, now, print_results
    from argo.workflow.outputs import results
    from argo.workflow.tree import relative, state, tree, waiting

    with options.backend(profile) as backend:
        ref = backend.find(name)
        workflow = backend.get(ref)
        executor = backend.executor(ref)
        ended = (workflow.get("status") or {}).get("phase") in FINISHED
        abandoned = not ended and not backend.active(ref)
        seconds = Earlier(backend)(workflow) if form == "text" and not ended and not abandoned else None
    if form != "text":
        emit(state(workflow, executor).as_json(), form)
        return
    import shutil
    import sys

    from argo.cli.output import color
    from argo.views.estimate import left, used
    from argo.views.live import render
    from argo.views.text import paint
    from argo.workflow.gates import how

    top = tree(workflow)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None  # a pipe gets whole lines
    for line in render(top, now(), columns):
        click.echo(paint(line, color(sys.stdout)))
    for node in waiting(workflow):
        click.echo(f"\ndecide with: {how(ref.name, relative(node['name'], ref.name), options.again())}")
    about = ", ".join(filter(None, (left(workflow, seconds, now()), used(workflow))))
    if about:
        click.echo(f"\n{about}")
    print_results(results(workflow))
    if executor:
        from argo.local.choice import described

        click.echo(f"\ntasks run {described(executor)}")
    if abandoned:
        click.echo(f"\nnothing drives this run now; go on with: argosy resume {ref.name}{options.again()}")


@click.command(short_help="Follow a run until it ends.")
@options.run_name
@options.output()
def watch(name: str, profile: str | None, form: str) -> int:
    """Follow a run until it ends; the exit code is the run's. Ctrl-C ends the watching, not the run."""
    with options.backend(profile) as backend:
        return follow(backend, backend.find(name), form)


def follow(backend: Backend, ref: RunRef, form: str, *, quiet: bool = False) -> int:
    """Show a run until it has ended or nothing drives it, print its outcome; the exit code."""
    from argo.backend import FINISHED
    from argo.cli.output import emit
    from argo.cli.views import Earlier, follow_view, summary
    from argo.workflow.tree import state

    workflow: Json | None = None
    view = follow_view(quiet, Earlier(backend))
    with options.going_on(ref.name), closing(view):
        for snapshot in backend.watch(ref):
            workflow = snapshot.workflow
            view.update(workflow, snapshot.changed)
    workflow = workflow or backend.get(ref)
    phase = (workflow.get("status") or {}).get("phase") or "Pending"
    if form != "text":
        emit(state(workflow, backend.executor(ref)).as_json(), form)
    elif phase in FINISHED:
        summary(backend, ref, workflow)
    if phase not in FINISHED:
        click.echo(f"nothing drives {ref.name} now; go on with: argosy resume {ref.name}{options.again()}", err=True)
        return 1
    return 0 if phase == "Succeeded" else 1


@click.command(short_help="Print what a run's tasks wrote.")
@options.run_name
@click.option("--task", metavar="TASK", help="Only this task, by its name in `argosy status`, or all items of a loop.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@click.option("--grep", "pattern", metavar="PATTERN", help="Only lines in which this regular expression is found.")
@options.output()
def logs(name: str, profile: str | None, task: str | None, follow: bool, pattern: str | None, form: str) -> None:
    """Print what a run's tasks wrote, each line with its task in front unless one task is asked for.

    With -o json one object a line: {"task","container","text"}.
    """
    import re

    from argo.cli.output import json_text
    from argo.errors import UsageError

    try:
        wanted = re.compile(pattern or "")
    except re.error as error:
        raise UsageError(f"--grep {pattern}: {error}", hint="a '\\' before a sign takes its meaning away") from error
    with options.backend(profile) as backend:
        ref = backend.find(name)
        with options.going_on(name) if follow else nullcontext():
            for line in backend.logs(ref, task, follow=follow):
                if not wanted.search(line.text):
                    continue
                if form == "text":
                    click.echo(line.text if task == line.task else f"{line.task}: {line.text}")
                else:
                    value = {"task": line.task, "container": line.container, "text": line.text}
                    click.echo(json_text(value))


@click.command(short_help="Print a run as Argo's Workflow object.")
@options.run_name
@options.output(default="yaml")
def get(name: str, profile: str | None, form: str) -> None:
    """Print a run as the Workflow object that Argo's API would give, its status included."""
    from argo.cli.output import emit

    with options.backend(profile) as backend:
        emit(backend.get(backend.find(name)), form)
