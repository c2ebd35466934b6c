"""`argosy assets`: list and show the assets and DAGs in reach, start new ones from a scaffold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from argo.cli import options
from argo.errors import ConflictError, NotFoundError, UsageError, did_you_mean

Kind = Literal["assets", "dags"]
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_KINDS: tuple[Kind, Kind] = ("assets", "dags")


@dataclass(frozen=True, slots=True)
class Found:
    """A definition file: what it says of itself, and whose it is."""

    path: Path
    kind: str
    name: str
    version: str
    description: str
    origin: str  # "project" or "shipped"


@click.group(short_help="List, show and start compute assets and DAGs.")
def assets() -> None:
    """List, show and start compute assets and DAGs: those of this folder's project, and those that ship."""


@assets.command("list", short_help="List the assets and DAGs in reach.")
@click.option("--kind", type=click.Choice(["assets", "dags"]), help="Only these.")
@options.output("name")
def list_(kind: Kind | None, form: str) -> None:
    """List the assets and DAGs in reach. The project's own come first and shadow shipped ones of the same name."""
    from argo.cli.output import emit, table

    found = [entry for wanted in ([kind] if kind else _KINDS) for entry in _reach(wanted)]
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


@assets.command(short_help="Print a definition.")
@click.argument("name")
@options.output()
def show(name: str, form: str) -> None:
    """Print the definition of an asset or DAG, as it stands in its file."""
    from argo.cli.output import emit

    found = [entry for kind in _KINDS for entry in _reach(kind)]
    entry = next((e for e in found if e.name == name.split("@", maxsplit=1)[0]), None)
    if entry is None:
        known = [e.name for e in found]
        raise NotFoundError(
            f"there is no asset or DAG named {name}", hint=did_you_mean(name, known) or "argosy assets list"
        )
    if form == "text":
        click.echo(f"# {entry.path}", err=True)
        click.echo(entry.path.read_text(encoding="utf-8"), nl=False)
    else:
        emit({**_describe(entry), "definition": _read(entry.path)}, form)


@assets.command(short_help="Start a new asset, DAG or project from a scaffold.")
@click.argument("kind", type=click.Choice(["asset", "dag", "project"]))
@click.argument("name", required=False)
@click.option("--asset", default="my-asset", show_default=True, help="Of a DAG: the asset that its task runs.")
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
    text = _render(template, name=name or "", asset=asset, schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already", known="it was not touched") from error
    click.echo(f"wrote {path}")
    if kind != "project":
        click.echo(f"check it with: argosy check {path}", err=True)


def _render(template: str, **variables: str) -> str:
    import jinja2

    from argo.shipped import folder

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 -- YAML, not HTML
    )
    return environment.get_template(f"scaffold/{template}.yaml.j2").render(variables)


def _reach(kind: Kind) -> Iterator[Found]:
    """The definitions of one kind: the project's, then the shipped ones that it does not shadow."""
    from argo.shipped import definitions

    seen: set[str] = set()
    for origin, paths in (("project", sorted(Path(kind).glob("*.y*ml"))), ("shipped", definitions(kind))):
        for path in paths:
            entry = _found(path, kind, origin)
            if entry.name not in seen or origin == "project":
                seen.add(entry.name)
                yield entry


def _found(path: Path, kind: Kind, origin: str) -> Found:
    data = _read(path)
    description = str(data.get("title") or data.get("description") or "")
    named = "ComputeAsset" if kind == "assets" else "Dag"
    return Found(
        path,
        str(data.get("kind") or named),
        str(data.get("name") or path.stem),
        str(data.get("version") or ""),
        description.partition("\n")[0],
        origin,
    )


def _read(path: Path) -> dict[str, Any]:
    """A definition's data; a file that cannot be read says so in place of its description."""
    import yaml

    try:
        data = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {"description": "(cannot be read: argosy check says why)"}
    return data if isinstance(data, dict) else {}


def _describe(entry: Found) -> dict[str, str]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "version": entry.version,
        "from": entry.origin,
        "path": str(entry.path),
    }
