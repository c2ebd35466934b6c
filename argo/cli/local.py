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
    from argo.api.serve import serve, token_of
    from argo.cli.here import executor
    from argo.cli.output import emit, say
    from argo.listening import listen

    if host not in ("127.0.0.1", "localhost", "::1") and token_file is None:
        raise UsageError(f"{host} may be reached by others", hint="give a --token-file of your own")
    with options.local() as backend:
        token, path = token_of(backend.home, token_file)
        with listen(host, port) as listener:
            address = f"{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
            if form != "text":
                emit({"url": f"http://{address}", "tokenFile": str(path)}, form)
            else:
                click.echo(f"serving the runs of {backend.home.root} at http://{address}")
                say(*executor().lines())
                click.echo(f"\nexport ARGO_SERVER={address} ARGO_SECURE=false ARGO_HTTP1=true")
                click.echo(f'export ARGO_TOKEN="Bearer $(cat {path})" ARGO_NAMESPACE=default')
            sys.stdout.flush()
            serve(backend, listener, token)
    say("stopped; runs go on")
