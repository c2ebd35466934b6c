"""`argosy fetch`: a run's results -> local files."""

from __future__ import annotations

from pathlib import Path

import click

from argo.cli import options


@click.command(short_help="Copy a run's results to a local folder, byte for byte.")
@options.run_name
@click.argument("wanted", metavar="[OUTPUT]...", nargs=-1)
@click.option(
    "-d",
    "--directory",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; made when it does not exist.",
)
@click.option(
    "--max-size",
    metavar="BYTES",
    type=click.IntRange(min=0),
    help="Refuse an archive that unpacks to more; default: the free space.",
)
@options.output()
def fetch(name: str, wanted: tuple[str, ...], directory: Path, max_size: int | None, form: str) -> None:
    """Copy a run's results, or the named ones, to a local folder, byte for byte.

    Each file appears under its name when it is whole, synced and verified, not before. Directories are unpacked.
    """
    from argo.cli.output import emit, say
    from argo.cli.progress import ticking
    from argo.results import fetch as fetch_results
    from argo.results.fetch import brought
    from argo.track.text import size

    missing: list[str] = []

    def skipped(result: str, why: str) -> None:
        missing.append(f"skipped {result}: {why}")

    with options.local() as backend:
        ref = backend.find(name)
        workflow, store = backend.get(ref), backend.store(ref)
        with ticking(lambda: f"fetching {ref.name}: {size(brought(directory))}"):
            files = fetch_results(workflow, store, directory, wanted, limit=max_size, skipped=skipped)
    say(*missing)
    if form != "text":
        emit([file.as_json() for file in files], form)
        return
    for file in files:
        click.echo(f"{file.path}  {file.size} bytes  sha256 {file.sha256}")
    if not files:
        say("the run has no results to fetch")
