"""`argosy schema`: the JSON Schemas of the definitions, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

_MODELS = {"asset": "ComputeAsset", "dag": "Dag", "project": "Project"}


@click.command(short_help="Print the JSON Schemas of the definitions, for editors.")
@click.argument("kind", required=False, type=click.Choice(["asset", "dag", "project"]))
@click.option("-d", "--directory", type=click.Path(path_type=Path, file_okay=False), help="Write all schemas here.")
def schema(kind: str | None, directory: Path | None) -> None:
    """Print the JSON Schema of one kind of definition, or of all of them, for editors.

    Editors with the YAML language server read `# yaml-language-server: $schema=FILE` at the top of a definition.
    """
    from argo.cli.output import write_file
    from compiler.editor_schema import file_name, json_schema

    if directory is not None:
        for model in _MODELS.values():
            path = directory / file_name(model)
            write_file(path, json.dumps(json_schema(model), indent=2) + "\n")
            click.echo(path)
    elif kind is not None:
        click.echo(json.dumps(json_schema(_MODELS[kind]), indent=2))
    else:
        click.echo(json.dumps({name: json_schema(model) for name, model in _MODELS.items()}, indent=2))
