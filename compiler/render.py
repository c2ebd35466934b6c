"""Writes objects as canonical YAML or JSON bytes.

The form: block style, two spaces, keys in the order of the object (whoever makes it puts them in their conventional
order), UTF-8, no anchors, no folding. A string is quoted exactly when some reader of YAML 1.1 or 1.2 (Kubernetes reads
1.1) would take it for something else; text of several lines is a literal block wherever a block can hold it.
"""

from __future__ import annotations

import re
from functools import cache
from json.encoder import encode_basestring
from typing import Any

# What PyYAML's and libyaml's readers call printable, less the line breaks of YAML 1.1 and the byte order mark.
_PRINTABLE = " -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_INDICATORS = frozenset(",[]{}#&*!|>'\"%@` =<~")  # and the one-character tags of YAML 1.1
_NUMBER = re.compile(
    r"""[-+]?(?:0[bB][01_]+ | 0[oO][0-7_]+ | 0[xX][0-9a-fA-F_]+
      | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
      | (?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?
      | \.(?:inf|Inf|INF|nan|NaN|NAN))\Z
      | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:\Z|[Tt\ ])""",
    re.VERBOSE,
)
_WORDS = frozenset(
    form
    for word in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    for form in (word, word.capitalize(), word.upper())
)
_SPECIAL_START = frozenset("0123456789+-.?:")


def yaml(obj: Any) -> bytes:
    """One object as a YAML document."""
    pieces: list[str] = []
    writer = _Writer(pieces)
    if isinstance(obj, dict) and obj:
        writer.mapping(obj, 0, "")
    elif isinstance(obj, list | tuple) and obj:
        writer.sequence(obj, 0, "")
    else:
        pieces.append(writer.leaf(obj, 1))
    return "".join(pieces).encode()


def json(obj: Any) -> bytes:
    """One object as JSON: two spaces, keys in the object's order, a line break at the end."""
    from json import dumps

    return dumps(obj, indent=2, ensure_ascii=False).encode() + b"\n"


def string(text: str) -> str:
    """A string of one line as a YAML scalar: plain where every reader agrees, else in double quotes."""
    if _is_plain(text):
        return text
    quoted = encode_basestring(text)
    return quoted if _is_printable(quoted) else _unprintable().sub(_escape, quoted)


def _is_plain(text: str) -> bool:
    if not text or text[0] in _INDICATORS or text[-1] in ": " or ": " in text or " #" in text or text in _WORDS:
        return False
    if text[0] in _SPECIAL_START and (
        (text[0] in "-?:" and text[1:2] in ("", " "))
        or text.startswith(("---", "..."))
        or _NUMBER.match(text) is not None
    ):
        return False
    return _is_printable(text)


def _is_printable(text: str) -> bool:
    return text.isprintable() if text.isascii() else _unprintable().search(text) is None


@cache
def _unprintable() -> re.Pattern[str]:
    """Compiled where it is needed: most text is ASCII, and a class of all of Unicode takes long to compile."""
    return re.compile(rf"[^{_PRINTABLE}]")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _literal(text: str, indent: str) -> str | None:
    """Text as a literal block, its lines after `indent`; None where a block cannot hold it."""
    body = text.rstrip("\n")
    if not body or body[-1] in " \t" or not _is_printable(body.replace("\n", "").replace("\t", "")):
        return None
    hint = "2" if text[0] in " \t\n" else ""
    trailing = len(text) - len(body)
    chomp = ("-", "")[trailing] if trailing < 2 else "+"
    lines = [f"{indent}{line}" if line else "" for line in body.split("\n")]
    return f"|{hint}{chomp}\n" + "\n".join(lines) + "\n" * max(trailing, 1)


class _Writer:
    """Appends the pieces of one document to `out`; strings of one line are remembered, they repeat a lot."""

    __slots__ = ("_keys", "_scalars", "out")

    def __init__(self, out: list[str]) -> None:
        self.out = out
        self._keys: dict[str, str] = {}
        self._scalars: dict[str, str] = {}

    def scalar(self, value: Any, depth: int) -> str:
        """The scalar with its line break; a block's lines stand at `depth`."""
        if isinstance(value, str):
            known = self._scalars.get(value)
            if known is None:
                block = _literal(value, "  " * depth) if "\n" in value else None
                if block is not None:
                    return block
                known = self._scalars[value] = string(value) + "\n"
            return known
        if value is None:
            return "null\n"
        if isinstance(value, bool):
            return "true\n" if value else "false\n"
        if isinstance(value, int):
            return f"{value}\n"
        if isinstance(value, float):
            return _float(value) + "\n"
        raise TypeError(f"{type(value).__name__} is no JSON value")

    def key(self, key: str) -> str:
        """A key as a scalar of one line."""
        known = self._keys[key] = string(key)
        return known

    def leaf(self, value: Any, depth: int) -> str:
        """A scalar or an empty collection, with its line break."""
        if isinstance(value, dict):
            return "{}\n"
        return "[]\n" if isinstance(value, list | tuple) else self.scalar(value, depth)

    def mapping(self, value: dict[str, Any], depth: int, first: str) -> None:
        """`first` is what stands before the first key: the indentation, or a list's dash."""
        out, keys, scalars = self.out, self._keys, self._scalars
        indent, inner = "  " * depth, depth + 1
        for key, item in value.items():
            name = keys.get(key) or self.key(key)
            if type(item) is str:  # most are
                out.append(f"{first}{name}: {scalars.get(item) or self.scalar(item, inner)}")
            elif isinstance(item, dict) and item:
                out.append(f"{first}{name}:\n")
                self.mapping(item, inner, indent + "  ")
            elif isinstance(item, list | tuple) and item:
                out.append(f"{first}{name}:\n")
                self.sequence(item, inner, indent + "  ")
            else:
                out.append(f"{first}{name}: {self.leaf(item, inner)}")
            first = indent

    def sequence(self, value: list[Any] | tuple[Any, ...], depth: int, first: str) -> None:
        out, indent, inner = self.out, "  " * depth, depth + 1
        for item in value:
            if isinstance(item, dict) and item:
                self.mapping(item, inner, first + "- ")
            elif isinstance(item, list | tuple) and item:
                self.sequence(item, inner, first + "- ")
            else:
                out.append(f"{first}- {self.leaf(item, inner)}")
            first = indent


def _float(value: float) -> str:
    """A float that readers of YAML 1.1 too take for one: they want a point before the exponent, and a sign in it."""
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent if exponent[0] in '+-' else '+' + exponent}"
