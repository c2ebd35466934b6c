"""A file of another system as definitions to be written: for those who move over."""

from __future__ import annotations

from typing import Any, NamedTuple

from compiler.diagnostics import Diagnostic, at, has_errors
from compiler.load.files import File
from compiler.program import Origin


class Conversion(NamedTuple):
    """A file converted: its definitions as plain data, and what is wrong with it."""

    definitions: tuple[dict[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]


def convert(file: File) -> Conversion:
    """The definitions that a gx4ki asset, a job-config or an Atom DAG comes to."""
    from compiler.load.documents import open_source
    from compiler.load.foreign import translate
    from compiler.load.reader import read

    opened = open_source(file)
    found = list(opened.diagnostics)
    made: list[dict[str, Any]] = []
    if found:
        return Conversion((), tuple(found))
    if file.name.endswith(".env"):
        from compiler.load.foreign import imla

        translation, _, found = imla.translate(opened.source)
        made = [translation.data] if translation else []
    else:
        documents, found = read(opened.source)
        for index, document in enumerate(documents):
            origin = Origin(opened.source, (index,))
            known = translate(document, origin, True) if isinstance(document, dict) else None
            if known is None:
                message = "neither a gx4ki asset, a job-config nor a DAG of Atom Workflows"
                found.append(at("A111", opened.source.at(0, 0), message))
                continue
            found += known[1]
            made += [known[0].data] if known[0] else []
    return Conversion(() if has_errors(found) else tuple(made), tuple(sorted(found)))
