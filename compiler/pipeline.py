"""`compile()` and `check()`: the stages of the compiler in order.

Nothing heavy is imported here: what was compiled before comes back from the cache without pydantic or yaml.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Literal, TypeAlias

from compiler.result import DagStats, Document, Result

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.extend import Extension
    from compiler.load.workspace import Alone
    from compiler.program import Program, Workspace

Form: TypeAlias = Literal["template", "workflow"]
Location: TypeAlias = "PathLike[str] | str"

__all__ = ["DagStats", "Document", "Form", "Result", "check", "compile", "compile_asset"]


def compile(  # noqa: A001  (the stage's name; `pipeline.compile` is how it is called)
    paths: Sequence[Location],
    *,
    profile: str | None = None,
    form: Form = "template",
    project_file: Location | None = None,
    shipped: Location | None = None,
    cache_dir: Location | None = None,
) -> Result:
    """Compiles the DAGs in files and folders to manifests.

    `profile` is the one asked for explicitly; `shipped` the folder with the assets and DAGs that come with Argosy;
    `cache_dir` where results are kept (None: nowhere). Mistakes in definitions are diagnostics, nothing is raised.
    """
    from compiler import cache

    request = cache.Request(tuple(map(str, paths)), profile, form, _text(project_file), _text(shipped))
    known = cache.read(str(cache_dir), request) if cache_dir is not None else None
    if known is not None:
        return known
    with _collector_off():
        workspace, result = _compile(paths, profile, form, project_file, shipped)
        if cache_dir is not None:
            cache.write(str(cache_dir), request, workspace, result)
        del workspace  # gone before the collector would look at all of it
    return result


def compile_asset(
    paths: Sequence[Location],
    name: str,
    version: str,
    *,
    profile: str | None = None,
    project_file: Location | None = None,
    shipped: Location | None = None,
    extension: Extension | None = None,
) -> Result:
    """Compiles one version of an asset, as the DAG of one task that runs it. `paths` hold the asset.

    `extension` is what a consumer brings to it, held against its bounds before (`compiler.extend.violations`).
    """
    from compiler.load.workspace import Alone

    with _collector_off():
        return _compile(paths, profile, "workflow", project_file, shipped, Alone(name, version, extension))[1]


def check(
    paths: Sequence[Location],
    *,
    profile: str | None = None,
    project_file: Location | None = None,
    shipped: Location | None = None,
) -> list[Diagnostic]:
    """Everything that is wrong with the definitions in files and folders, sorted by file and line."""
    with _collector_off():
        return list(_compile(paths, profile, "template", project_file, shipped)[1].diagnostics)


def _compile(
    paths: Sequence[Location],
    profile: str | None,
    form: Form,
    project_file: Location | None,
    shipped: Location | None,
    alone: Alone | None = None,
) -> tuple[Workspace, Result]:
    from compiler.check import check as check_program
    from compiler.diagnostics import has_errors
    from compiler.load.workspace import load
    from compiler.resolve import resolve

    workspace, diagnostics = load(paths, project_file=project_file, shipped=shipped, alone=alone)
    program, found = resolve(workspace, profile=profile)
    diagnostics += [*found, *check_program(program)]
    documents: tuple[Document, ...] = ()
    stats: tuple[DagStats, ...] = ()
    if not has_errors(diagnostics):
        from compiler import render

        built, stats, more = _build(program, form)
        ready = (manifest.model for manifest in workspace.manifests)  # written in Hera
        documents = (*built, *(Document.of(obj, render.yaml(obj)) for obj in ready))
        diagnostics += more
    if has_errors(diagnostics):
        documents, stats = (), ()
    return workspace, Result(documents, tuple(sorted(set(diagnostics))), stats, dict(workspace.sources))


def _build(program: Program, form: Form) -> tuple[tuple[Document, ...], tuple[DagStats, ...], list[Diagnostic]]:
    """Lower, emit, render, DAG by DAG, so that only one DAG's objects are in memory."""
    from compiler.build import build

    documents: dict[tuple[str, str], Document] = {}
    stats: list[DagStats] = []
    diagnostics: list[Diagnostic] = []
    for dag in program.dags:
        built = build(program, dag, form)
        diagnostics += built.diagnostics
        stats.append(built.stats)
        for document in built.documents:
            documents.setdefault((document.kind, document.name), document)
    return tuple(documents.values()), tuple(stats), diagnostics


def _text(location: Location | None) -> str | None:
    return None if location is None else str(location)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Definitions make many small objects and no cycles worth collecting."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
