"""`argosy setup`, `doctor`: what a namespace needs, and whether all is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argo.cli import options

if TYPE_CHECKING:
    from compiler.models.project import Profile


@click.command(short_help="Write the manifests of what a namespace needs for runs.")
@options.profile
@click.option("-d", "--directory", type=click.Path(path_type=Path, file_okay=False), help="One file an object, here.")
@click.option("--gpus", "quotas", metavar="[RESOURCE=]N", multiple=True, help="At most so many GPUs at once.")
@click.option("--split", is_flag=True, help="Allow DAGs that outgrow a Workflow to start their parts.")
@click.option(
    "--interactive", is_flag=True, help="Allow submitters to use interactive assets: Secrets, tunnels to pods."
)
@click.option("--extended", is_flag=True, help="Allow submitters to use extended assets: their NetworkPolicies.")
@click.option("--placeholders/--no-placeholders", default=True, show_default=True, help="Secrets to be filled in.")
@click.option("--demo", is_flag=True, help="With Argo and MinIO, for minikube or kind. Not for production.")
def setup(
    profile: str | None,
    directory: Path | None,
    quotas: tuple[str, ...],
    split: bool,
    interactive: bool,
    extended: bool,
    placeholders: bool,
    demo: bool,
) -> None:
    """Write, as YAML for `kubectl apply`, what the namespace of a profile needs: ServiceAccounts with Roles that allow
    what is needed and no more, the artifact repository, places for Secrets, NetworkPolicies, a quota for GPUs.

    Nothing is applied, and no credential is written.
    """
    from argo.cli.output import say, write_file
    from argo.setup.render import ARGO_VERSION, SetupOptions, objects, render

    chosen = _profile(profile, demo)
    text = render(chosen, SetupOptions(_quotas(quotas), demo, placeholders, split, interactive, extended))
    if directory is None:
        click.echo(text, nl=False)
    else:
        from compiler.render import yaml

        directory.mkdir(parents=True, exist_ok=True)
        for value in objects(text):
            path = directory / f"{value['kind'].lower()}-{value['metadata']['name']}.yaml"
            write_file(path, yaml(value).decode())
    namespace = chosen.namespace or "argo"
    say(f"note: the namespace must be there: kubectl create namespace {namespace}")
    if demo:
        say(f"note: Argo's CRDs come first: kubectl apply --server-side -k {_crds(ARGO_VERSION)}")
    for field, name in (("serviceAccount", "argosy-run"), ("executorServiceAccount", "argosy-executor")):
        if field not in _set(chosen):
            say(f"note: add `{field}: {name}` to the profile, so that manifests name it")


def _profile(name: str | None, demo: bool) -> Profile:
    """The profile that is meant; a demo needs none."""
    from argo.app.profiles import named
    from argo.errors import DefinitionError, UsageError

    try:
        return named(name)
    except DefinitionError:
        raise
    except UsageError:
        if not demo or name is not None:
            raise
        from compiler.models.project import Profile

        return Profile()


def _crds(version: str) -> str:
    return f"'https://github.com/argoproj/argo-workflows/manifests/base/crds/full?ref={version}'"


def _set(profile: object) -> set[str]:
    names = {"serviceAccount": "service_account", "executorServiceAccount": "executor_service_account"}
    return {field for field, name in names.items() if getattr(profile, name)}


def _quotas(given: tuple[str, ...]) -> dict[str, int]:
    """`4`, `amd.com/gpu=2`. Raises UsageError."""
    import re

    from argo.errors import UsageError

    found = {}
    for text in given:
        match = re.fullmatch(r"(?:([a-z0-9.-]+/[A-Za-z0-9._-]+)=)?(\d{1,6})", text)
        if match is None:
            raise UsageError(f"--gpus {text}: a number, or RESOURCE=NUMBER", hint="--gpus 4, --gpus amd.com/gpu=2")
        found[match[1] or "nvidia.com/gpu"] = int(match[2])
    return found


@click.command(short_help="Check the way from here to a fetched result, step by step.")
@options.profile
@options.output()
@click.pass_obj
def doctor(displaced: Callable[[], tuple[str, str] | None], profile: str | None, form: str) -> int:
    """Check the way from this machine to a fetched result, step by step, and say what to do about each failure.

    The exit code is 0 when nothing failed, else 3.
    """
    from argo.cli.output import emit
    from argo.setup.doctor import examine

    target = options.target(profile)
    checks = []
    for check in examine(target, displaced):
        checks.append(check)
        if form == "text":
            mark = {"ok": "✔", "warning": "⚠", "failed": "✖", "skipped": "○"}[check.state]
            click.echo(f"{mark} {check.name:<20} {check.found}")
            if check.hint and check.state != "ok":
                click.echo(f"  {'':<20} next: {check.hint}")
    if form != "text":
        emit([check.as_json() for check in checks], form)
    return 3 if any(check.state == "failed" for check in checks) else 0
