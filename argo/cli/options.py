"""Options and small helpers that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from argo.local.backend import LocalBackend

F = TypeVar("F", bound=Callable[..., Any])


def output(*extra: str, default: str = "text") -> Callable[[F], F]:
    """`-o/--output` with `text` and `json`, and more."""
    choices = [default, *(name for name in ("text", "json", "yaml", *extra) if name != default)]
    if default != "text":
        choices.remove("text")
    return click.option(
        "-o", "--output", "form", type=click.Choice(choices), default=default, show_default=True, help="How to print."
    )


def run_name(command: F) -> F:
    """`RUN`, which the shell completes."""
    return click.argument("name", metavar="RUN", shell_complete=_runs)(command)


def _runs(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from argo.errors import ArgosyError
    from argo.local.home import default_home

    if not (default_home() / "state.db").exists():
        return []
    try:
        with local() as backend:
            return [run.ref.name for run in backend.list() if run.ref.name.startswith(incomplete)]
    except ArgosyError:  # whoever completes a name wants no error in the line
        return []


def definition_paths(command: F) -> F:
    """`PATHS…` of definitions."""
    return click.argument("paths", nargs=-1, type=click.Path())(command)


def profile(command: F) -> F:
    """`--profile`."""
    return click.option(
        "--profile", metavar="NAME", envvar="ARGOSY_PROFILE", show_envvar=True, help="Profile of argosy.yaml."
    )(command)


def by_hand(parameter: str) -> bool:
    """Whether an option stands on the command line, rather than in the environment or nowhere."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


@contextmanager
def local() -> Iterator[LocalBackend]:
    """The runs of this machine."""
    from argo.local.backend import LocalBackend

    backend = LocalBackend()
    try:
        yield backend
    finally:
        backend.close()
