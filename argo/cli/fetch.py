"""`argosy fetch`, `results`, `share`: a run's results -> local files, a list, a URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argo.cli import options

if TYPE_CHECKING:
    from argo.backend import Json, RunRef
    from argo.results.fetch import FetchedFile, FetchOptions
    from argo.results.plan import Item
    from argo.results.stored import Stored
    from argo.storage import Store
    from argo.workflow.outputs import Result

_LONGEST = 7 * 24 * 3600  # seconds that S3 lets a signed URL be of use


@dataclass(frozen=True, slots=True)
class _Subject:
    """A run, its results and their store; of one that is gone, too (`stored`: what is there of it)."""

    ref: RunRef
    results: Sequence[Result]
    store: Store
    why: Callable[[Result], str]
    stored: Stored | None = None

    def plan(self, result: Result, store: Store) -> Iterable[Item]:
        """The objects of a result."""
        from argo.results.plan import objects

        return objects(result, store) if self.stored is None else self.stored[result]


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
@click.option("--sync", "durable", is_flag=True, help="Wait until all of it lasts a power failure.")
@click.option("--raw", is_flag=True, help="Keep directories packed, as they are stored.")
@click.option(
    "--via",
    type=click.Choice(("store", "server")),
    default="store",
    show_default=True,
    help="server: through the Argo Server, where the store is not reached from here.",
)
@options.output()
def fetch(
    name: str,
    profile: str | None,
    wanted: tuple[str, ...],
    directory: Path,
    max_size: int | None,
    durable: bool,
    raw: bool,
    via: str,
    form: str,
) -> None:
    """Copy a run's results, or the named ones, to a local folder, byte for byte.

    Each file appears under its name when it is whole and verified, not before. Directories are unpacked. A
    fetch that was killed is taken up where it was. Of a run that is gone from the cluster everything comes that its
    tasks have stored, as TASK/OUTPUT; where several runs had its name, RUN is NAME/UID. With -o json each file comes
    with its SHA-256, which takes its time for large ones.
    """
    from argo.cli.output import emit, say
    from argo.results.fetch import FetchOptions

    with _subject(name, profile, via) as subject:
        if subject.stored is not None:
            say(f"{subject.ref.name} is gone; this is what its tasks have stored")
        files = _bring(subject, directory, FetchOptions(wanted, max_size, raw, durable, digests=form != "text"))
    if form != "text":
        emit([file.as_json() for file in files], form)
        return
    for file in files:
        click.echo(f"{file.path}  {file.size} bytes")
    if not files:
        say("the run has no results to fetch")


def _bring(subject: _Subject, directory: Path, wanted: FetchOptions) -> list[FetchedFile]:
    """Fetch with progress; what is not there is said at the end."""
    from argo.cli.output import say
    from argo.cli.progress import ticking
    from argo.errors import NotFoundError
    from argo.results.fetch import bring
    from compiler.quantities import size

    missing: list[str] = []
    come = [0]

    def skipped(result: Result) -> None:
        why = subject.why(result)
        if wanted.names:
            raise NotFoundError(f"the result {result.name} is not there: {why}")
        missing.append(f"skipped {result.name}: {why}")

    def moved(count: int) -> None:
        come[0] += count

    uid, plan = subject.ref.uid, subject.plan
    with ticking(lambda: f"fetching {subject.ref.name}: {size(come[0])}"):
        files = bring(subject.results, subject.store, directory, uid, wanted, skipped, moved, plan)
    say(*missing)
    return files


@click.command(short_help="List what a run's results are and where they lie.")
@options.run_name
@options.output()
def results(name: str, profile: str | None, form: str) -> None:
    """List a run's results without fetching them: kind, size in bytes and number of objects, key.

    A result that is not there yet has no size. Of a run that is gone: what its tasks have stored.
    """
    from argo.cli.output import emit
    from argo.cli.progress import ticking
    from argo.results.listing import listed

    with _subject(name, profile) as subject, ticking(lambda: f"looking at the results of {subject.ref.name}"):
        rows = [listed(result, subject.store, subject.plan) for result in subject.results]
    if form != "text":
        emit(rows, form)
        return
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['kind']:<9}  {_size(row):>24}  {_place(row)}")


@click.command(short_help="Make a URL that gives a result to whoever has it, for a time.")
@options.run_name
@click.argument("wanted", metavar="OUTPUT")
@click.option(
    "--expires",
    default="1h",
    show_default=True,
    metavar="DURATION",
    help="How long the URL is of use, as 30m, 12h or 7d; 7d at most.",
)
@options.output()
def share(name: str, profile: str | None, wanted: str, expires: str, form: str) -> None:
    """Make a URL that gives a result to whoever has it, until it expires: a signed one, straight from the store.

    A directory comes as the archive that is stored. What consists of several objects cannot be shared by one URL.
    """
    from argo.cli.output import emit, say
    from argo.errors import UsageError
    from argo.results.listing import shared

    lasts = options.lasting(expires)
    if not 1 <= lasts.total_seconds() <= _LONGEST:
        raise UsageError(f"--expires {expires}: a time from 1s to 7d", hint="--expires 12h")
    with _subject(name, profile) as subject:
        row = shared(subject.results, wanted, subject.store, lasts)
    if form != "text":
        emit(row, form)
        return
    click.echo(row["url"])
    say(f"of use until {row['expires']}, for whoever has it")


@contextmanager
def _subject(name: str, profile: str | None, via: str = "store") -> Iterator[_Subject]:
    from argo.errors import NotFoundError, UsageError
    from argo.results.fetch import why_missing
    from argo.results.stored import find_stored
    from argo.workflow.outputs import results

    target = options.target(profile)
    with options.opened(target) as backend:
        try:
            ref = backend.find(name)
        except NotFoundError as unknown:
            if via == "server":
                raise
            try:
                store = backend.store()
                ref, stored = find_stored(store, backend.namespace, name)
            except (NotFoundError, UsageError):
                raise unknown from None
            yield _Subject(ref, list(stored), store, lambda _: "it has been removed", stored)
            return
        workflow: Json = backend.get(ref)
        store = backend.artifacts(ref) if via == "server" else backend.store(ref)
        yield _Subject(ref, results(workflow), store, lambda result: why_missing(workflow, result))


def _size(row: Json) -> str:
    from compiler.quantities import size

    if "value" in row:
        return ""
    if row["size"] is None:
        return "not there"
    return size(row["size"]) + (f" in {row['objects']} objects" if row["objects"] > 1 else "")


def _place(row: Json) -> str:
    if "value" in row:
        text = str(row["value"])
        return text if len(text) <= 60 else text[:57] + "..."
    return f"{row['bucket']}/{row['key']}"
