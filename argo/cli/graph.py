"""`argosy graph`: a DAG or a run as Mermaid, DOT or SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from argo.cli import options
from argo.errors import NotFoundError, UsageError
from compiler.manifest_types import Object

if TYPE_CHECKING:
    from argo.target import Target
    from argo.views.graph.model import Graph

_FORMS = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}


@click.command(short_help="Draw a DAG or a run: Mermaid, DOT, SVG.")
@click.argument("subject", metavar="DAG|MANIFEST|RUN")
@click.option(
    "--as",
    "form",
    type=click.Choice(["mermaid", "dot", "svg"]),
    help="Default: from the name of the file, else mermaid.",
)
@click.option("-o", "--output", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@options.profile
def graph(subject: str, form: str | None, target: Path | None, profile: str | None) -> None:
    """Draw the tasks of a DAG or manifest, or a run with the phases of its tasks."""
    from argo.cli.output import say, write_file
    from argo.views.graph.svg import svg
    from argo.views.graph.text import dot, mermaid

    chosen = form or (_FORMS.get(target.suffix, "mermaid") if target else "mermaid")
    picture = {"mermaid": mermaid, "dot": dot, "svg": svg}[chosen](_graph(subject, profile))
    if target is None:
        click.echo(picture, nl=False)
    else:
        write_file(target, picture)
        say(f"wrote {target}")


def _graph(subject: str, profile: str | None) -> Graph:
    """Runs of this machine come before DAGs of the same name; elsewhere is asked for what no DAG is named."""
    from argo.local.home import default_home
    from argo.views.graph.model import of_manifest

    if Path(subject).exists():
        return of_manifest(_manifest(subject, profile, None))
    place = options.target(profile)
    if place.local:
        unknown = None
        if (default_home() / "state.db").exists():
            try:
                return _run(subject, place)
            except NotFoundError as error:
                unknown = error
        return of_manifest(_manifest(subject, profile, unknown))
    try:
        return of_manifest(_manifest(subject, profile, None))
    except NotFoundError as error:
        try:
            return _run(subject, place)
        except NotFoundError as unknown:
            raise NotFoundError(error.message, hint=unknown.hint or error.hint) from error


def _run(name: str, place: Target) -> Graph:
    from argo.views.graph.model import of_run

    with options.opened(place) as backend:
        return of_run(backend.get(backend.find(name)))


def _manifest(subject: str, profile: str | None, unknown: NotFoundError | None) -> Object:
    from argo.app.sources import find_all, load

    try:
        loaded = load(find_all([subject]), profile)
    except NotFoundError as error:
        if "/" in subject:
            raise
        hint = error.hint if unknown is None else unknown.hint if "did you mean" in unknown.hint else error.hint
        raise NotFoundError(f"there is no run, file or DAG named {subject}", hint=hint) from error
    found: list[Object] = loaded.objects
    for value in found:
        if value.get("kind") in ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"):
            return value
    raise UsageError(f"{subject} holds nothing to draw")
