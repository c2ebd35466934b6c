"""Where the parts of a YAML text stand: its tree with offsets, made only when a diagnostic needs it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

# Texts, which re compiles (and keeps) when they are first used: few compiles ask for a position.
_BLOCK_HEADER = r"[|>][^\r\n]*(?:\r\n|\n|\r)?"
_PAIR = r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"
_ESCAPE = rf"\\(?:{_PAIR}|x([0-9A-Fa-f]{{2}})|u([0-9A-Fa-f]{{4}})|U([0-9A-Fa-f]{{8}})|(\r\n|[\s\S]))|[\s\S]"
_SPACE_ESCAPES = frozenset("tnvfr N_LP\t\r\n") | {"\r\n"}  # `\n`, `\ `, … and an escaped line break
_SURROGATES = rf"\\(?:{_PAIR}|[\s\S])"
# Where pairs are hidden: the ASCII characters again, in a plane that nobody writes in.
_HIDING = 0x100000
_HIDDEN = "(?:\U0010005c\U00100075[\U00100030-\U00100066]{4}){2}"


class Node:
    """A part of the tree: offsets of its start and end, a scalar's value and style, or a collection's parts."""

    __slots__ = ("end", "entries", "items", "key", "start", "style", "value")

    def __init__(self, start: int, end: int, value: str | None = None, style: str = "") -> None:
        self.start = start
        self.end = end
        self.value = value
        self.style = style
        self.items: list[Node] | None = None
        self.entries: dict[str, tuple[Node, Node]] | None = None
        self.key: Node | None = None


def safe_loader() -> Any:
    """PyYAML's class that reads plain data: libyaml's where PyYAML was built with it."""
    import yaml

    return yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def event_source(text: str) -> Any:
    """A YAML parser over `text` with `get_event()`."""
    hidden = hide_pairs(text)
    parser = safe_loader()(hidden)
    return parser if hidden is text else _Pairs(parser)


def hide_pairs(text: str) -> str:
    """The text (itself where there are none) with JSON's pairs of escapes, which YAML lacks, in a form that YAML reads.

    No offset changes. `show_pairs` makes of a scalar's value what was meant.
    """
    return re.sub(_SURROGATES, _hidden, text) if "\\u" in text and re.search(rf"\\{_PAIR}", text) else text


def _hidden(match: re.Match[str]) -> str:
    found = match.group()
    return found if len(found) == 2 else "".join(chr(_HIDING + ord(character)) for character in found)


def show_pairs(value: str, style: str | None) -> str:
    """A scalar's value without hidden pairs: characters between double quotes, the escapes as they stand elsewhere."""
    return re.sub(_HIDDEN, _character if style == '"' else _written, value)


def _written(match: re.Match[str]) -> str:
    return "".join(chr(ord(character) - _HIDING) for character in match.group())


def _character(match: re.Match[str]) -> str:
    pair = _written(match)
    return bytes.fromhex(pair[2:6] + pair[8:]).decode("utf-16-be")


class _Pairs:
    """The events of a parser over a text with hidden pairs."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser

    def get_event(self) -> Any:
        event = self._parser.get_event()
        if hasattr(event, "value"):
            event.value = show_pairs(event.value, event.style)
        return event


def documents(text: str) -> list[Node]:
    """The trees of all documents of a YAML text; where it is malformed, of what stands before the mistake."""
    return _build(text).documents


def duplicate_keys(text: str) -> dict[int, tuple[tuple[int, int], tuple[int, int]]]:
    """Keys that stand in their mapping already: offset -> offsets of the key, offsets of the first one."""
    return {
        again.start: ((again.start, again.end), (first.start, first.end)) for first, again in _build(text).duplicates
    }


def _build(text: str) -> _Builder:
    from yaml import YAMLError

    builder = _Builder()
    try:
        source = event_source(text)
        while (event := source.get_event()) is not None and builder.take(event):
            pass
    except YAMLError:
        pass
    return builder


class _Builder:
    """Builds trees from events, iteratively: nesting costs no Python stack."""

    def __init__(self) -> None:
        self.documents: list[Node] = []
        self.duplicates: list[tuple[Node, Node]] = []
        self._anchors: dict[str, Node] = {}
        self._open: list[Node] = []
        self._keys: list[Node | None] = []

    def take(self, event: Any) -> bool:
        """Adds an event; False at the end of the stream."""
        from yaml import events

        kind = type(event)
        if kind is events.ScalarEvent:
            node = Node(event.start_mark.index, event.end_mark.index, event.value, event.style or "")
            self._add(node, event.anchor)
        elif kind is events.AliasEvent:
            self._alias(event)
        elif kind in (events.MappingStartEvent, events.SequenceStartEvent):
            node = Node(event.start_mark.index, event.end_mark.index, style="{" if event.flow_style else "")
            if kind is events.MappingStartEvent:
                node.entries = {}
            else:
                node.items = []
            self._add(node, event.anchor)
            self._open.append(node)
            self._keys.append(None)
        elif kind in (events.MappingEndEvent, events.SequenceEndEvent):
            self._open.pop().end = event.end_mark.index
            self._keys.pop()
        elif kind is events.DocumentStartEvent:
            self._anchors = {}
        return kind is not events.StreamEndEvent

    def _alias(self, event: Any) -> None:
        target = self._anchors.get(event.anchor)
        node = Node(event.start_mark.index, event.end_mark.index)
        if target is not None:
            node.items, node.entries, node.value = target.items, target.entries, target.value
            node.style = "*" if target.value is not None else ""
        self._add(node, None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.documents.append(node)
            return
        parent = self._open[-1]
        if parent.items is not None:
            parent.items.append(node)
        elif parent.entries is not None:
            key = self._keys[-1]
            if key is None:
                self._keys[-1] = node
            else:
                node.key = key
                if key.value is not None:
                    first = parent.entries.setdefault(key.value, (key, node))[0]
                    if first is not key:
                        self.duplicates.append((first, key))
                self._keys[-1] = None


def locate(
    text: str, trees: list[Node], path: tuple[str | int, ...], key: bool, within: tuple[int, int] | None
) -> tuple[int, int]:
    """The offsets of what stands at `path` (see `SourceFile.span`)."""
    if not trees:
        return 0, 1
    index = path[0] if path and isinstance(path[0], int) else 0
    node = trees[min(index, len(trees) - 1)]
    for part in path[1:]:
        child = _child(node, part)
        if child is None:
            return _key_span(text, node)
        node = child
    if key:
        return _key_span(text, node)
    if within is not None and node.value is not None and node.style != "*":
        return _inside(text, node, within)
    return _value_span(text, node)


def _child(node: Node, part: str | int) -> Node | None:
    if node.entries is not None:
        found = node.entries.get(str(part))
        return found[1] if found else None
    if node.items is not None and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def _key_span(text: str, node: Node) -> tuple[int, int]:
    if node.key is not None:
        return node.key.start, node.key.end
    if node.entries:
        first = next(iter(node.entries.values()))[0]
        return first.start, first.end
    return _value_span(text, node)


def _value_span(text: str, node: Node) -> tuple[int, int]:
    """A scalar or flow collection as a whole; of a block collection or block scalar, the first line."""
    if node.start == node.end and node.key is not None:
        return node.key.start, node.key.end  # an empty value: its key says more than nothing
    if (node.value is None and node.style != "{") or node.style in ("|", ">"):
        line = re.compile(r"[^\r\n]*").match(text, node.start, node.end)
        end = node.start + len(line.group().rstrip()) if line else node.end
        return node.start, max(end, node.start + 1)
    return node.start, node.end


def _inside(text: str, node: Node, within: tuple[int, int]) -> tuple[int, int]:
    """Offsets in a scalar's value -> offsets in the file.

    Folding, indentation and chomping change nothing but white space, so the n-th other character of the value is the
    n-th other character of the source.
    """
    value = node.value or ""
    places = list(_visible(text, node))
    visible = [i for i, character in enumerate(value) if not character.isspace()]
    if len(places) != len(visible) or not visible:
        return _value_span(text, node)
    first = bisect_left(visible, within[0])
    last = max(first, bisect_left(visible, within[1]) - 1)
    if first >= len(visible):
        return places[-1][1], places[-1][1] + 1
    return places[first][0], places[min(last, len(places) - 1)][1]


def _visible(text: str, node: Node) -> Iterator[tuple[int, int]]:
    """Start and end in the file of each character of a scalar's value that is not white space."""
    start, end = node.start, node.end
    if node.style in ("|", ">"):
        header = re.compile(_BLOCK_HEADER).match(text, text.find(node.style, start))
        start = header.end() if header else start
    elif node.style:
        start, end = text.find(node.style, start) + 1, end - 1
    if node.style == '"':
        yield from _escaped(text, start, end)
        return
    position = start
    while position < end:
        width = 2 if node.style == "'" and text.startswith("''", position) else 1
        if not text[position].isspace():
            yield position, position + width
        position += width


def _escaped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in re.compile(_ESCAPE).finditer(text, start, end):
        code = match.group(1) or match.group(2) or match.group(3)
        if code is not None:
            space = chr(int(code, 16)).isspace()
        elif match.group(4) is not None:
            space = match.group(4) in _SPACE_ESCAPES
        else:
            space = match.group().isspace()
        if not space:
            yield match.span()
