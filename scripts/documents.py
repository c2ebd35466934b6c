"""Writes the generated parts of docs/cli.md (commands), docs/engine.md (fields) and docs/setup.md (rights).

`python -m scripts.documents` rewrites what stands between a document's two markers, `--check` says whether each is
current (exit code 1 when one is not). The text around is written by hand.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


def command_list() -> str:
    """Each command with what it does and its options, from the commands themselves."""
    from argo.cli.app import cli
    from argo.cli.table import SECTIONS

    context = click.Context(cli, info_name="argosy")
    lines = []
    for title, entries in SECTIONS.items():
        lines += [f"## {title}", ""]
        for name in entries:
            command = cli.get_command(context, name)
            assert command is not None
            lines += _command(command, click.Context(command, context, name), 3)
    return "\n".join(lines)


def _command(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}"
    yield ""
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}"
    yield ""
    yield from inspect.cleandoc(command.help or "").replace("\b\n", "").splitlines()
    yield ""
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _command(child, click.Context(child, context, name), level + 1)


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        record
        for parameter in command.params
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context))
    ]
    if records:
        yield from ("| option | |", "|---|---|")
        for names, text in records:
            cells = (cell.replace("\n", " ").replace("|", "\\|") for cell in (names, text))
            yield "| `{}` | {} |".format(*cells)
        yield ""


def right_list() -> str:
    """Which account may do what in a namespace, from the table of rights."""
    from argo.setup.rights import EXECUTOR, INGRESSES, OWNED, PARTS, POLICIES, SESSIONS, SUBMITTER

    rows = (
        ("argosy-executor", EXECUTOR), ("argosy-executor, for an Argo Server", OWNED),
        ("argosy-executor, with --split", PARTS), ("argosy-submitter", SUBMITTER),
        ("argosy-submitter, with --interactive", SESSIONS),
        ("argosy-submitter, with --extended", POLICIES),
        ("argosy-submitter, where the profile has `sessions`", INGRESSES),
    )  # fmt: skip
    lines = (
        f"| {account} | {', '.join(right.verbs)} | {right.resource} | {right.reason} |"
        for account, rights in rows
        for right in rights
    )
    return "\n".join(("| account | may | on | for |", "|---|---|---|---|", *lines))


def field_list() -> str:
    """Lists the fields of each type: executed, ignored, refused and why."""
    from argo.local.supported.table import FIELDS, TITLES

    lines = []
    for kind, title in TITLES.items():
        fields = FIELDS[kind]
        lines += [f"### {title}", "", f"- executed: {_names(fields.supported)}"]
        if fields.ignored:
            lines.append(f"- ignored: {_names(fields.ignored)}")
        for reason in dict.fromkeys(fields.refused.values()):
            names = (name for name, why in fields.refused.items() if why == reason)
            lines.append(f"- refused ({reason}): {_names(names)}")
        lines.append("")
    return "\n".join(lines)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/cli.md": command_list,
    "docs/engine.md": field_list,
    "docs/setup.md": right_list,
}


def updated(document: str, generated: str) -> str:
    """The document with the part between its markers replaced."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{generated.rstrip()}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Rewrite the generated parts, or with `--check` compare them with what is written."""
    outdated = 0
    for name, generate in DOCUMENTS.items():
        path = ROOT / name
        old = path.read_text(encoding="utf-8")
        new = updated(old, generate())
        if "--check" not in arguments:
            path.write_text(new, encoding="utf-8")
            continue
        outdated += new != old
        print(f"{name} is {'current' if new == old else 'out of date: run python -m scripts.documents'}")
    return 1 if outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
