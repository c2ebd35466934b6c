"""`argosy run` and `argosy resume`: execute a run in the foreground."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from argo.backend import FINISHED, Json, RunRef
from argo.cli import begin, options, taskrunner
from argo.cli.begin import request_options
from argo.cli.output import say
from argo.errors import ConflictError
from argo.storage.settings import shown

if TYPE_CHECKING:
    from argo.app.requests import RequestOptions
    from argo.cli.views import View
    from argo.local.backend import LocalBackend

_SECOND = 3.0  # seconds in which a second Ctrl-C ends a run that was left


@click.command(short_help="Run a DAG or any Argo manifest here, in the foreground.")
@click.argument("subjects", metavar="DAG|MANIFEST...", nargs=-1)
@request_options
@taskrunner.options
@click.option("--wait/--no-wait", default=True, help="At a gate: wait for the decision (default), or leave the run.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show progress.")
@options.output()
def run(
    subjects: tuple[str, ...],
    asked: RequestOptions,
    runner: taskrunner.RunnerOptions,
    wait: bool,
    quiet: bool,
    form: str,
) -> int:
    """Run a DAG or any Argo manifest on this machine, in the foreground.

    A DAG is a file, or a name looked for in ./dags and among those that ship. Of DAGs that nest each other the
    outermost runs, of manifests the Workflow or CronWorkflow, else the template with an entrypoint; all else that was
    given is known to the run. The outcome goes to stdout; the exit code is 0 when it succeeded, 1 when it failed.

    Ctrl-C leaves the run: tasks that run go on, nothing else starts. `argosy resume` goes on, `argosy stop` ends it;
    on a terminal a second Ctrl-C within three seconds does, too.

    A run that was begun before with the KEY of --once is gone on with, or followed, or its outcome is told. There is no
    --watch as `submit` has it: the run is always followed to its end.
    """
    from argo.submission.request import draft
    from argo.workflow import sessions

    request, target, *_ = begin.prepare((*subjects, *runner.paths), asked, here=True, quiet=quiet)
    values = runner.parameters(request.parameters, request.subject.declared("parameters"))
    token = "" if asked.dry_run else runner.token(values)
    with options.local(target) as backend:
        drafted = draft(replace(request, parameters=values), backend)
        if asked.dry_run:
            begin.print_draft(drafted, form)
            return 0
        if not drafted.key:
            backend.check_name(drafted.ref)
        ref, new = begin.send(backend, drafted, target, backend.record)
        taskrunner.keep(backend.home, ref, token, runner.renewal(values))
        if not quiet:
            where = f", artifacts in {shown(target.store)}" if target.store else ""
            say(f"run {ref.name} on this machine{where}" + ("" if new else "; it was begun before, with the same key"))
            say(*(f"use {s.task} with: argosy connect {ref.name}" for s in sessions.of(request.subject.workflow)[:1]))
        if not new and (backend.active(ref) or (backend.get(ref).get("status") or {}).get("phase") in FINISHED):
            from argo.cli.observe import follow

            return follow(backend, ref, form, quiet=quiet)
        return drive(backend, ref, quiet=quiet, form=form, wait=wait)


@click.command(short_help="Go on with a run that was killed, left or suspended.")
@options.run_name
@click.option("--wait/--no-wait", default=True, help="At a gate: wait for the decision (default), or leave the run.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show progress.")
@options.output()
def resume(name: str, profile: str | None, wait: bool, quiet: bool, form: str) -> int:
    """Go on with a run that was killed, left with Ctrl-C, or suspended; on a cluster, with one that was suspended.

    What has finished is not run again; what still runs is taken over. Bare suspend steps go on; a gate keeps waiting
    for `argosy approve` or `argosy reject`. Where another process drives the run, it is only told to go on.
    """
    from argo.local.choice import described

    target = options.target(profile)
    if not target.local:
        with options.opened(target) as cluster:
            say(f"on {cluster.place}")
            cluster.resume(cluster.find(name))
            click.echo(f"{name} goes on; follow it with: argosy watch {name}{options.again()}")
            return 0
    with options.local() as backend:
        ref = backend.find(name)
        if (backend.get(ref).get("status") or {}).get("phase") not in FINISHED:
            backend.resume(ref)
        elif not backend.unfinished(ref):
            raise ConflictError(f"{ref.name} has ended", hint=f"argosy status {ref.name}")
        if backend.active(ref):
            say(f"{ref.name} goes on; follow it with: argosy watch {ref.name}")
            return 0
        if not quiet:
            say(f"tasks run {described(backend.executor(ref))}")
        return drive(backend, ref, quiet=quiet, form=form, wait=wait)


def drive(backend: LocalBackend, ref: RunRef, *, quiet: bool, form: str, wait: bool = True) -> int:
    """Execute the run, show it, print its outcome; the exit code."""
    from argo.cli.output import emit
    from argo.cli.views import Earlier, follow_view, summary
    from argo.workflow.tree import state

    view = follow_view(quiet, Earlier(backend))
    ended, code, told = False, options.INTERRUPTED, False

    def left() -> None:
        nonlocal told, code
        view.close()
        told = True
        code = 0 if _leave(backend, ref) else code

    try:
        try:
            ended = backend.drive(ref, _Observer(view), wait=wait, left=left)
        except KeyboardInterrupt:
            if told:
                raise
            left()  # it came before the engine heeds them
        if not ended and code:
            time.sleep(_SECOND if _asks() else 0)
    except KeyboardInterrupt:  # the second one
        return _stop(backend, ref)
    finally:
        view.close()
    workflow = backend.get(ref)
    if ended:
        code = 0 if (workflow.get("status") or {}).get("phase") == "Succeeded" else 1
    with suppress(BrokenPipeError):  # a reader that has gone does not change how the run ended
        if form != "text":
            emit(state(workflow, backend.executor(ref)).as_json(), form)
        elif ended:
            summary(backend, ref, workflow)
    return code


class _Observer:
    """Hands the engine's turns to the view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._first = True

    def __call__(self, workflow: Json, changed: Collection[str]) -> None:
        self._view.update(workflow, None if self._first else changed)
        self._first = False


def _leave(backend: LocalBackend, ref: RunRef) -> bool:
    """Say what goes on of a run that is left, and how to come back to it; whether it only waits for a decision."""
    from argo.views.text import clean
    from argo.workflow.gates import gates, how
    from argo.workflow.status import relative
    from argo.workflow.tree import idle

    started, workflow = backend.unfinished(ref), backend.get(ref)
    resume_it = f"argosy resume {ref.name}"
    if not started and idle(workflow):
        say(f"\n{ref.name} waits for a decision")
        for node, gate in gates(workflow):
            if gate.open:
                say(*([f"  {clean(gate.question)}"] if gate.question else []))
                say(f"  {how(ref.name, relative(node['name'], ref.name))}")
        say(f"  then: {resume_it}")
        return True
    tasks = "tasks that run go on to their end" if started else "no task runs"
    say(f"\nleft {ref.name}; {tasks}, nothing else starts")
    say(f"  go on:  {resume_it}", f"  end it: argosy stop {ref.name}" + (", or Ctrl-C again" if _asks() else ""))
    return False


def _asks() -> bool:
    """True where a person is at the terminal, who may press Ctrl-C once more."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _stop(backend: LocalBackend, ref: RunRef) -> int:
    """End a run that was left, at the second Ctrl-C."""
    from argo.cli.control import ending

    with ending(backend, ref):
        backend.stop(ref)
    return options.INTERRUPTED
