"""`argosy compile` and `argosy check`: definitions -> manifests, and every mistake in them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from argo.cli import options
from argo.errors import UsageError

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.pipeline import Result

_NOTHING = "looked for YAML, JSON and Python files with kind: Dag or kind: ComputeAsset; start one: argosy assets new"


@click.command("compile", short_help="Turn definitions into Argo manifests.")
@options.definition_paths
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write one file an object here; without it, a YAML stream on stdout.",
)
@options.profile
@click.option(
    "--as",
    "form",
    type=click.Choice(["template", "workflow"]),
    default="template",
    show_default=True,
    help="WorkflowTemplate to apply, or Workflow to create.",
)
@click.option(
    "--check", "compare", is_flag=True, help="Write nothing: show how the files in -d differ, exit 1 when they do."
)
@click.option("-q", "--quiet", is_flag=True, help="No figures on stderr.")
def compile_(
    paths: tuple[str, ...],
    directory: Path | None,
    profile: str | None,
    form: Literal["template", "workflow"],
    compare: bool,
    quiet: bool,
) -> int:
    """Turn definitions (files, folders, names of DAGs) into Argo manifests: canonical YAML, always the same bytes."""
    from argo.app.sources import compile_paths
    from argo.cli.output import print_diagnostics
    from argo.cli.progress import ticking

    if compare and directory is None:
        raise UsageError(
            "--check compares with files: give their folder with -d", hint="argosy compile … -d manifests --check"
        )
    chosen, left = _definitions(_paths(paths, "compile"))
    with ticking(lambda: "compiling"):
        result = compile_paths(chosen, profile, form)
    print_diagnostics(result.diagnostics)
    if _has_errors(result.diagnostics):
        return 2
    if compare and directory is not None:
        return _compare(result, directory)
    if directory is None:
        _stream(result)
    else:
        _write(result, directory)
    if not quiet:
        click.echo(figures(result) + (f"\n  left out: {_count(left, 'file')} of manifests" if left else ""), err=True)
    return 0


@click.command(short_help="Report every mistake in definitions or manifests.")
@options.definition_paths
@options.profile
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option("--strict", is_flag=True, help="Warnings count as mistakes.")
def check(paths: tuple[str, ...], profile: str | None, form: str, strict: bool) -> int:
    """Report every mistake in definitions or manifests; exit 0 when there is none, 1 when there is one."""
    from argo.cli.output import print_diagnostics
    from argo.cli.progress import ticking
    from compiler.load.contents import definitions_in, sort

    definitions, manifests = sort(_paths(paths, "check"))
    looked = [file for path in definitions for file in (definitions_in(path) if path.is_dir() else [path])]
    if not looked and not manifests:
        raise UsageError(f"there is nothing to check in {_listed(definitions)}", hint=_NOTHING)
    with ticking(lambda: "checking"):
        found = [*_check_definitions(definitions, profile), *_check_manifests(manifests)]
    print_diagnostics(found, form)
    errors = sum(item.severity == "error" for item in found)
    warnings = sum(item.severity == "warning" for item in found)
    if form == "text" and not found:
        kinds = [_count(len(looked), "definition file"), _count(len(manifests), "manifest file")]
        said = [kind for kind, files in zip(kinds, (looked, manifests), strict=True) if files]
        click.echo(f"no mistakes in {' and '.join(said)}", err=True)
    return 1 if errors or (strict and warnings) else 0


def figures(result: Result) -> str:
    """Describe what was compiled: the objects; each DAG's size and nodes, and what is done about its size."""
    lines = [f"{_count(len(result.documents), 'object')}, {sum(len(d.data) for d in result.documents):,} bytes"]
    for dag in result.stats:
        more = f" and {_count(dag.open_loops, 'loop')} whose items come in the run" if dag.open_loops else ""
        note = f"; {dag.note}" if dag.note else ""
        lines.append(
            f"  {dag.dag}: {dag.bytes:,} bytes, {_count(dag.nodes, 'node')}{more}, "
            f"grows to about {dag.size:,} bytes in Argo{note}"
        )
    return "\n".join(lines)


def _paths(names: Sequence[str], command: str) -> list[Path]:
    from argo.app.definitions import find

    if not names:
        if Path("argosy.yaml").exists() or Path("dags").is_dir():
            return [Path("dags") if Path("dags").is_dir() else Path()]
        raise UsageError("name the definitions: files, folders or DAGs", hint=f"argosy {command} dags/")
    return [find(name) for name in names]


def _definitions(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """The paths that hold definitions, and how many files of manifests lie beside these. Raises UsageError where a
    folder holds no definition."""
    from compiler.load.contents import definitions_in, manifests_in

    folders = [path for path in paths if path.is_dir()]
    manifests = [file for path in folders for file in manifests_in(path)]
    if empty := [path for path in folders if not definitions_in(path)]:
        if any(manifests_in(path) for path in empty):
            raise UsageError(
                f"{_listed(empty)} holds manifests, and no definitions to compile",
                hint=f"run them as they are: argosy run {empty[0]}; look for mistakes: argosy check {empty[0]}",
            )
        raise UsageError(f"there is nothing to compile in {_listed(empty)}", hint=_NOTHING)
    return list(paths), len(manifests)


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _check_definitions(paths: Sequence[Path], profile: str | None) -> list[Diagnostic]:
    if not paths:
        return []
    from argo.shipped import root
    from compiler.pipeline import check as check_definitions

    return list(check_definitions([str(path) for path in paths], profile=profile, shipped=root()))


def _check_manifests(paths: Sequence[Path]) -> list[Diagnostic]:
    if not paths:
        return []
    from argo.local.supported.engine import check as check_support
    from argo.workflow.manifests import load

    documents, diagnostics = load(paths)
    return [*diagnostics, *check_support(documents)]


def _has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(item.severity == "error" for item in diagnostics)


def _stream(result: Result) -> None:
    sys.stdout.buffer.write(result.stream())
    sys.stdout.buffer.flush()


def _write(result: Result, directory: Path) -> None:
    """Each file whole under its name, or not at all; what is right is not touched, what is left over removed."""
    from argo.cli.output import say, write_file

    for document in result.documents:
        path = directory / document.file_name
        if _read(path) != document.data:
            write_file(path, document.data)
    for path in _left_over(result, directory):
        path.unlink()
        say(f"removed {path}: the DAG has no such object any more")


def _left_over(result: Result, directory: Path) -> list[Path]:
    """Files that an earlier compile of the same DAGs wrote and this one does not, as ConfigMaps of another content."""
    from compiler.labels import DAG

    made = {document.file_name for document in result.documents}
    labels = tuple(f"{DAG}: {dag.dag}\n".encode() for dag in result.stats)
    found = (path for path in sorted(directory.glob("*.*.yaml")) if path.name not in made and path.is_file())
    return [path for path in found if any(label in path.read_bytes() for label in labels)]


def _compare(result: Result, directory: Path) -> int:
    """Print what `compile` would change as unified diffs; 1 when it would change anything."""
    wanted = {directory / document.file_name: document.data for document in result.documents}
    wanted |= dict.fromkeys(_left_over(result, directory), b"")
    stale = [(path, old, new) for path, new in wanted.items() if (old := _read(path)) != new]
    for path, old, new in stale:
        click.echo(_difference(path, old, new), nl=False)
    if stale:
        click.echo(f"{_count(len(stale), 'file')} out of date; write with: argosy compile … -d {directory}", err=True)
    return 1 if stale else 0


def _difference(path: Path, old: bytes | None, new: bytes) -> str:
    import difflib

    before = (old or b"").decode(errors="replace").splitlines(keepends=True)
    names = "/dev/null" if old is None else str(path), f"{path} (compiled)" if new else "/dev/null"
    lines = difflib.unified_diff(before, new.decode().splitlines(keepends=True), *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
