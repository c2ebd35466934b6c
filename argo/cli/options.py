"""Options and small helpers that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from datetime import timedelta

    from argo.backend import Backend
    from argo.local.backend import LocalBackend
    from argo.local.choice import Choice
    from argo.target import Target

INTERRUPTED = 130  # the exit code after Ctrl-C
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
    """`RUN`, which the shell completes, and `--profile`: where it is."""
    return profile(click.argument("name", metavar="RUN", shell_complete=_runs)(command))


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
    """True where an option was given on the command line, not by the environment or a default."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is click.core.ParameterSource.COMMANDLINE


def target(profile: str | None) -> Target:
    """The place that a command about runs works on: the profile's, else as the environment and argosy.yaml say."""
    from argo.app.targets import choose
    from argo.cli.output import say

    found = choose([], profile, by_hand=by_hand("profile"))
    say(*found.notes)
    return found


@contextmanager
def backend(profile: str | None) -> Iterator[Backend]:
    """The runs of the place that is meant; hints that name a command repeat its `--profile`."""
    with opened(target(profile)) as found:
        yield found


@contextmanager
def opened(target: Target) -> Iterator[Backend]:
    """The runs of a place."""
    from argo.app.backends import open_backend

    with closing(open_backend(target)) as found:
        yield found


@contextmanager
def changing(profile: str | None) -> Iterator[Backend]:
    """As `backend`, for a command that changes something: it says where, first."""
    from argo.cli.output import say

    with backend(profile) as found:
        say(f"on {found.place}")
        yield found


@contextmanager
def local(target: Target | None = None) -> Iterator[LocalBackend]:
    """The runs of this machine."""
    from argo.local.backend import LocalBackend

    with closing(LocalBackend(target=target)) as found:
        yield found


def executor() -> Choice:
    """Choose what runs tasks here, as `choose_executor` does, and show that it is being looked for."""
    from argo.cli.progress import ticking
    from argo.local.choice import choose_executor
    from argo.local.home import Home

    with ticking(lambda: "looking for what runs containers"):
        return choose_executor(Home.open())


@contextmanager
def going_on(run: str) -> Iterator[None]:
    """Where Ctrl-C ends only the looking at a run: say that it goes on, and how to come back to it."""
    from argo.cli.output import say

    try:
        yield
    except KeyboardInterrupt:
        say(f"\n{run} goes on", f"  come back: argosy watch {run}{again()}", f"  end it:    argosy stop {run}{again()}")
        raise click.exceptions.Exit(INTERRUPTED) from None


def lasting(text: str) -> timedelta:
    """A time as an option takes it: `90m`, `12h`, `7d`. Raises UsageError."""
    import re
    from datetime import timedelta

    from argo.errors import UsageError

    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise UsageError(f"{text!r} is not a time", hint="write a number and a unit: 90m, 12h, 7d, 4w")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[found[2]]
    return timedelta(**{unit: int(found[1])})


def again() -> str:
    """Return the option that a hint's command repeats: ` --profile NAME` where that was given, else nothing."""
    context = click.get_current_context(silent=True)
    given = context.params.get("profile") if context is not None else None
    return f" --profile {given}" if given and by_hand("profile") else ""
