"""`argosy assets`: list and show the assets and DAGs in reach, start new ones from a scaffold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argo.cli import options
from argo.errors import DefinitionError, NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argo.app.definitions import DefinitionEntry, Kind

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@click.group(short_help="List, show and start compute assets and DAGs.")
def assets() -> None:
    """List, show and start compute assets and DAGs: those of this folder's project, and those that ship."""


@assets.command("list", short_help="List the assets and DAGs in reach.")
@click.option("--kind", type=click.Choice(["assets", "dags"]), help="Only these.")
@options.output("name")
def list_(kind: Kind | None, form: str) -> None:
    """List the assets and DAGs in reach. The project's own come first and shadow shipped ones of the same name."""
    from argo.app.definitions import KINDS, DefinitionEntry, survey
    from argo.cli.output import emit, say, table

    items = [item for wanted in ([kind] if kind else KINDS) for item in survey(wanted)]
    found = [item for item in items if isinstance(item, DefinitionEntry)]
    if form == "name":
        for entry in found:
            click.echo(entry.name)
    elif form != "text":
        emit([{**_describe(entry), "description": entry.description} for entry in found], form)
    else:
        table(
            ("NAME", "KIND", "VERSION", "FROM", "DESCRIPTION"),
            [(e.name, e.kind, e.version, e.origin, e.description) for e in found],
        )
        say(*(f"left out: {item.path}: {item.reason}" for item in items if not isinstance(item, DefinitionEntry)))


@assets.command(short_help="Print a definition.")
@click.argument("name")
@options.output()
def show(name: str, form: str) -> None:
    """Print the definition of an asset or DAG, as it stands in its file."""
    from argo.app.definitions import KINDS, whole
    from argo.cli.output import emit, say

    entry = _named(name, KINDS)
    if form == "text":
        say(f"# {entry.path}")
        click.echo(entry.path.read_text(encoding="utf-8"), nl=False)
    else:
        emit({**_describe(entry), "definition": whole(entry)}, form)


@assets.command(short_help="Start a new asset, DAG or project from a scaffold.")
@click.argument("kind", type=click.Choice(["asset", "dag", "project"]))
@click.argument("name", required=False)
@click.option("--asset", default="", metavar="NAME", help="Of a DAG: the asset that its task runs.")
@click.option("--schema", default="", metavar="FILE", help="JSON Schema that editors shall use (see argosy schema).")
def new(kind: str, name: str | None, asset: str, schema: str) -> None:
    """Write assets/NAME.yaml, dags/NAME.yaml, or argosy.yaml from a scaffold. Nothing is overwritten."""
    if kind == "project":
        template, path = "argosy", Path("argosy.yaml")
    else:
        if name is None or not _NAME.fullmatch(name):
            raise UsageError(
                f"{name or 'nothing'} is not a name for a definition",
                hint="lower case letters, digits and dashes, at most 40, a letter or digit at both ends",
            )
        template, path = kind, Path("assets" if kind == "asset" else "dags", f"{name}.yaml")
    from argo.cli.output import say, write_file

    text = _of_asset(asset, name or "", schema) if kind == "dag" and asset else _render(template, name or "", schema)
    write_file(path, text, new=True)
    click.echo(f"wrote {path}")
    if kind != "project":
        say(f"check it with: argosy check {path}")
    if kind == "dag":
        say(f"run it with:   argosy run {path}")


@assets.command("import", short_help="Turn files of other systems into definitions.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-d", "--directory", default=".", type=click.Path(path_type=Path), help="Where `assets` and `dags` are.",
    show_default=True,
)  # fmt: skip
@click.option("--stdout", is_flag=True, help="Print them, write nothing.")
def import_(files: tuple[Path, ...], directory: Path, stdout: bool) -> int:
    """Write assets of the gx4ki Workflow API, job-configs (.env) and DAGs of Atom Workflows as definitions.

    Of a workflow-api.cfg argosy.yaml is made, with a profile that says the same; its token and keys are left out.
    Nothing is overwritten. What a file says that has no meaning here is reported, at its place.
    """
    from argo.cli.importing import imported
    from argo.cli.output import print_diagnostics, say, write_file

    made, found = imported(files)
    print_diagnostics(found)
    if any(item.severity == "error" for item in found):
        return 2
    for path, text in made:
        if stdout:
            click.echo(f"# {path}\n{text}", nl=False)
        else:
            write_file(directory / path, text, new=True)
            click.echo(f"wrote {directory / path}")
    if not stdout:
        say("check them with: argosy check " + " ".join(str(directory / path) for path, _ in made))
    return 0


def _named(name: str, kinds: Sequence[Kind]) -> DefinitionEntry:
    """The definition of a name, or of NAME@VERSION. Raises NotFoundError."""
    from argo.app.definitions import definitions
    from compiler.versions import matches

    wanted, _, version = name.partition("@")
    found = [entry for kind in kinds for entry in definitions(kind)]
    entry = next((e for e in found if e.name == wanted and (not version or matches(e.version, version))), None)
    if entry is not None:
        return entry
    what = "asset or DAG" if len(kinds) > 1 else "asset"
    hint = did_you_mean(wanted, [e.name for e in found]) or "argosy assets list"
    raise NotFoundError(f"there is no {what} named {name}", hint=hint)


def _of_asset(asset: str, name: str, schema: str) -> str:
    """A DAG of one task that runs an asset, as text: it takes and gives what the asset does.

    Raises NotFoundError, DefinitionError for an asset with mistakes, UsageError for one that no task can run.
    """
    from argo.shipped import root
    from compiler.diagnostics import has_errors
    from compiler.load.workspace import Alone, load
    from compiler.models.base import as_text
    from compiler.render import yaml

    entry = _named(asset, ("assets",))
    workspace, found = load([entry.path], shipped=root(), alone=Alone(entry.name, entry.version or "0.0.0"))
    if has_errors(found) or not workspace.requested:
        raise DefinitionError(f"the asset {asset} has mistakes", found, hint=f"argosy check {entry.path}")
    dag, (model, *_) = workspace.dags[entry.name].model, workspace.assets[entry.name]
    if model.model.image is None:
        raise UsageError(
            f"the asset {asset} has no image of its own: no task can run it",
            hint="consumers of the service bring one: argosy serve",
        )
    dag = dag.model_copy(update={"name": name, "title": None, "description": f"Runs {dag.title or entry.name}"})
    data = dag.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for given, parameter in dag.parameters.items():
        if parameter.type == "string" and parameter.default is not None:
            data["parameters"][given]["default"] = as_text(parameter.default)
    task = {"asset": asset, "with": data["tasks"][entry.name]["with"]}
    for given, value in dag.inputs.items():
        del data["inputs"][given]["path"]
        if isinstance(value.default, str):  # a file beside the asset, which stays its default
            del data["inputs"][given], task["with"][given]
    data = {"kind": "Dag", **data, "tasks": {entry.name: {key: value for key, value in task.items() if value}}}
    first = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return first + yaml({key: value for key, value in data.items() if value}).decode()


def _render(template: str, name: str, schema: str) -> str:
    import jinja2

    from argo.shipped import folder

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 -- YAML, not HTML
    )
    return environment.get_template(f"scaffold/{template}.yaml.j2").render(name=name, schema=schema)


def _describe(entry: DefinitionEntry) -> dict[str, str]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "version": entry.version,
        "from": entry.origin,
        "path": str(entry.path),
    }
