"""Dotenv files: KEY=VALUE lines with quotes, comments and `export`; mistakes with their positions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from compiler.diagnostics import Diagnostic, Related, at
from compiler.load.reader import decode
from compiler.source import SourceFile

_BLANK = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|$)")
_KEY = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=#'\"]+)[ \t]*=[ \t]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\[\s\S])*)"')
_ESCAPE = re.compile(r"\\([\s\S])")
_PLAIN = re.compile(r'[\n\r"\\]')
_REST = re.compile(r"[^\r\n]*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$", "\n": ""}


def parse(name: str, data: bytes, location: str | None = None) -> tuple[dict[str, str], list[Diagnostic]]:
    """A dotenv file's variables in the order of the file, and what is wrong with it.

    Values are as they stand up to ` #`, or quoted: 'as it is', "with \\n, \\t, \\" and \\\\"; both may span lines.
    Nothing is substituted.
    """
    source, diagnostics = decode(name, data, location)
    if diagnostics:
        return {}, diagnostics
    return _Parser(source).parse()


def written(values: Mapping[str, str]) -> str:
    """A dotenv file of these variables, which `parse` gives back."""
    return "".join(f'{name}="{_PLAIN.sub(_escaped, value)}"\n' for name, value in values.items())


def _escaped(found: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r"}.get(found.group(), f"\\{found.group()}")


class _Parser:
    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.values: dict[str, str] = {}
        self.places: dict[str, tuple[int, int]] = {}
        self.diagnostics: list[Diagnostic] = []

    def parse(self) -> tuple[dict[str, str], list[Diagnostic]]:
        text, position = self.source.text, 0
        while position < len(text):
            blank = _BLANK.match(text, position)
            position = blank.end() if blank else self._entry(position)
        return self.values, self.diagnostics

    def _entry(self, position: int) -> int:
        text = self.source.text
        key = _KEY.match(text, position)
        if key is None:
            end = self._line_end(position)
            self._report(position, end, "expected KEY=VALUE", "begin a comment with #")
            return end
        name, place = key.group(1), key.span(1)
        if not _NAME.fullmatch(name):
            hint = "letters, digits and '_', not beginning with a digit"
            self._report(*place, f"'{name[:60]}' is not a name of a variable", hint)
        value, end = self._value(key.end())
        if name in self.values:
            related = (Related(self.source.at(*self.places[name]), "the first one is here"),)
            span = self.source.at(*place)
            self.diagnostics.append(at("A150", span, f"the variable {name} stands twice", related=related))
        else:
            self.values[name], self.places[name] = value, place
        return end

    def _value(self, start: int) -> tuple[str, int]:
        text = self.source.text
        quote = text[start : start + 1]
        if quote not in ("'", '"') or not quote:
            plain = text[start : self._line_end(start)]
            return _COMMENT.sub("", plain).rstrip(), self._line_end(start)
        match = (_SINGLE if quote == "'" else _DOUBLE).match(text, start)
        if match is None:
            self._report(start, start + 1, f"the quote {quote} is not closed")
            return "", len(text)
        value = match.group(1).replace("\r\n", "\n")
        if quote == '"':
            value = _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group()), value)
        end = self._line_end(match.end())
        rest = text[match.end() : end]
        if rest.strip() and not rest.strip().startswith("#"):
            self._report(match.end() + len(rest) - len(rest.lstrip()), end, "text after the closing quote")
        return value, end

    def _line_end(self, position: int) -> int:
        match = _REST.match(self.source.text, position)
        return match.end() if match else len(self.source.text)

    def _report(self, start: int, end: int, message: str, hint: str | None = None) -> None:
        self.diagnostics.append(at("A150", self.source.at(start, end), message, hint=hint))
