"""`argosy connect`: the way to an interactive task of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from argo.backend import FINISHED
from argo.cli import options
from argo.errors import ArgosyError, ConflictError, UsageError

if TYPE_CHECKING:
    from argo.backend import Backend, Json, RunRef
    from argo.sessions import Session
    from argo.target import Target

_LOOK = 0.5  # seconds between two looks whether the session listens


@click.command(short_help="Open the way to an interactive task, and print its URL.")
@options.run_name
@click.option("--task", metavar="TASK", help="The task, where a run has several that are interactive.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True,
              help="Of this machine, for the task's first port on a cluster; 0: any that is free.")  # fmt: skip
@options.output()
def connect(name: str, profile: str | None, task: str | None, port: int, form: str) -> int:
    """Wait until an interactive task listens, open the way to it, and print its URL with its token.

    On this machine the URL is that of the task itself. On a cluster a tunnel leads there through the Kubernetes API,
    until Ctrl-C or the end of the run; the task goes on when the tunnel is closed.
    """
    from argo import sessions
    from argo.cli.output import say

    target = options.target(profile)
    if target.server is not None:
        raise UsageError("an Argo Server leads to no pod", hint="use a profile that names a kubeconfig context")
    with options.opened(target) as backend, ExitStack() as stack:
        ref = backend.find(name)
        session = sessions.choose(backend.get(ref), task)
        ports = _listening(backend, ref, session, task or session.task)
        token = _token(backend, ref, session)
        if not target.local:
            opening = _tunnels(target, backend, ref, task or session.task, ports, port)
            ports = stack.enter_context(opening)
        with suppress(KeyboardInterrupt):
            urls = {name: (session.url(name, at, token), at) for name, at in ports.items()}
            _print(session, ref, urls, token, form)
            if not target.local:
                say("Ctrl-C closes the tunnel; the task goes on")
                for _ in backend.watch(ref):
                    pass
                say(f"{ref.name} has ended")
    return 0


def _print(session: Session, ref: RunRef, urls: dict[str, tuple[str, int]], token: str, form: str) -> None:
    from argo.cli.output import emit

    if form != "text":
        found = {name: {"url": url, "port": port} for name, (url, port) in urls.items()}
        emit({"run": ref.name, "task": session.task, "ports": found, "token": token or None}, form)
        return
    for name, (url, _) in urls.items():
        click.echo(url if len(urls) == 1 else f"{name}  {url}")
    if token and not session.query:
        click.echo(f"token  {token}")


def _listening(backend: Backend, ref: RunRef, session: Session, task: str) -> dict[str, int]:
    """The ports of the task's gateway, as soon as all are open. Raises ConflictError where that will not happen."""
    from argo.cli.progress import ticking
    from argo.errors import NotFoundError
    from argo.sessions import listening

    with ticking(lambda: f"waiting for {task} to listen"):
        while True:
            workflow = backend.get(ref)
            if (workflow.get("status") or {}).get("phase") in FINISHED:
                raise ConflictError(f"{ref.name} has ended", hint=f"argosy logs {ref.name}{options.again()}")
            try:
                found = listening(backend.logs(ref, task), [*session.ports])
            except NotFoundError:  # not begun
                found = {}
            if len(found) == len(session.ports):
                return found
            if not backend.active(ref):
                raise ConflictError(f"nothing drives {ref.name} now", hint=f"argosy resume {ref.name}{options.again()}")
            time.sleep(_LOOK)


def _token(backend: Backend, ref: RunRef, session: Session) -> str:
    from argo.local.backend import LocalBackend
    from argo.sessions import KEY, secret_name

    if not session.secret:
        return ""
    name = secret_name(ref.name)
    if isinstance(backend, LocalBackend):
        return (backend.home.secret(name, KEY, ref.uid) or b"").decode()
    from argo.cluster import ClusterBackend

    assert isinstance(backend, ClusterBackend)
    return backend.cluster.secret(name, KEY).decode()


@contextmanager
def _tunnels(
    target: Target, backend: Backend, ref: RunRef, task: str, ports: dict[str, int], wanted: int
) -> Iterator[dict[str, int]]:
    """Tunnels to the ports of the task's pod; where they begin on this machine, by name."""
    from argo.cluster.tunnel import Tunnel
    from argo.track.podlogs import pod_name, pods

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
