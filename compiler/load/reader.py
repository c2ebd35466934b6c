"""Reads YAML 1.2 (and so JSON) straight into data, without nodes; a diagnostic for all that is not plain data."""

from __future__ import annotations

import re
from typing import Any

from compiler.diagnostics import Diagnostic, Related, at
from compiler.positions import duplicate_keys, event_source
from compiler.source import SourceFile

MAX_DEPTH = 64
MAX_EXPANSION = 100_000  # nodes that aliases may add to a file
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

_WORDS: dict[str, bool | float | None] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= {word: value for value in (True, False) for word in (str(value), str(value).lower(), str(value).upper())}
_WORDS |= {sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")}
_WORDS |= {word: float("nan") for word in (".nan", ".NaN", ".NAN")}
_NUMBER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\d+|([-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?)", re.ASCII)
_MERGE = "<<\0"  # stands in for a merge key: it is refused, but read, so that no other mistake comes of it
_INFINITY = float("inf")
_NUMBER_START = frozenset("0123456789+-.")
# What YAML does not allow in a file. Two small sets: one that spans all of Unicode takes ten times as long to compile.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|[\ufffe\uffff]")
_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


class IntText(int):
    """A whole number that is written otherwise than `str` writes it (`007`, `0x1f`, `+5`); `text` is how."""

    text: str


class FloatText(float):
    """A number with the text that stands in the file: `1.10` stays "1.10"."""

    text: str


def decode(name: str, data: bytes, location: str | None = None) -> tuple[SourceFile, list[Diagnostic]]:
    """A file's bytes as text, without a byte order mark; what cannot be read is replaced and reported."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            text = data.decode(encoding, "replace").replace("\0", "")
            source = SourceFile(name, text, location)
            return source, [at("A102", source.at(0), f"the file is {encoding}", hint="save it as UTF-8")]
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        source = SourceFile(name, data.decode("utf-8"), location)
    except UnicodeDecodeError as error:
        source = SourceFile(name, data.decode("utf-8", "replace"), location)
        offset = len(data[: error.start].decode("utf-8", "replace"))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        return source, [at("A102", source.at(offset), message, hint="save the file as UTF-8")]
    return source, _control_characters(source)


def _control_characters(source: SourceFile) -> list[Diagnostic]:
    match = _UNPRINTABLE.search(source.text)
    if match is None:
        return []
    message = f"control character U+{ord(match.group()):04X}"
    return [
        at("A103", source.at(match.start()), message, hint='write it as an escape in a "quoted" text, or remove it')
    ]


def read(source: SourceFile) -> tuple[list[Any], list[Diagnostic]]:
    """The documents of a YAML file as data (dict, list, str, int, float, bool, None; keys are str), in order.

    What can still be used is returned beside the diagnostics; after malformed YAML, the documents before it.
    """
    import gc

    collecting = gc.isenabled()
    gc.disable()  # nothing read here is garbage, and looking for some takes longer than reading
    try:
        return _Reader(source).read()
    finally:
        if collecting:
            gc.enable()


class _Stop(Exception):  # noqa: N818  (ends the reading; what is wrong has been reported)
    pass


class _Reader:
    """One pass over the events of a file; recursion is bounded by MAX_DEPTH."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.documents: list[Any] = []
        self.anchors: dict[str, tuple[Any, int]] = {}  # value, number of values in it (-1: not complete)
        self.nodes = 0
        self.expanded = 0
        self.duplicates: list[int] = []
        self.keys: set[str] = set()  # plain texts known to be text
        self.next: Any = None

    def read(self) -> tuple[list[Any], list[Diagnostic]]:
        from yaml import MarkedYAMLError, YAMLError, events

        self.events = events
        try:
            self.next = event_source(self.source.text).get_event
            self._stream()
        except MarkedYAMLError as error:
            self.diagnostics.append(_malformed(self.source, error))
        except YAMLError as error:
            self.diagnostics.append(at("A104", self.source.at(0), str(getattr(error, "reason", error))))
        except _Stop:
            pass
        self._report_duplicates()
        return self.documents, self.diagnostics

    def _stream(self) -> None:
        events = self.events
        while type(event := self.next()) is not events.StreamEndEvent:
            if type(event) is events.DocumentStartEvent:
                self.anchors = {}
                self.documents.append(self._value(self.next(), 0))

    def _value(self, event: Any, depth: int) -> Any:
        events = self.events
        kind = type(event)
        if kind is events.AliasEvent:
            return self._alias(event)
        self.nodes += 1
        anchor = event.anchor
        if event.tag is not None and event.tag != "!":
            self._report("A107", event, f"the tag {_short(event.tag)} has no meaning here", "remove it")
        if kind is events.ScalarEvent:
            value = event.value if event.style else self._plain(event)
            if anchor is not None:
                self.anchors[anchor] = (value, 1)
            return value
        if depth >= MAX_DEPTH:
            self._report("A110", event, _TOO_DEEP)
            raise _Stop
        before = self.nodes
        if anchor is not None:
            self.anchors[anchor] = (None, -1)
        value = self._mapping(depth + 1) if kind is events.MappingStartEvent else self._sequence(depth + 1)
        if anchor is not None:
            self.anchors[anchor] = (value, self.nodes - before + 1)
        return value

    def _sequence(self, depth: int) -> list[Any]:
        result = []
        end, following = self.events.SequenceEndEvent, self.next
        while type(event := following()) is not end:
            result.append(self._value(event, depth))
        return result

    def _mapping(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[Any] = []
        end, scalar, following, keys = self.events.MappingEndEvent, self.events.ScalarEvent, self.next, self.keys
        while type(event := following()) is not end:
            key = getattr(event, "value", None)  # of a scalar
            if key not in keys or key in result or event.anchor is not None:
                key = self._key(event, result, depth)
            event = following()
            if type(event) is scalar and event.style and event.tag is None and event.anchor is None:
                value = event.value
                self.nodes += 1
            else:
                value = self._value(event, depth)
            if key is _MERGE:
                merged.append(value)
            elif key is not None:
                result[key] = value
        for other in merged:
            result = {**other, **result} if isinstance(other, dict) else result
        return result

    def _key(self, event: Any, mapping: dict[str, Any], depth: int) -> str | None:
        """A key that was not seen before, or is odd; None when its value is not to be kept, _MERGE for a merge key."""
        if type(event) is self.events.ScalarEvent and event.value == "<<" and not event.style:
            self._report(
                "A109", event, "YAML 1.2 has no merge key '<<'", "alias a whole value, or write the fields out"
            )
            return _MERGE
        value = self._value(event, depth)
        if isinstance(value, dict | list):
            hint = 'quote references: "${{ … }}"' if "${{" in self.source.line(event.start_mark.line + 1) else None
            self._report("A106", event, "a key must be text, found a collection", hint)
            return None
        text = value if isinstance(value, str) else str(getattr(event, "value", value))
        if not isinstance(value, str):
            found = f"'{_short(text)}'" if text else "nothing"
            self._report("A106", event, f"a key must be text, found {found}", f'quote it: "{_short(text)}"')
        elif text in mapping:
            self.duplicates.append(event.start_mark.index)
            return None
        elif type(event) is self.events.ScalarEvent and not event.style:
            self.keys.add(text)
        return text

    def _report(self, code: str, event: Any, message: str, hint: str | None = None) -> None:
        span = self.source.at(event.start_mark.index, max(event.end_mark.index, event.start_mark.index + 1))
        self.diagnostics.append(at(code, span, message, hint=hint))

    def _report_duplicates(self) -> None:
        if not self.duplicates:
            return
        places = duplicate_keys(self.source.text)
        for offset in self.duplicates:
            again, first = places.get(offset, ((offset, offset + 1), (offset, offset + 1)))
            key = _short(self.source.text[slice(*again)])
            related = (Related(self.source.at(*first), "the first one is here"),)
            message = f"the key {key} stands twice in this mapping"
            self.diagnostics.append(at("A105", self.source.at(*again), message, related=related))

    def _alias(self, event: Any) -> Any:
        anchor = _short(event.anchor)
        if event.anchor not in self.anchors:
            self._report("A108", event, f"there is no anchor &{anchor} before this alias")
            return None
        value, nodes = self.anchors[event.anchor]
        if nodes < 0:
            self._report("A108", event, f"the anchor &{anchor} contains itself")
            return None
        self.expanded += nodes
        self.nodes += nodes
        if self.expanded > MAX_EXPANSION:
            self._report("A108", event, f"aliases make this file grow by more than {MAX_EXPANSION} values")
            raise _Stop
        return value

    def _plain(self, event: Any) -> Any:
        text: str = event.value
        if text in _WORDS:
            return _WORDS[text]
        match = _NUMBER.fullmatch(text) if text[0] in _NUMBER_START else None
        if match is None:
            return text
        if match.group(1) is not None:
            return self._float(event, text)
        value = 1 << 64 if len(text) > 40 else int(text, 0 if text[:2] in ("0x", "0o") else 10)
        if not -(1 << 63) <= value < 1 << 63:
            self._report("A112", event, "a whole number of more than 64 bits", "quote it if it is meant as text")
            return 0
        if str(value) == text:
            return value
        written = IntText(value)
        written.text = text
        return written

    def _float(self, event: Any, text: str) -> FloatText:
        value = FloatText(text)
        value.text = text
        if value in (_INFINITY, -_INFINITY):
            self._report("A112", event, "a number too large for 64 bits", "quote it if it is meant as text")
        return value


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _malformed(source: SourceFile, error: Any) -> Diagnostic:
    """A syntax error of libyaml or PyYAML as a diagnostic."""
    mark = error.problem_mark or error.context_mark
    offset = mark.index if mark is not None else 0
    line = source.at(offset).line
    text = source.line(line)
    problem = str(error.problem or error.context or "malformed YAML")
    if "maximum nesting depth" in problem:  # libyaml has a limit of its own, and may look that far ahead
        return at("A110", source.at(offset), _TOO_DEEP)
    related: tuple[Related, ...] = ()
    if error.context_mark is not None and error.context and error.context_mark.index != offset:
        related = (Related(source.at(error.context_mark.index), str(error.context)),)
    hint = None
    if "${{" in text or (line > 1 and "${{" in source.line(line - 1)):
        hint = 'quote references: "${{ … }}"'
    elif "\\t" in problem or "\t" in text[: len(text) - len(text.lstrip())]:
        hint = "indent with spaces, not tabs"
    elif "mapping values are not allowed" in problem:
        hint = "quote a text that contains ': '"
    return at("A104", source.at(offset), problem, hint=hint, related=related)
