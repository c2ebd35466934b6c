"""Text parameters inside the text of a program: whoever gives the value writes the program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise, takewhile
from typing import Final

from compiler.check.survey import Container, Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.refs import Ref
from compiler.resolve.containers import references
from compiler.source import Path

_FREE: Final = ("string", "json")  # their values can be any text
# Programs, and the options that program text stands behind.
_INTERPRETERS: Final = (
    (r"(?:.*/)?(?:ba|da|a|k|z|fi)?sh", r"-[a-zA-Z]*c"),
    (r"(?:.*/)?(?:python[\d.]*|perl|ruby|node|php|Rscript|lua|julia|pwsh)", r"-[ceErp]|--eval|-Command"),
)


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        if any(parameter.type in _FREE for parameter in container.model.parameters.values()):
            yield from _check(container)


def _check(container: Container) -> Iterator[Diagnostic]:
    model = container.model
    programs = {("script",), *_program_texts(model.command, model.args, ())}
    for name, sidecar in model.sidecars.items():
        programs |= set(_program_texts(sidecar.command, sidecar.args, ("sidecars", name)))
    for path, ref in references(model):
        parameter = model.parameters.get(ref.name) if ref.kind == "params" else None
        if path in programs and parameter is not None and parameter.type in _FREE:
            yield _warning(container, path, ref)


def _warning(container: Container, path: Path, ref: Ref) -> Diagnostic:
    message = f"text parameter '{ref.name}' becomes part of a program: its value can be any code"
    variable = re.sub(r"[^A-Z0-9]", "_", ref.name.upper())
    hint = f'give it in the environment (env: {{{variable}: "${{{{ params.{ref.name} }}}}"}}) or as an argument'
    return diagnostic("A501", container.origin.at(*path), message, hint=hint, within=(ref.start, ref.end))


def _program_texts(command: tuple[str, ...], args: tuple[str, ...], prefix: Path) -> Iterator[Path]:
    """The paths of the words behind `sh -c`, `python -c` and their like."""
    words: list[tuple[Path, str]] = [((*prefix, "command", index), word) for index, word in enumerate(command)]
    words += [((*prefix, "args", index), word) for index, word in enumerate(args)]
    for index, (_, program) in enumerate(words[:-2]):
        option = next((option for name, option in _INTERPRETERS if re.fullmatch(name, program)), None)
        following = pairwise(words[index + 1 :]) if option else ()
        for (_, word), (path, _) in takewhile(lambda pair: pair[0][1].startswith("-"), following):
            if re.fullmatch(option or "", word):
                yield path
                break
