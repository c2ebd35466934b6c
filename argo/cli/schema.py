"""`argosy schema`: the JSON Schemas of the definitions, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(short_help="Print the JSON Schemas of the definitions, for editors.")
@click.argument("kind", required=False, type=click.Choice(["asset", "dag", "project"]))
@click.option("-d", "--directory", type=click.Path(path_type=Path, file_okay=False), help="Write all schemas here.")
def schema(kind: str | None, directory: Path | None) -> None:
    """Print the JSON Schema of one kind of definition, or of all of them, for editors.

    Editors with the YAML language server read `# yaml-language-server: $schema=FILE` at the top of a definition.
    """
    from compiler.schema import schemas

    found = schemas()
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, value in found.items():
            path = directory / f"{name}.schema.json"
            path.write_text(json.dumps(value, indent=2) + "\n")
            click.echo(path)
        return
    click.echo(json.dumps(found[kind] if kind else found, indent=2))
