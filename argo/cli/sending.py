"""What the commands that submit have in common: sending, and saying what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

import argo.submission.send as submission
from argo.cli import options
from argo.errors import ArgosyError

if TYPE_CHECKING:
    from argo.backend import Backend, Submitted
    from argo.storage import Store
    from argo.submission.send import Prepared


def send(backend: Backend, prepared: Prepared, store: Callable[[], Store] | None = None) -> Submitted:
    """Send it, with a line about what is done on a terminal. Raises as `argo.submission.send.send`."""
    from argo.cli.output import say
    from argo.cli.progress import ticking
    from argo.local.home import Home
    from argo.submission.ledger import Ledger

    doing = ["preparing the inputs"]
    ledger = Ledger(Home.open().root / "submissions")
    for entry in ledger.left(prepared.source, backend.place):
        if entry.key != prepared.key:
            say(f"note: it is not known how an earlier submission of this ended; --once={entry.key} takes it up again")
    with ticking(lambda: doing[-1]):
        return submission.send(backend, prepared, store, ledger, doing.append)


def report(backend: Backend, made: Submitted, form: str, *, quiet: bool = False, interactive: bool = False) -> None:
    """Say which run it is and, on stderr, what to type next."""
    from argo.cli.output import emit, say

    ref, link = made.ref, ""
    with suppress(ArgosyError):  # it runs, whatever is known of it here
        link = backend.link(ref)
    if form == "name":
        click.echo(ref.name)
    elif form != "text":
        emit({"name": ref.name, "namespace": ref.namespace, "uid": ref.uid, "new": made.new, "link": link}, form)
    else:
        click.echo(f"{ref.name} {'submitted' if made.new else 'was submitted before, with the same key'}")
    if not quiet and form == "text":
        again = options.again()
        say(*([f"see      {link}"] if link else ()), f"follow   argosy watch {ref.name}{again}")
        if interactive:
            say(f"use      argosy connect {ref.name}{again}")
        say(f"results  argosy fetch {ref.name} -d results{again}")
