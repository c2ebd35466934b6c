"""Sources whose definitions were made from something else: the way from their paths to what the user wrote."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.source import Path, SourceFile


def mapped(source: SourceFile, places: Mapping[Path, Path]) -> SourceFile:
    """The same file, in which a path of the definition stands where `places` says.

    The longest part of a path that `places` knows counts, and what comes after it is looked for below that place. Both
    begin with the document's index.
    """

    def locate(path: Path, key: bool) -> tuple[int, int]:
        span = source.span(translated(path, places), key)
        return source.offset(span.line, span.column), source.offset(span.end_line, span.end_column)

    return SourceFile(source.name, source.text, source.location, locate)


def translated(path: Path, places: Mapping[Path, Path]) -> Path:
    """The place of a path."""
    for length in range(len(path), -1, -1):
        found = places.get(path[:length])
        if found is not None:
            return (*found, *path[length:])
    return path
