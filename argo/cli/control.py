"""`argosy approve`, `reject`, `suspend`, `stop`, `delete`: change what a run does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from argo.backend import FINISHED, RunRef
from argo.cli import options
from argo.cli.progress import ticking
from argo.errors import ArgosyError, UsageError

if TYPE_CHECKING:
    from argo.backend import Backend


def _answer(command: options.F) -> options.F:
    """`-m` and `-p` of an answer to a gate."""
    parameters = click.option(
        "-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="A value for a parameter."
    )
    return click.option("-m", "--message", default="", help="Why; kept with the task.")(parameters(command))


@click.command(short_help="Let a run pass a gate.")
@options.run_name
@click.argument("task")
@_answer
def approve(name: str, profile: str | None, task: str, message: str, parameters: tuple[str, ...]) -> None:
    """Let a run pass a gate: what depends on it goes on. A bare suspend step is resumed."""
    _decide(name, profile, task, message, parameters, passed=True)


@click.command(short_help="Close a gate: what depends on it does not run.")
@options.run_name
@click.argument("task")
@_answer
def reject(name: str, profile: str | None, task: str, message: str, parameters: tuple[str, ...]) -> None:
    """Close a gate: what depends on it does not run. A bare suspend step fails."""
    _decide(name, profile, task, message, parameters, passed=False)


def _decide(
    name: str, profile: str | None, task: str, message: str, parameters: tuple[str, ...], *, passed: bool
) -> None:
    """Answer a gate; say what was decided, and what to type where nothing goes on by itself."""
    from argo.submission.arguments import pairs

    with options.changing(profile) as backend:
        ref = backend.find(name)
        with ticking(lambda: f"telling {ref.name}"):
            (backend.approve if passed else backend.reject)(ref, task, message, pairs(parameters, "-p"))
        click.echo(f"{ref.name}: {task} {'approved' if passed else 'rejected'}")
        if not backend.active(ref):
            click.echo(f"nothing drives the run now; go on with: argosy resume {ref.name}{options.again()}", err=True)


@click.command(short_help="Start no further tasks of a run until it is resumed.")
@options.run_name
def suspend(name: str, profile: str | None) -> None:
    """Start no further tasks of a run until `argosy resume`. Tasks that run go on to their end."""
    with options.changing(profile) as backend:
        ref = backend.find(name)
        with ticking(lambda: f"telling {ref.name}"):
            backend.suspend(ref)
        click.echo(f"{ref.name} suspended; go on with: argosy resume {ref.name}{options.again()}")


@click.command(short_help="End a run's tasks; exit handlers still run.")
@options.run_name
@click.option("--now", is_flag=True, help="At once, and without exit handlers: as `argosy terminate`.")
def stop(name: str, profile: str | None, now: bool) -> None:
    """End a run as Failed: its tasks get SIGTERM, and SIGKILL when their grace period is over; exit handlers still run.

    With --now its tasks get SIGKILL at once, those of a run that is stopping, too. Where no process drives the run,
    this command does until it has ended.
    """
    _end(name, profile, now=now)


@click.command(short_help="End a run at once, without exit handlers.")
@options.run_name
def terminate(name: str, profile: str | None) -> None:
    """End a run as `argosy stop --now` does: at once, without its exit handlers."""
    _end(name, profile, now=True)


def _end(name: str, profile: str | None, *, now: bool) -> None:
    with options.changing(profile) as backend:
        ref = backend.find(name)
        with ending(backend, ref, now=now):
            (backend.terminate if now else backend.stop)(ref)


@contextmanager
def ending(backend: Backend, ref: RunRef, *, now: bool = False) -> Iterator[None]:
    """Say what the end of a run is waiting for, and what came of it."""
    from argo.cli.output import say

    at_once = "" if now else f"; at once: argosy stop --now {ref.name}{options.again()}"
    with ticking(lambda: f"stopping {ref.name}: its tasks are given time to end{at_once}"):
        yield
    going = backend.unfinished(ref) or (backend.get(ref).get("status") or {}).get("phase") not in FINISHED
    click.echo(f"{ref.name} {'is stopping' if going else 'stopped'}")
    if going and not backend.active(ref):
        say(f"nothing drives it now; go on with: argosy stop {ref.name}{options.again()}")


@click.command("open", short_help="Show a run in the Argo UI.")
@options.run_name
def open_(name: str, profile: str | None) -> None:
    """Open a run's page of the Argo UI in the browser, and print its address."""
    with options.backend(profile) as backend:
        link = backend.link(backend.find(name))
    if not link:
        raise UsageError(
            f"no page shows {name}", tried="the place has no Argo Server", hint=f"argosy watch {name}{options.again()}"
        )
    click.echo(link)
    click.launch(link)


@click.command(short_help="Remove ended runs with their logs and files.")
@click.argument("names", metavar="[RUN]...", nargs=-1)
@options.profile
@click.option("--all", "everything", is_flag=True, help="All runs that have ended.")
@click.option("--results", is_flag=True, help="What the runs stored, too.")
def delete(names: tuple[str, ...], profile: str | None, everything: bool, results: bool) -> None:
    """Remove runs with their logs and work folders; a run that something drives, or whose tasks run, is kept.

    Results in the store stay unless --results is given.
    """
    if bool(names) == everything:
        raise UsageError("name the runs to remove, or give --all")
    with options.changing(profile) as backend:
        with ticking(lambda: "looking for the runs"):
            ended = [r.ref for r in backend.list() if r.phase in FINISHED] if everything else []
            chosen = [*ended, *(backend.find(name) for name in names)]
        _remove(backend, chosen, results=results)


@click.command(short_help="Remove ended runs by age and state.")
@options.profile
@click.option("--older-than", "age", metavar="TIME", required=True, help="Ended so long ago: 90m, 12h, 7d.")
@click.option(
    "--phase", "phases", type=click.Choice(sorted(FINISHED)), multiple=True, help="Ended so; default: however it did."
)
@click.option("--results", is_flag=True, help="What the runs stored, too.")
@click.option("--dry-run", is_flag=True, help="Only print which.")
def prune(profile: str | None, age: str, phases: tuple[str, ...], results: bool, dry_run: bool) -> None:
    """Remove the runs that ended longer ago than TIME."""
    from argo.cli.views import now

    before = now() - options.lasting(age)
    with options.changing(profile) as backend:
        with ticking(lambda: "looking for the runs"):
            ended = [r for r in backend.list() if r.phase in (phases or FINISHED) and r.finished_at is not None]
        chosen = [r.ref for r in ended if r.finished_at is not None and r.finished_at < before]
        if dry_run:
            for ref in chosen:
                click.echo(ref.name)
            return
        _remove(backend, chosen, results=results)


def _remove(backend: Backend, chosen: Sequence[RunRef], *, results: bool) -> None:
    """Remove runs; one that cannot be removed keeps none of the others."""
    failed: ArgosyError | None = None
    for ref in chosen:
        try:
            with ticking(partial("removing {}".format, ref.name)):
                backend.delete(ref, results=results)
            click.echo(f"{ref.name} removed")
        except ArgosyError as error:
            click.echo("\n".join(error.lines()), err=True)
            failed = error
    if failed is not None:
        raise click.exceptions.Exit(failed.exit_code)
