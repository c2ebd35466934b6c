"""Names bound to definitions, data flow made explicit: a workspace -> a program."""

from __future__ import annotations

from compiler.diagnostics import Diagnostic
from compiler.models import ComputeAsset
from compiler.program import Definition, Program, Workspace
from compiler.resolve import lock
from compiler.resolve.containers import check_container
from compiler.resolve.context import Context
from compiler.resolve.dags import resolve_dags
from compiler.resolve.digest import combined
from compiler.resolve.profile import select
from compiler.resolve.tasks import Library
from compiler.resolve.versions import Versions

__all__ = ["resolve"]


def resolve(workspace: Workspace, *, profile: str | None = None) -> tuple[Program | None, list[Diagnostic]]:
    """The program of the DAGs that were asked for, and every mistake found on the way.

    `profile` is the one asked for explicitly; else the project's default, else `local`. There is a program even where
    there are mistakes, so that `check` can report its own together with them: tasks that name nothing known are left
    out. It must not be lowered then.
    """
    context = Context(workspace)
    profile_name, chosen, project = select(context, profile)
    versions = Versions(context, lock.read(context))
    dags = resolve_dags(context, Library(context, versions), workspace.requested or workspace.dags)
    assets = _assets(workspace)
    for asset in assets:
        check_container(context, asset.model, asset.origin)
    program = Program(
        tuple(dags), profile_name, chosen, project, combined(dags), assets, dict(sorted(versions.locked.items()))
    )
    return program, sorted(context.found)


def _assets(workspace: Workspace) -> tuple[Definition[ComputeAsset], ...]:
    """All assets that were loaded, by name and version."""
    loaded = (asset for versions in workspace.assets.values() for asset in versions)
    return tuple(sorted(loaded, key=lambda asset: (asset.model.name, asset.model.version)))
