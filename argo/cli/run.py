"""`argosy run` and `argosy resume`: execute a run in the foreground."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from argo.backend import FINISHED, Json, RunRef, Submission
from argo.cli import options
from argo.errors import ConflictError

if TYPE_CHECKING:
    from argo.cli.views import View
    from argo.local.backend import LocalBackend

_EXECUTORS = ("auto", "process", "podman", "docker")
_LEFT = 130


@click.command(short_help="Run a DAG or any Argo manifest here, in the foreground.")
@click.argument("subjects", metavar="DAG|MANIFEST...", nargs=-1, required=True)
@click.option(
    "-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="Give a parameter its value."
)
@click.option(
    "-i", "--input", "inputs", metavar="NAME=PATH", multiple=True, help="Give an input a local file or folder."
)
@click.option("--name", metavar="NAME", help="Name of the run; made up when left out.")
@click.option(
    "--executor",
    type=click.Choice(_EXECUTORS),
    default="auto",
    show_default=True,
    envvar="ARGOSY_EXECUTOR",
    show_envvar=True,
    help="What runs the containers. auto: podman or docker where there is one, else process.",
)
@click.option(
    "--parallelism",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many containers run at once; default: what the machine has room for.",
)
@options.profile
@click.option("--wait/--no-wait", default=True, help="At a gate: wait for the decision (default), or leave the run.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show progress.")
@options.output()
def run(
    subjects: tuple[str, ...],
    parameters: tuple[str, ...],
    inputs: tuple[str, ...],
    name: str | None,
    executor: str,
    parallelism: int | None,
    profile: str | None,
    wait: bool,
    quiet: bool,
    form: str,
) -> int:
    """Run a DAG or any Argo manifest on this machine, in the foreground.

    A DAG is a file, or a name looked for in ./dags and among those that ship. The ConfigMaps and templates of all
    files given are known to the run. Progress goes to stderr, the outcome to stdout; the exit code is 0 when the run
    succeeded, 1 when it failed.

    Ctrl-C leaves the run: tasks that run go on, nothing else starts, `argosy resume` goes on with it and
    `argosy stop` ends it.
    """
    from argo.cli.here import fit
    from argo.cli.output import print_diagnostics
    from argo.cli.sources import check_parameters, find, load
    from argo.local.backend import choose_executor
    from argo.submit import draft, pairs, require_complete, set_inputs, set_parameters

    values, files = pairs(parameters, "-p"), pairs(inputs, "-i")
    loaded = load(subjects, profile)
    executor = choose_executor(executor)
    images, warnings = fit(loaded.documents, executor, [find(name) for name in subjects], profile)
    if not quiet:
        print_diagnostics([*loaded.diagnostics, *warnings])
    subject = draft(loaded.objects, loaded.base)
    set_parameters(subject, values)
    check_parameters(subjects, values)
    with options.local() as backend:
        ref = backend.identify(subject.workflow, name)
        backend.check_name(ref)
        store = backend.store()
        set_inputs(subject, files, ref, store.put_file)
        require_complete(subject)
        submission = Submission(subject.workflow, subject.objects, loaded.source)
        backend.submit(submission, executor=executor, parallelism=parallelism, images=images)
        if not quiet:
            click.echo(f"run {ref.name} on this machine", err=True)
        return drive(backend, ref, quiet=quiet, form=form, wait=wait)


@click.command(short_help="Go on with a run that was killed, left or suspended.")
@click.argument("name", metavar="RUN")
@click.option("--wait/--no-wait", default=True, help="At a gate: wait for the decision (default), or leave the run.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show progress.")
@options.output()
def resume(name: str, wait: bool, quiet: bool, form: str) -> int:
    """Go on with a run that was killed, left with Ctrl-C, or suspended.

    What has finished is not run again; what still runs is taken over. Bare suspend steps go on; a gate keeps waiting
    for `argosy approve` or `argosy reject`. Where another process drives the run, it is only told to go on.
    """
    with options.local() as backend:
        ref = backend.find(name)
        if (backend.get(ref).get("status") or {}).get("phase") not in FINISHED:
            backend.resume(ref)
        elif not backend.unfinished(ref):
            raise ConflictError(f"{ref.name} has ended", hint=f"argosy status {ref.name}")
        if backend.active(ref):
            click.echo(f"{ref.name} goes on; follow it with: argosy watch {ref.name}", err=True)
            return 0
        return drive(backend, ref, quiet=quiet, form=form, wait=wait)


def drive(backend: LocalBackend, ref: RunRef, *, quiet: bool, form: str, wait: bool = True) -> int:
    """Execute the run, show it, print its outcome; the exit code."""
    from argo.cli.output import emit
    from argo.cli.views import follow_view, summary
    from argo.track.tree import state

    view = follow_view(quiet)
    try:
        ended = backend.drive(ref, _Observer(view), wait=wait)
    finally:
        view.close()
    workflow = backend.get(ref)
    with suppress(BrokenPipeError):  # a reader that has gone does not change how the run ended
        if form != "text":
            emit(state(workflow).as_json(), form)
        elif ended:
            summary(backend, ref, workflow)
    if not ended:
        return _leave(backend, ref, workflow)
    return 0 if (workflow.get("status") or {}).get("phase") == "Succeeded" else 1


class _Observer:
    """Hands the engine's turns to the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._first = True

    def __call__(self, workflow: Json, changed: Collection[str]) -> None:
        self._view.update(workflow, None if self._first else changed)
        self._first = False


def _leave(backend: LocalBackend, ref: RunRef, workflow: Json) -> int:
    """Say how to go on with a run that is left; 0 when it only waits for a decision, else 130."""
    from argo.track.tree import idle, relative, waiting

    running = len(backend.state.pods(ref.uid))
    resume_it = f"argosy resume {ref.name}"
    if not running and idle(workflow):
        click.echo(f"\n{ref.name} waits for a decision", err=True)
        for node in waiting(workflow):
            task = relative(node["name"], ref.name)
            click.echo(f"  argosy approve {ref.name} {task}   or: argosy reject {ref.name} {task}", err=True)
        click.echo(f"  then: {resume_it}", err=True)
        return 0
    tasks = f"{running} task{'s' if running != 1 else ''} running, on by themselves" if running else "no task running"
    click.echo(f"\nleft {ref.name} with {tasks}; nothing else starts", err=True)
    click.echo(f"  go on:  {resume_it}\n  end it: argosy stop {ref.name}", err=True)
    return _LEFT
