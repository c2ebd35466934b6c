"""Entry point of `argosy`: the lazy command group, and how every error becomes a text and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

import click

from argo.cli.options import INTERRUPTED
from argo.cli.streams import finish, prepare
from argo.cli.table import COMMANDS, SECTIONS
from argo.errors import ArgosyError, DefinitionError, EnvironmentFailure, did_you_mean
from argo.files.shortage import remedy, shortage

EXIT_BUG = 3  # a bug fails the command, not the run: never 1

Displaced = Callable[[], tuple[str, str] | None]

_GENERATIONS = (50_000, 20, 20)  # a run of many nodes is many objects and no garbage: it is looked for less often

EPILOG = """\b
Exit codes: 0 done · 1 the run or check failed · 2 usage or definition error
            3 remote or environment failure, or a bug · 130 left with Ctrl-C
Files:      ARGOSY_HOME holds runs, results and secrets (default ~/.local/share/argosy)
Debugging:  ARGOSY_DEBUG=1 shows tracebacks"""


class LazyGroup(click.Group):
    """Commands of `table.COMMANDS`; a command's module is imported when the command is used, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(f"argo.cli.{entry.module}"), entry.attribute)
        assert isinstance(command, click.Command)
        if entry.collects and not gc.isenabled():  # see `argo.cli.main`
            gc.freeze()
            gc.set_threshold(*_GENERATIONS)
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = did_you_mean(name, list(COMMANDS))
            raise click.UsageError(f"no such command: {name}" + (f" ({hint})" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.help) for name, entry in entries.items()], col_max=12)


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"argosy {version('argosy')}")
    except PackageNotFoundError:
        click.echo("argosy (not installed)")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Argosy runs what you define: compute assets and DAGs become Argo Workflows, here or on a cluster."""


def main(displaced: Displaced) -> None:
    """Run the command line and exit the process with its exit code. `displaced` is `argosy.displaced`."""
    code = run(displaced=displaced)
    gc.freeze()  # or the interpreter would look for garbage in all there is before it drops it
    sys.exit(code)


def run(arguments: Sequence[str] | None = None, displaced: Displaced = lambda: None) -> int:
    """Run the command line; the exit code. Only with ARGOSY_DEBUG set does an exception leave this function."""
    prepare()
    code = _invoke(arguments, displaced)
    unwritten = finish()
    if unwritten is not None and code != EXIT_BUG:
        return _system(unwritten)
    return code


def _invoke(arguments: Sequence[str] | None, displaced: Displaced) -> int:
    try:
        result = cli.main(arguments, prog_name="argosy", standalone_mode=False, obj=displaced)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return INTERRUPTED
    except ArgosyError as error:
        return _report(error)
    except SystemExit:
        return 0  # click's way out when the reader of our output has gone, which is no failure of ours
    except OSError as error:
        return _system(error)
    except Exception as error:
        if found := shortage(error):
            return _system(found)
        if os.environ.get("ARGOSY_DEBUG"):
            raise
        return _bug(error, displaced)
    return result if isinstance(result, int) else 0


def _report(error: ArgosyError) -> int:
    if os.environ.get("ARGOSY_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, DefinitionError) and error.diagnostics:
        from argo.cli.output import print_diagnostics

        print_diagnostics(error.diagnostics)
    _say("\n".join(error.lines()))
    return error.exit_code


def _system(error: OSError) -> int:
    """Report an error of the system that nothing says in better words (no space, no right, no such folder)."""
    where = f" {os.fsdecode(error.filename)}" if isinstance(error.filename, (str, bytes)) else " the output"
    reason = error.strerror or str(error) or type(error).__name__
    cure = remedy(error)
    return _report(
        EnvironmentFailure(
            f"cannot use{where}: {reason[:1].lower()}{reason[1:]}",
            known="what was recorded before stands, no file is half written",
            hint=f"{cure}, then repeat the command" if cure else "look at the folder and its rights",
        )
    )


def _bug(error: Exception, displaced: Displaced) -> int:
    if found := displaced():
        return _report(EnvironmentFailure(found[0], hint=found[1]))
    _say(
        f"This is a bug in Argosy: {type(error).__name__}: {error}\n"
        "What has run is kept. Please report it with the traceback, which ARGOSY_DEBUG=1 shows when you repeat this."
    )
    return EXIT_BUG


def _say(text: str) -> None:
    """On stderr, where that can be written to; the exit code says the rest."""
    with suppress(OSError):
        click.echo(text, err=True)
