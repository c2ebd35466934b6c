"""`argosy connect`: the way to an interactive task of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from argo.cli import options
from argo.errors import ArgosyError, ConflictError, UsageError

if TYPE_CHECKING:
    from argo.backend import Backend, Json, RunRef
    from argo.target import Target
    from argo.workflow.sessions import Session

_LOOK = 0.5  # seconds between two looks whether the session listens


@click.command(short_help="Open the way to an interactive task, and print its URL.")
@options.run_name
@click.option("--task", metavar="TASK", help="The task, where a run has several that are interactive.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="Of this machine, for the task's first port on a cluster; 0: any that is free.")  # fmt: skip
@click.option("--tunnel", is_flag=True, help="Through the Kubernetes API, even where the run has hosts of its own.")
@options.output()
def connect(name: str, profile: str | None, task: str | None, port: int, tunnel: bool, form: str) -> int:
    """Wait until an interactive task listens, open the way to it, and print its URL with its token.

    On this machine the URL is that of the task itself, and on a cluster that of its Ingress, where the profile has
    `sessions`. Otherwise a tunnel leads there through the Kubernetes API, until Ctrl-C or the end of the run; the task
    goes on when the tunnel is closed.
    """
    from argo.cli.output import say
    from argo.workflow import reach, sessions

    target = options.target(profile)
    if target.server is not None:
        raise UsageError("an Argo Server leads to no pod", hint="use a profile that names a kubeconfig context")
    with options.opened(target) as backend, ExitStack() as stack:
        ref = backend.find(name)
        workflow = backend.get(ref)
        session = sessions.choose(workflow, task)
        with options.going_on(ref.name):
            ports = _listening(backend, ref, session, task or session.task, here=target.local)
        token = reach.token(backend, ref, session)
        outside = {} if target.local or tunnel else reach.outside(workflow, session)
        through = not target.local and not outside
        if through:
            opening = _tunnels(target, backend, ref, task or session.task, ports, port)
            ports = stack.enter_context(opening)
        roots = outside or {name: reach.here(at) for name, at in ports.items()}
        with suppress(KeyboardInterrupt):
            _print(session, ref, roots, token, form)
            if through:
                say("Ctrl-C closes the tunnel; the task goes on")
                for _ in backend.watch(ref):
                    pass
                say(f"{ref.name} has ended")
    return 0


def _print(session: Session, ref: RunRef, roots: dict[str, str], token: str, form: str) -> None:
    from urllib.parse import urlsplit

    from argo.cli.output import emit

    urls = {name: session.url(root, name, token) for name, root in roots.items()}
    if form != "text":
        found = {name: {"url": url, "port": urlsplit(url).port} for name, url in urls.items()}
        emit({"run": ref.name, "task": session.task, "ports": found, "token": token or None}, form)
        return
    for name, url in urls.items():
        click.echo(url if len(urls) == 1 else f"{name}  {url}")
    if token and not session.query:
        click.echo(f"token  {token}")


def _listening(backend: Backend, ref: RunRef, session: Session, task: str, *, here: bool) -> dict[str, int]:
    """The ports of the task's gateway, as soon as all are open. Raises ConflictError where that will not happen."""
    from argo.cli.progress import ticking
    from argo.workflow import reach

    try:
        with ticking(lambda: f"waiting for {task} to listen"):
            while (found := reach.ports(backend, ref, session, task)) is None:
                if here and not backend.active(ref):
                    raise ConflictError(f"nothing drives {ref.name} now", hint=f"argosy resume {ref.name}")
                time.sleep(_LOOK)
    except ConflictError as error:
        error.hint += options.again()
        raise
    return found


@contextmanager
def _tunnels(
    target: Target, backend: Backend, ref: RunRef, task: str, ports: dict[str, int], wanted: int
) -> Iterator[dict[str, int]]:
    """Tunnels to the ports of the task's pod; where they begin on this machine, by name."""
    from argo.backends.kubernetes.tunnel import Tunnel
    from argo.backends.logs import pod_name
    from argo.workflow.tasks import pods

    assert target.cluster is not None
    workflow: Json = backend.get(ref)
    pod = pod_name(workflow, pods(workflow, task)[-1])
    with ExitStack() as stack:
        found = {}
        for index, (name, port) in enumerate(ports.items()):
            tunnel = Tunnel(target.cluster, (ref.namespace, pod, port), 0 if index else wanted, _warn)
            stack.callback(tunnel.close)
            found[name] = tunnel.port
        yield found


def _warn(error: ArgosyError) -> None:
    from argo.cli.output import say

    say(f"no connection: {error.message}", *([f"  next: {error.hint}"] if error.hint else []))
