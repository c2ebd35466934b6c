"""`argosy approve`, `reject`, `suspend`, `stop`, `delete`: change what a run does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from argo.backend import FINISHED, RunRef
from argo.cli import options
from argo.errors import ArgosyError, UsageError

if TYPE_CHECKING:
    from argo.local.backend import LocalBackend


@click.command(short_help="Let a run pass a gate.")
@options.run_name
@click.argument("task")
@click.option("-m", "--message", default="", help="Why; kept with the task.")
def approve(name: str, task: str, message: str) -> None:
    """Let a run pass a gate: what depends on it goes on. A bare suspend step is resumed."""
    with options.local() as backend:
        ref = backend.find(name)
        backend.approve(ref, task, message)
        _answered(backend, ref, f"{task} approved")


@click.command(short_help="Close a gate: what depends on it does not run.")
@options.run_name
@click.argument("task")
@click.option("-m", "--message", default="", help="Why; kept with the task.")
def reject(name: str, task: str, message: str) -> None:
    """Close a gate: what depends on it does not run. A bare suspend step fails."""
    with options.local() as backend:
        ref = backend.find(name)
        backend.reject(ref, task, message)
        _answered(backend, ref, f"{task} rejected")


def _answered(backend: LocalBackend, ref: RunRef, answer: str) -> None:
    """Say what was decided, and what to type where nothing goes on by itself."""
    click.echo(f"{ref.name}: {answer}, on this machine")
    if not backend.active(ref):
        click.echo(f"nothing drives the run now; go on with: argosy resume {ref.name}", err=True)


@click.command(short_help="Start no further tasks of a run until it is resumed.")
@options.run_name
def suspend(name: str) -> None:
    """Start no further tasks of a run until `argosy resume`. Tasks that run go on to their end."""
    with options.local() as backend:
        ref = backend.find(name)
        backend.suspend(ref)
        click.echo(f"{ref.name} suspended, on this machine; go on with: argosy resume {ref.name}")


@click.command(short_help="End a run's tasks; exit handlers still run.")
@options.run_name
@click.option("--now", is_flag=True, help="Run no exit handlers, either (Argo: terminate).")
def stop(name: str, now: bool) -> None:
    """End a run: its tasks get SIGTERM, later SIGKILL; exit handlers still run; the run ends as Failed.

    Where no process drives the run, this command does until it has ended.
    """
    with options.local() as backend:
        ref = backend.find(name)
        (backend.terminate if now else backend.stop)(ref)
        phase = (backend.get(ref).get("status") or {}).get("phase")
        click.echo(f"{ref.name} {'stopped' if phase in FINISHED else 'is stopping'}, on this machine")


@click.command(short_help="Remove ended runs with their logs and files.")
@click.argument("names", metavar="[RUN]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All runs that have ended.")
@click.option("--results", is_flag=True, help="What the runs stored, too.")
def delete(names: tuple[str, ...], everything: bool, results: bool) -> None:
    """Remove runs with their logs and work folders; a run that something drives, or whose tasks run, is kept.

    Results in the store stay unless --results is given.
    """
    if bool(names) == everything:
        raise UsageError("name the runs to remove, or give --all")
    failed: ArgosyError | None = None
    with options.local() as backend:
        chosen = (
            [r.ref for r in backend.list() if r.phase in FINISHED] if everything else [backend.find(n) for n in names]
        )
        for ref in chosen:
            try:
                backend.delete(ref, results=results)
                click.echo(f"{ref.name} removed from this machine")
            except ArgosyError as error:
                click.echo("\n".join(error.lines()), err=True)
                failed = error
    if failed is not None:
        raise click.exceptions.Exit(failed.exit_code)
