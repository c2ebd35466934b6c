"""The `argosy` command: one lazily imported module a group of commands."""

from __future__ import annotations

from collections.abc import Callable


def main(displaced: Callable[[], tuple[str, str] | None]) -> None:
    """Run the command line and exit the process with its exit code. `displaced` is `argosy.displaced`."""
    import gc

    # What a command imports stays: looking for garbage among it is a tenth of the time that a short one takes.
    # `app` turns the collector on again for commands that run for long.
    gc.disable()
    from argo.cli import app

    app.main(displaced)
