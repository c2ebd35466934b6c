"""Looks at the way from this machine to a fetched result, step by step, and says what to do about each failure."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from argo.setup.checks import Check, attempt, of_store, skipped

if TYPE_CHECKING:
    from argo.local.home import Home
    from argo.target import Target


def examine(target: Target, displaced: Callable[[], tuple[str, str] | None] = lambda: None) -> Iterator[Check]:
    """The checks of a place, in the order of the way to it; what stands on a failed one is skipped.

    `displaced` tells of another installed package that has one of our packages' names: what was found, what to do.
    """
    own = f"argo and compiler of {Path(__file__).parents[2]}"
    found = displaced()
    yield Check("installation", "failed", *found) if found else Check("installation", "ok", own)
    if target.local:
        yield from _here(target)
    elif target.server is not None:
        from argo.setup.of_server import examine_server

        yield from examine_server(target, target.server)
    else:
        from argo.setup.of_cluster import examine_cluster

        yield from examine_cluster(target)


def _here(target: Target) -> Iterator[Check]:
    from argo.local.home import Home, open_store

    home = attempt("home", lambda: _home(Home.open()), "set ARGOSY_HOME to a folder that you may write")
    yield home
    yield attempt("executor", _executor)
    if home.state == "failed":
        yield from skipped(("store",), "without a home")
        return
    yield from of_store(lambda: open_store(Home.open(), target.store), "default")


def _executor() -> str:
    from argo.local.choice import choose_executor
    from argo.local.home import Home

    return "\n".join(choose_executor(Home.open()).lines())


def _home(home: Home) -> str:
    from argo.local.state.database import State as Runs

    Runs(home.database).close()
    free = shutil.disk_usage(home.root).free
    return f"{home.root}, {free / (1 << 30):.1f} GiB free"
