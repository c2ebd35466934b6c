"""`argosy local up`: Argo's REST API over the runs of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from argo.cli import options
from argo.errors import UsageError

_PORT = 2746  # the Argo Server's


@click.group(short_help="Serve the runs of this machine to Argo's clients.")
def local() -> None:
    """Serve the runs of this machine to Argo's clients."""


@local.command(short_help="Serve the Argo Server's REST API here.")
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Another one needs --token-file.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Whoever calls needs this token; default: one that is made, in ARGOSY_HOME.",
)
@options.output()
def up(port: int, host: str, token_file: Path | None, form: str) -> None:
    """Serve the Argo Server's REST API over the runs of this machine, until Ctrl-C.

    The argo CLI (with ARGO_HTTP1=true), Hera and other clients work on it. A run that was submitted has a process of
    its own, which goes on when this server ends, and which is started again when it was killed.
    """
    from argo.cli.output import emit, say
    from argo.serve.argo_api.app import TOKEN, serve
    from argo.serve.sockets import LOOPBACK, address, listen
    from argo.serve.tokens import token_of

    if host not in LOOPBACK and token_file is None:
        raise UsageError(f"{host} may be reached by others", hint="give a --token-file of your own")
    with options.local() as backend:
        token, path = token_of(backend.home.root / TOKEN, token_file)
        with listen(host, port) as listener:
            url = address(listener, host)
            if form != "text":
                emit({"url": url, "tokenFile": str(path)}, form)
            else:
                click.echo(f"serving the runs of {backend.home.root} at {url}")
                say(*options.executor().lines())
                click.echo(f"\nexport ARGO_SERVER={url.partition('://')[2]} ARGO_SECURE=false ARGO_HTTP1=true")
                click.echo(f'export ARGO_TOKEN="Bearer $(cat {path})" ARGO_NAMESPACE=default')
            sys.stdout.flush()
            serve(backend, listener, token)
    say("stopped; runs go on")


@local.command(short_help="Rebuild a damaged state of this machine's runs.")
def repair() -> None:
    """Rebuild the state of this machine's runs from all that can still be read of a damaged one, which is kept.

    Runs that cannot be read any more leave their logs and results in ARGOSY_HOME, in runs and store.
    """
    from argo.local.home import Home
    from argo.local.state.salvage import salvage

    found = salvage(Home.open().database)
    click.echo(f"{len(found.runs)} run{'s' * (len(found.runs) != 1)} rebuilt; the damaged state is {found.kept}")
