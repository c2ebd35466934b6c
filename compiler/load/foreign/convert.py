"""A file of another system as definitions to be written: for those who move over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from compiler.diagnostics import Diagnostic, at, has_errors
from compiler.load.files import File
from compiler.program import Origin

if TYPE_CHECKING:
    from compiler.load.foreign.base import Translation
    from compiler.source import SourceFile


class Conversion(NamedTuple):
    """A file converted: its definitions as plain data, and what is wrong with it."""

    definitions: tuple[dict[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]


def convert(file: File) -> Conversion:
    """The definitions that a gx4ki asset, a job-config or an Atom DAG comes to."""
    from compiler.load.documents import open_source

    opened = open_source(file)
    found = opened.diagnostics
    translations: list[Translation | None] = []
    if not found and file.name.endswith(".env"):
        from compiler.load.foreign import imla

        translation, _, found = imla.translate(opened.source)
        translations.append(translation)
    elif not found:
        translations, found = _documents(opened.source)
    made = tuple(translation.data for translation in translations if translation)
    return Conversion(() if has_errors(found) else made, tuple(sorted(found)))


def _documents(source: SourceFile) -> tuple[list[Translation | None], list[Diagnostic]]:
    from compiler.load.foreign import translate
    from compiler.load.reader import read

    made: list[Translation | None] = []
    documents, found = read(source)
    for index, document in enumerate(documents):
        known = translate(document, Origin(source, (index,)), True) if isinstance(document, dict) else None
        if known is None:
            found.append(at("A111", source.at(0, 0), "neither a gx4ki asset, a job-config nor a DAG of Atom Workflows"))
        else:
            made.append(known[0])
            found += known[1]
    return made, found
