"""Names bound to definitions, data flow made explicit: a workspace -> a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compiler.diagnostics import Diagnostic
from compiler.models import ComputeAsset
from compiler.program import Definition, Program, Workspace
from compiler.resolve import lock
from compiler.resolve.containers import check_container
from compiler.resolve.context import Context
from compiler.resolve.dags import examine, resolve_dags
from compiler.resolve.digest import combined
from compiler.resolve.profile import select
from compiler.resolve.tasks import TaskTargets
from compiler.resolve.versions import Versions

__all__ = ["resolve"]

_SURE: Final = frozenset({"A201", "A202", "A203", "A204", "A214", "A301", "A304", "A312", "A317"})
_NAMES: Final = frozenset({"A206", "A212", "A302"})


def resolve(workspace: Workspace, *, profile: str | None = None) -> tuple[Program, list[Diagnostic]]:
    """The program of the DAGs that were asked for, and every mistake found on the way.

    `profile` is the one asked for explicitly; else the project's default, else `local`. There is a program even where
    there are mistakes, so that `check` can report its own together with them: tasks that name nothing known are left
    out. It must not be lowered then.
    """
    context = Context(workspace)
    profile_name, chosen, project = select(context, profile)
    versions = Versions(context, lock.read(context))
    library = TaskTargets(context, versions)
    dags = resolve_dags(context, library, workspace.requested or workspace.dags)
    assets = _assets(workspace)
    for asset in assets:
        check_container(context, asset.model, asset.origin)
    program = Program(
        tuple(dags), profile_name, chosen, project, combined(dags), assets, dict(sorted(versions.locked.items()))
    )
    return program, sorted([*context.found, *_of_flawed(workspace, library)])


def _of_flawed(workspace: Workspace, known: TaskTargets) -> Iterator[Diagnostic]:
    """Report mistakes in definitions that failed to load, of those kinds that cannot follow from the failure."""
    for flawed in workspace.flawed:
        context = Context(workspace)
        model, origin = flawed.definition.model, flawed.definition.origin
        if isinstance(model, ComputeAsset):
            check_container(context, model, origin)
        else:
            library = TaskTargets(context, Versions(context, {}))
            library.dags = {**dict.fromkeys(workspace.dags), **known.dags}
            examine(context, library, flawed.definition)
        yield from (item for item in context.found if item.code in _SURE or (flawed.whole and item.code in _NAMES))


def _assets(workspace: Workspace) -> tuple[Definition[ComputeAsset], ...]:
    """All assets that were loaded, by name and version."""
    loaded = (asset for versions in workspace.assets.values() for asset in versions)
    return tuple(sorted(loaded, key=lambda asset: (asset.model.name, asset.model.version)))
