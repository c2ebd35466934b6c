"""How `run`, `submit` and `resubmit` begin a run: the options they share, the request made of them, and its sending."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argo.cli import options

if TYPE_CHECKING:
    from argo.app.requests import Prepared, RequestOptions
    from argo.backend import Backend, RunRef, Submission, Submitted
    from argo.storage import Store
    from argo.submission.request import Draft
    from argo.target import Target

_EXECUTORS = ("auto", "process", "podman", "docker")
_OPTIONS = (
    click.option(
        "-p", "--parameter", "parameters", metavar="NAME=VALUE", multiple=True, help="Give a parameter its value."
    ),
    click.option(
        "-i", "--input", "inputs", metavar="NAME=PATH", multiple=True, help="Give an input a local file or folder."
    ),
    click.option(
        "--from", "source", default="", metavar="KIND/NAME",
        help="Run this one of the Workflows, CronWorkflows and templates that were given.",
    ),
    click.option("--entrypoint", default="", metavar="TEMPLATE", help="Begin at this template."),
    click.option(
        "--env-file", "env_files", metavar="FILE", multiple=True, type=click.Path(path_type=Path),
        help="Lay a dotenv file over the DAG's env, for this run.",
    ),
    click.option(
        "--job-config", "job_configs", metavar="[NAME=]FILE", multiple=True,
        help="Put a file in place of one of the DAG's files, for this run.",
    ),
    click.option("--name", metavar="NAME", help="Name of the run; made up when left out."),
    click.option(
        "--once", metavar="KEY", is_flag=False, flag_value="",
        help="All who begin a run with this KEY (without one: with the same content) mean one run.",
    ),
    click.option(
        "--executor", type=click.Choice(_EXECUTORS), default="auto", show_default=True, envvar="ARGOSY_EXECUTOR",
        show_envvar=True,
        help="What runs the containers. auto, found out once: podman or docker where one gets images, else process.",
    ),
    click.option(
        "--parallelism", type=click.IntRange(min=1), metavar="N",
        help="How many containers run at once; default: what the machine has room for.",
    ),
    click.option("--dry-run", is_flag=True, help="Start, send and store nothing; print what would be sent."),
    options.profile,
)  # fmt: skip


def prepare(names: Sequence[str], asked: RequestOptions, *, here: bool = False, quiet: bool = False) -> Prepared:
    """Read what is to be run, and say what is noticed about it. Raises as `argo.app.requests.read_request`."""
    from argo.app.requests import read_request
    from argo.cli.output import print_diagnostics, say
    from argo.cli.progress import ticking

    made = read_request(names, asked, lambda text: ticking(lambda: text), here=here)
    if not quiet:
        say(*made.notes)
        print_diagnostics(made.diagnostics)
    return made


def request_options(command: Callable[..., int]) -> Callable[..., int]:
    """The options of all commands that begin a run, as one argument: `asked`."""

    @wraps(command)
    def taken(*, source: str, entrypoint: str, **given: Any) -> int:
        from argo.app.requests import RequestOptions
        from argo.submission.subject import Start

        names = RequestOptions.__dataclass_fields__
        asked = {name: given.pop(name) for name in [*given] if name in names}
        by_hand = frozenset(name for name in ("profile", "executor") if options.by_hand(name))
        return command(asked=RequestOptions(start=Start(source, entrypoint), by_hand=by_hand, **asked), **given)

    for option in reversed(_OPTIONS):
        taken = option(taken)
    return taken


def send(
    backend: Backend,
    draft: Draft,
    target: Target | None = None,
    take: Callable[[Submission], Submitted] | None = None,
) -> Submitted:
    """Send a draft, with a line about what is done on a terminal. Raises as `argo.submission.send.send`.

    `target` says where its inputs are stored; without one it has none to store.
    """
    import argo.submission.send as submission
    from argo.cli.output import say
    from argo.cli.progress import ticking
    from argo.local.home import Home
    from argo.submission.ledger import Ledger

    doing = ["preparing the inputs"]
    with ticking(lambda: doing[-1]):
        store = None if target is None else _store(target, draft.ref, doing.append)
    ledger = Ledger(Home.open().root / "submissions")
    for entry in ledger.left(draft.request.source, backend.place) if draft.key else ():
        if entry.key != draft.key:
            say(f"note: it is not known how an earlier submission of this ended; --once={entry.key} takes it up again")
    with ticking(lambda: doing[-1]):
        return submission.send(backend, draft, store, ledger, doing.append, take)


def _store(target: Target, ref: RunRef, doing: Callable[[str], object]) -> Callable[[], Store]:
    """Return a function that opens the store of inputs; one that the engine here works with is checked now.

    Raises UsageError where nobody says which it is, StoreError where it cannot be written.
    """
    from argo.errors import UsageError
    from argo.storage.settings import require_writable, s3_store

    def opened() -> Store:
        if target.local and not target.store:
            from argo.local.home import Home, open_store

            return open_store(Home.open(), {})
        if not target.store:
            raise UsageError(
                "it is not known here where inputs are stored",
                known="nothing was sent",
                hint="submit with a profile of argosy.yaml that has a `store`",
            )
        store = s3_store(target.store)
        require_writable(store, f"runs/{ref.namespace}/{ref.name}/{ref.uid}")
        return store

    if not (target.local and target.store):
        return opened
    doing("looking at the store")
    store = opened()
    return lambda: store


def print_draft(draft: Draft, form: str) -> None:
    """Print what would be sent, as a YAML stream or a list in JSON; of Secrets, only which keys they have."""
    from argo.cli.output import emit

    submission = draft.submission(lambda _key, _path: None)
    made: list[Mapping[str, Any]] = [*submission.objects, submission.workflow]
    shown = [{**o, "data": dict.fromkeys(o["data"], "")} if o["kind"] == "Secret" else o for o in made]
    if form == "json":
        emit(shown, form)
        return
    for value in shown:
        click.echo("---")
        emit(value, "yaml")


def report(backend: Backend, made: Submitted, form: str, *, quiet: bool = False, interactive: bool = False) -> None:
    """Say which run it is and, on stderr, what to type next."""
    from contextlib import suppress

    from argo.cli.output import emit, say
    from argo.errors import ArgosyError

    ref, link = made.ref, ""
    with suppress(ArgosyError):  # it runs, whatever is known of it here
        link = backend.link(ref)
    if form == "name":
        click.echo(ref.name)
    elif form != "text":
        emit({"name": ref.name, "namespace": ref.namespace, "uid": ref.uid, "new": made.new, "link": link}, form)
    else:
        click.echo(f"{ref.name} {'submitted' if made.new else 'was submitted before, with the same key'}")
    if not quiet and form == "text":
        again = options.again()
        say(*([f"see      {link}"] if link else ()), f"follow   argosy watch {ref.name}{again}")
        if interactive:
            say(f"use      argosy connect {ref.name}{again}")
        say(f"results  argosy fetch {ref.name} -d results{again}")
