"""`argosy serve`: the Workflow API and the EDC provisioner; `argosy consumers`: who may use it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argo.cli import options
from argo.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from argo.serve.workflow_api.consumers import Consumers
    from argo.target import Target
    from compiler.load.foreign.workflow_api import WorkflowApi
    from compiler.models.project import Project

_PORT = 8000


def _without_password(_context: click.Context, _parameter: click.Parameter, url: str | None) -> str | None:
    from urllib.parse import parse_qs, urlsplit

    try:
        parts = urlsplit(url or "")
    except ValueError:
        return url  # which is said to be none where it is used
    if parts.password or "password" in parse_qs(parts.query):
        raise UsageError(
            "--database holds a password, which the process list shows to all users of this machine",
            hint="put the URL into ARGOSY_DATABASE",
        )
    return url


_database = click.option(
    "--database", metavar="URL", callback=_without_password,
    help="sqlite:///path or postgresql://…, without a password; else ARGOSY_DATABASE, argosy.yaml.",
)  # fmt: skip


@click.command(short_help="Serve compute assets to consumers: the Workflow API and EDC.")
@click.argument("paths", metavar="[ASSETS]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@options.profile
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="A workflow-api.cfg of the gx4ki Workflow API: its user, token, cluster and store.")  # fmt: skip
@_database
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0: a free one.")
@click.option("--root-path", default="", envvar="FASTAPI_ROOT_PATH", help="The path that a proxy in front takes away.")
@click.option("--work/--no-work", default=True, help="Also do the jobs, or answer only.")
@options.output()
def serve(
    paths: tuple[Path, ...], profile: str | None, config: Path | None, database: str | None, host: str, port: int,
    root_path: str, work: bool, form: str,
) -> int:  # fmt: skip
    """Serve assets (files and folders; default: the project's) to consumers, until SIGTERM or Ctrl-C.

    The service keeps its state in one database and can be killed at any moment; with PostgreSQL several copies work
    together. The API is described at /docs. Consumers and their tokens: `argosy consumers`.
    """
    from argo.cli.output import emit, say

    need()
    from argo.serve.sockets import LOOPBACK, address, listen
    from argo.serve.workflow_api.consumers import Consumers
    from argo.serve.workflow_api.core import Service
    from argo.serve.workflow_api.database import Database
    from argo.serve.workflow_api.serve import environment_of, options_of, register, settings_of
    from argo.serve.workflow_api.serve import serve as serve_
    from argo.serve.workflow_api.settings import database_url

    old = _old(config) if config is not None else None
    project, project_file = _project()
    chosen = options_of(project)
    target = _target(profile or chosen.profile, old, profile)
    if old is not None:
        os.environ.update(environment_of(old))
    store = Database(database or database_url(chosen.database, _home()))
    if old is not None:
        register(Consumers(store), old)
    with listen(host, port) as listener:
        url = address(listener, host)
        settings = settings_of(project, project_file, target, paths, chosen.public_url or url + root_path)
        service = Service(settings, store)
        if host not in LOOPBACK:
            say("note: tokens go over plain HTTP here; put a proxy with TLS in front")
        if form != "text":
            emit({"url": url, "place": service.place.shown}, form)
        else:
            names = ", ".join(asset.name for asset in service.catalog.all())
            click.echo(f"serving {names} at {url} on {service.place.shown}")
            click.echo(f"described at {url}/docs")
            if service.place.local is not None:
                say(*options.executor().lines())
        sys.stdout.flush()
        serve_(service, listener, work=work, root_path=root_path)
    say("stopped; runs go on")
    return 0


@click.group(short_help="Manage who may use the service, and their tokens.")
def consumers() -> None:
    """Manage who may use `argosy serve`: consumers, their limits and their tokens."""


@consumers.command(short_help="Add a consumer, with a first token.")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="What the token may do; default: all but edc.")
@click.option("--lasts", metavar="TIME", help="How long the token is good, as in 90d; default: until it is revoked.")
@click.option("--runs", type=click.IntRange(min=0), help="Runs at once.")
@click.option("--gpu-hours", type=click.FloatRange(min=0), help="GPU hours in 30 days.")
@click.option("--storage", metavar="QUANTITY", help="Of inputs kept, as in 50Gi.")
@click.option("--bucket", metavar="NAME", help="Deliver its results to this bucket of the store, too.")
@click.option("--subject", metavar="ISSUER#SUB", help="Of an identity provider: its tokens are this consumer's.")
@_database
@options.output()
def add(
    name: str, scopes: tuple[str, ...], lasts: str | None, runs: int | None, gpu_hours: float | None,
    storage: str | None, bucket: str | None, subject: str | None, database: str | None, form: str,
) -> int:  # fmt: skip
    """Add a consumer and print its first token, which is shown this once."""
    from compiler.models.base import Problem, parse_quantity

    with _opened(database) as known:
        from compiler.quantities import quantity

        try:
            size = int(quantity(parse_quantity(storage))) if storage else None
        except Problem as error:
            raise UsageError(f"--storage: {error.message}", hint=error.hint or "") from None
        known.add(name, subject=subject, max_runs=runs, gpu_hours=gpu_hours, max_bytes=size, bucket=bucket)
        made = _issued(known, name, scopes, lasts, "")
    return _print(name, made, form)


@consumers.command(short_help="Make another token for a consumer.")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="What it may do; default: all but edc.")
@click.option("--lasts", metavar="TIME", help="How long it is good, as in 90d; default: until it is revoked.")
@click.option("--note", default="", help="What it is for.")
@_database
@options.output()
def token(name: str, scopes: tuple[str, ...], lasts: str | None, note: str, database: str | None, form: str) -> int:
    """Make a token for a consumer and print it; it is shown this once."""
    with _opened(database) as known:
        made = _issued(known, name, scopes, lasts, note)
    return _print(name, made, form)


@consumers.command("list", short_help="List the consumers and their tokens.")
@_database
@options.output()
def list_(database: str | None, form: str) -> int:
    """List the consumers, their limits, and the ids of their tokens (never the tokens)."""
    from datetime import UTC, datetime

    from argo.cli.output import emit, table

    with _opened(database) as known:
        found = known.all()
    if form != "text":
        emit([*found], form)
        return 0

    def day(seconds: float | None) -> str:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else ""

    rows = []
    for consumer in found:
        state = "disabled" if consumer["disabled"] else ""
        for key in consumer["tokens"] or [{}]:
            until = "revoked" if key.get("revoked") else day(key.get("expires_at"))
            rows.append((consumer["name"], state, key.get("id", ""), key.get("scopes", ""), until, key.get("note", "")))
    table(("NAME", "STATE", "TOKEN", "SCOPES", "UNTIL", "NOTE"), rows)
    return 0


@consumers.command(short_help="Let a token open nothing any more.")
@click.argument("token_id", metavar="TOKEN")
@_database
def revoke(token_id: str, database: str | None) -> int:
    """Let a token, named by its id, open nothing any more."""
    with _opened(database) as known:
        known.revoke(token_id)
    click.echo(f"{token_id} opens nothing any more")
    return 0


@consumers.command(short_help="Shut a consumer out, or let it in again.")
@click.argument("name")
@click.option("--again", is_flag=True, help="Let it in again.")
@_database
def disable(name: str, again: bool, database: str | None) -> int:
    """Let all tokens of a consumer open nothing; its runs go on."""
    with _opened(database) as known:
        known.change(name, disabled=not again)
    click.echo(f"{name} is {'let in' if again else 'shut out'}")
    return 0


def _issued(known: Consumers, name: str, scopes: tuple[str, ...], lasts: str | None, note: str) -> str:
    from argo.serve.workflow_api.consumers import DEFAULT_SCOPES

    seconds = options.lasting(lasts).total_seconds() if lasts else None
    return known.issue(name, scopes or DEFAULT_SCOPES, lasts=seconds, note=note)


def _print(name: str, made: str, form: str) -> int:
    from argo.cli.output import emit, say

    if form != "text":
        emit({"consumer": name, "token": made}, form)
    else:
        say("this token is shown only now:")
        click.echo(made)
    return 0


@contextmanager
def _opened(database: str | None) -> Iterator[Consumers]:
    from argo.cli.progress import ticking

    need()
    with ticking(lambda: "asking the service's database"):
        from argo.serve.workflow_api.consumers import Consumers
        from argo.serve.workflow_api.database import Database, answering
        from argo.serve.workflow_api.serve import options_of
        from argo.serve.workflow_api.settings import database_url

        store = Database(database or database_url(options_of(_project()[0]).database, _home()))
        try:
            with answering(store.file):
                yield Consumers(store)
        finally:
            store.close()


def need() -> None:
    """Raises UsageError where the service's packages are not installed."""
    try:
        import fastapi  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError:
        from argo.app.installed import install

        raise UsageError("the service needs packages that are not installed", hint=install("service")) from None


def _project() -> tuple[Project | None, Path | None]:
    from argo.app.profiles import find, require

    found = find()
    return (require(found), Path(found)) if found else (None, None)


def _home() -> Path:
    from argo.local.home import Home

    return Home.open().root


def _old(config: Path) -> WorkflowApi:
    from compiler.load.foreign import workflow_api

    settings, found = workflow_api.read(str(config), config.read_bytes(), str(config.absolute()))
    if settings is None:
        raise DefinitionError(f"{config} has mistakes", found)
    return settings


def _target(profile: str | None, old: WorkflowApi | None, by_hand: str | None) -> Target:
    from argo.app.targets import choose
    from argo.target import ClusterAddress, Target

    if old is None or by_hand is not None:
        return choose([], profile, by_hand=by_hand is not None)
    store: dict[str, Any] = {}
    if old.endpoint:
        store = {"endpoint": old.endpoint, "bucket": old.bucket, "insecure": not old.secure}
    kubeconfig = Path(old.kubeconfig).expanduser() if old.kubeconfig else None
    return Target("workflow-api", old.namespace, cluster=ClusterAddress(None, kubeconfig), store=store)
