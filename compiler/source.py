"""Source files, spans in them, and the way from a path in the data to a span in the file.

The hot path carries no positions: a span is computed only when a diagnostic is made, by parsing the file once more.
"""

from __future__ import annotations

import os.path
import re
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from compiler.positions import Node

Path: TypeAlias = "tuple[str | int, ...]"
Within: TypeAlias = "tuple[int, int]"
Locator: TypeAlias = "Callable[[Path, bool], tuple[int, int]]"

_BREAK = re.compile(r"\r\n|\n|\r")


class Span(NamedTuple):
    """A stretch of a file. Lines and columns are 1-based and count characters; the end column is exclusive.

    `source` is for the excerpts of a report, and does not count in comparisons.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    source: SourceFile | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self[:5] == other[:5]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:5])


class SourceFile:
    """A file's name as the user knows it, its text (without a byte order mark), and where it lies.

    `location` is the absolute path (default: `name` made absolute). `locator` gives the offsets of a path in the data
    of a file that is not YAML (a definition in Python).
    """

    __slots__ = ("_documents", "_locator", "_starts", "location", "name", "text")

    def __init__(self, name: str, text: str, location: str | None = None, locator: Locator | None = None) -> None:
        self.name = name
        self.text = text
        self.location = location or os.path.abspath(name)  # noqa: PTH100  (pathlib is not needed on the hot path)
        self._locator = locator
        self._starts: list[int] | None = None
        self._documents: list[Node] | None = None

    def __repr__(self) -> str:
        return f"SourceFile({self.name!r})"

    def resolve(self, name: str) -> str:
        """The absolute path of a file that this one names, relative to its own folder."""
        return os.path.normpath(os.path.join(os.path.dirname(self.location), name))  # noqa: PTH118, PTH120

    def line(self, number: int) -> str:
        """The text of a line (1-based) without its break; empty where there is none."""
        starts = self._line_starts()
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def span(self, path: Path, key: bool = False, within: Within | None = None) -> Span:
        """Where the data at `path` stands; for YAML the first element is the document's index.

        With `key` the mapping's key instead of its value. `within` are offsets into the scalar's value.
        A path that leads nowhere gives the key of the deepest part that is there.
        """
        if self._locator is not None:
            return self.at(*self._locator(path, key))
        from compiler import positions

        if self._documents is None:
            self._documents = positions.documents(self.text)
        return self.at(*positions.locate(self.text, self._documents, path, key, within))

    def at(self, start: int, end: int | None = None) -> Span:
        """The span between two offsets of the text (default: one character)."""
        start = max(0, min(start, len(self.text)))
        end = max(start, min(start + 1 if end is None else end, len(self.text)))
        line, column = self._position(start)
        end_line, end_column = self._position(end)
        return Span(self.name, line, column, end_line, end_column, self)

    def offset(self, line: int, column: int = 1) -> int:
        """The offset of a line and column (both 1-based), held within the text."""
        starts = self._line_starts()
        line = max(1, min(line, len(starts)))
        return min(starts[line - 1] + column - 1, len(self.text))

    def _position(self, offset: int) -> tuple[int, int]:
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _BREAK.finditer(self.text))]
        return self._starts
