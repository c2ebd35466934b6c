"""`argosy list`, `status`, `watch`, `logs`, `get`: what runs are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from argo.cli import options

if TYPE_CHECKING:
    from argo.backend import Json, RunSummary


@click.command("list", short_help="List the runs.")
@options.output("name")
@click.option("--active", is_flag=True, help="Only runs that have not ended.")
def list_(form: str, active: bool) -> None:
    """List the runs of this machine, the newest first."""
    from argo.backend import FINISHED
    from argo.cli.output import emit, table
    from argo.cli.views import now
    from argo.track.text import age, duration

    with options.local() as backend:
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
        table(
            ("NAME", "STATUS", "AGE", "DURATION", "PROGRESS", "MESSAGE"),
            [
                (
                    r.ref.name,
                    _status(r),
                    age(r.created_at, at),
                    duration(((r.finished_at or at) - r.started_at).total_seconds()) if r.started_at else "",
                    r.progress,
                    r.message,
                )
                for r in runs
            ],
        )


def _status(run: RunSummary) -> str:
    """The phase; of a run that is not over and that nobody drives, that it is left."""
    from argo.backend import FINISHED

    return run.phase if run.active or run.phase in FINISHED else f"{run.phase} (left)"


def _summary_json(run: RunSummary) -> Json:
    return {
        "name": run.ref.name,
        "namespace": run.ref.namespace,
        "uid": run.ref.uid,
        "phase": run.phase,
        "message": run.message,
        "progress": run.progress,
        "active": run.active,
        "source": run.source,
        "createdAt": run.created_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "startedAt": run.started_at.isoformat().replace("+00:00", "Z") if run.started_at else None,
        "finishedAt": run.finished_at.isoformat().replace("+00:00", "Z") if run.finished_at else None,
    }


@click.command(short_help="Show a run's phase, tasks and results.")
@options.run_name
@options.output()
def status(name: str, form: str) -> None:
    """Show a run's phase, tasks and results."""
    from argo.cli.output import emit
    from argo.cli.views import now, result_text
    from argo.track.outputs import results
    from argo.track.tree import state, tree

    with options.local() as backend:
        ref = backend.find(name)
        workflow = backend.get(ref)
        left = not backend.active(ref)
    if form != "text":
        emit(state(workflow).as_json(), form)
        return
    import shutil
    import sys

    from argo.backend import FINISHED
    from argo.cli.output import color
    from argo.track.live import render
    from argo.track.text import paint

    top = tree(workflow)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None  # a pipe gets whole lines
    for line in render(top, now(), columns):
        click.echo(paint(line, color(sys.stdout)))
    made = results(workflow)
    if made:
        click.echo("\nresults")
        for result in made:
            click.echo(f"  {result.name:<20}  {result_text(result)}")
    if top.phase not in FINISHED and left:
        click.echo(f"\nnothing drives this run now; go on with: argosy resume {ref.name}")


@click.command(short_help="Follow a run until it ends.")
@options.run_name
@options.output()
def watch(name: str, form: str) -> int:
    """Follow a run until it ends; the exit code is the run's. Ctrl-C ends the watching, not the run."""
    from argo.backend import FINISHED
    from argo.cli.output import emit
    from argo.cli.views import follow_view, summary
    from argo.track.tree import state

    with options.local() as backend:
        ref = backend.find(name)
        view = follow_view()
        try:
            for snapshot in backend.watch(ref):
                view.update(snapshot.workflow, snapshot.changed)
                if not backend.active(ref):
                    break
        finally:
            view.close()
        workflow = backend.get(ref)
        phase = (workflow.get("status") or {}).get("phase") or "Pending"
        if form != "text":
            emit(state(workflow).as_json(), form)
        elif phase in FINISHED:
            summary(backend, ref, workflow)
    if phase not in FINISHED:
        click.echo(f"nothing drives {ref.name} now; go on with: argosy resume {ref.name}", err=True)
        return 1
    return 0 if phase == "Succeeded" else 1


@click.command(short_help="Print what a run's tasks wrote.")
@options.run_name
@click.option("--task", metavar="TASK", help="Only this task, by its name in `argosy status`, or all items of a loop.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run ends.")
@options.output()
def logs(name: str, task: str | None, follow: bool, form: str) -> None:
    """Print what a run's tasks wrote, each line with its task in front unless one task is asked for.

    With -o json one object a line: {"task","container","text"}.
    """
    from argo.cli.output import json_text

    with options.local() as backend:
        ref = backend.find(name)
        for line in backend.logs(ref, task, follow=follow):
            if form == "text":
                click.echo(line.text if task == line.task else f"{line.task}: {line.text}")
            else:
                value = {"task": line.task, "container": line.container, "text": line.text}
                click.echo(json_text(value))


@click.command(short_help="Print a run as Argo's Workflow object.")
@options.run_name
@options.output(default="yaml")
def get(name: str, form: str) -> None:
    """Print a run as the Workflow object that Argo's API would give, its status included."""
    from argo.cli.output import emit

    with options.local() as backend:
        emit(backend.get(backend.find(name)), form)
