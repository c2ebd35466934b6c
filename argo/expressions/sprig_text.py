"""Sprig's functions on texts: case, trimming, quoting, encodings, regular expressions, versions, paths."""

from __future__ import annotations

import base64
import hashlib
import operator
import posixpath
import re
import secrets
import string
import uuid
import zlib
from collections.abc import Callable
from typing import Any, ClassVar

from argo.expressions.builtins import BLANKS, each_upper
from argo.expressions.builtins import split as split_text
from argo.expressions.errors import ExpressionError
from argo.expressions.gojson import NilList, plain
from argo.expressions.patterns import find_all, replaced, search
from argo.expressions.values import sized_text, text, to_int
from compiler.versions import precedence


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [strval(item) for item in value if item is not None]
    return [] if value is None else [strval(value)]


def pair(name: str, function: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """A function under its name, and under that of its form which fails where the other passes over what is wrong."""
    return {name: function, "must" + name[0].upper() + name[1:]: function}


def strval(value: Any) -> str:
    """Sprig's toString."""
    return value if isinstance(value, str) else plain(value)


def _words(value: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", value)


def _title(value: str) -> str:
    return re.sub(r"(^|[^\w'])(\w)", lambda match: match[1] + match[2].upper(), value)


def _untitle(value: str) -> str:
    return re.sub(r"(^|\s)(\S)", lambda match: match[1] + match[2].lower(), value)


def _quote(mark: str) -> Callable[..., str]:
    def apply(*values: Any) -> str:
        shown = [strval(value) for value in values if value is not None]
        return " ".join(go_quote(value) if mark == '"' else f"'{value}'" for value in shown)

    return apply


_QUOTES = {character: f"\\{letter}" for character, letter in zip('"\\\a\b\f\n\r\t\v', '"\\abfnrtv', strict=True)}


def go_quote(value: str) -> str:
    """Go's strconv.Quote."""

    def quoted(character: str) -> str:
        point = ord(character)
        if character in _QUOTES:
            return _QUOTES[character]
        if character.isprintable():
            return character
        return f"\\x{point:02x}" if point < 0x80 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"

    return '"' + "".join(map(quoted, value)) + '"'


def _abbreviated(width: int, value: str) -> str:
    return value if width < 4 or len(value) <= width else value[: width - 3] + "..."


def _abbreviated_both(left: int, right: int, value: str) -> str:
    if right < 4 or (left > 0 and right < 7) or len(value) <= right:
        return value
    if left > 4 and left + right - 3 < len(value):
        return "..." + _abbreviated(right - 3, value[left:])
    return _abbreviated(right, value) if left <= 4 else "..." + value[-(right - 3) :]


def _substring(start: int, end: int, value: str) -> str:
    if start < 0:
        return value[: max(end, 0)]
    return value[start:] if end < 0 or end > len(value) else value[start:end]


def _repeat(count: int, value: str) -> str:
    if count < 0 or count * len(value) > 16_000_000:
        raise ExpressionError("strings: bad repeat count")
    return value * count


def _indented(spaces: int, value: str) -> str:
    pad = _repeat(spaces, " ")
    return pad + sized_text(value.replace("\n", "\n" + pad))


def _digest(name: str) -> Callable[[str], str]:
    return lambda value: hashlib.new(name, value.encode(), usedforsecurity=False).hexdigest()


def _decoded(function: Callable[[str], bytes], label: str) -> Callable[[str], str]:
    def apply(value: str) -> str:
        try:
            return function(value).decode("utf-8", "replace")
        except ValueError:
            return f"illegal {label} data"

    return apply


def _expanded(pattern: str, value: str, replacement: str) -> str:
    """Go's Regexp.ReplaceAllString: `$1`, `${name}` in the replacement."""

    def one(match: Any) -> str:
        def group(reference: re.Match[str]) -> str:
            if reference[0] == "$$":
                return "$"
            name = reference[1] or reference[2]
            try:
                return match[int(name) if name.isdecimal() else name] or ""
            except (IndexError, KeyError):
                return ""

        return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)", group, replacement, flags=re.ASCII)

    return sized_text(replaced(pattern, value, one))


def _matches(pattern: str, value: str) -> bool:
    """Sprig passes over what is no pattern; its mustRegexMatch does not."""
    try:
        return search(pattern, value) is not None
    except ExpressionError:
        return False


def _find_all(pattern: str, value: str, limit: Any) -> list[str]:
    return [match[0] for match in find_all(pattern, value, to_int(limit))] or NilList()


def _regex_split(pattern: str, value: str, count: Any) -> list[str]:
    """Go: Regexp.Split."""
    limit = to_int(count)
    if limit == 0:
        return NilList()
    if pattern and not value:
        return [""]
    parts: list[str] = []
    start = end = 0
    for match in find_all(pattern, value, limit):
        if 0 < limit == len(parts) + 1:
            break
        end = match.start()
        if match.end() != 0:
            parts.append(value[start:end])
        start = match.end()
    return [*parts, value[start:]] if end != len(value) else parts


def _numbered(parts: list[str]) -> dict[str, str]:
    return {f"_{index}": part for index, part in enumerate(parts)}


def _random(alphabet: str) -> Callable[[int], str]:
    def apply(count: int) -> str:
        if not 0 <= count <= 1_000_000:
            raise ExpressionError("bad count of random characters")
        return "".join(secrets.choice(alphabet) for _ in range(count))

    return apply


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _base(path: str) -> str:
    return "." if not path else posixpath.basename(path.rstrip("/")) or "/"


_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")


class Version(dict[str, Any]):
    """A semantic version; its parts are methods in Go."""

    go_type = "*semver.Version"
    methods: ClassVar = {
        name: operator.itemgetter(name) for name in ("Major", "Minor", "Patch", "Prerelease", "Metadata", "Original")
    }

    def marshal(self) -> str:
        return go_quote(self["Original"])


def _version(value: str) -> Version:
    match = _VERSION.fullmatch(value)
    if match is None:
        raise ExpressionError("Invalid Semantic Version")
    numbers = [int(match[index] or 0) for index in (1, 2, 3)]
    return Version({
        "Major": numbers[0], "Minor": numbers[1], "Patch": numbers[2],
        "Prerelease": match[4] or "", "Metadata": match[5] or "", "Original": value,
    })  # fmt: skip


def _order(version: Version) -> tuple[Any, ...]:
    return precedence("{Major}.{Minor}.{Patch}-{Prerelease}".format_map(version))


def _compare_versions(constraint: str, value: str) -> bool:
    version = _version(value)
    return any(
        all(_meets(part, version) for part in re.findall(r"(?:[=!<>~^]+\s*)?[^\s,<>=!~^|]+", alternative))
        for alternative in constraint.split("||")
    )


_CONSTRAINT = re.compile(r"(=|!=|[<>]=?|=[<>]|~>?|\^|)\s*v?(?:[*xX]|([\w.*+]+)(-[\w.*+-]+)?)")


def _meets(constraint: str, version: Version) -> bool:
    match = _CONSTRAINT.fullmatch(constraint)
    if match is None:
        raise ExpressionError(f"improper constraint: {constraint}")
    symbol, wanted, prerelease = match.groups("")
    if not wanted:
        return True
    numbers = [part for part in wanted.split(".") if part not in ("*", "x", "X")]
    target = _version(".".join(numbers) + prerelease)
    if version["Prerelease"] and not prerelease:
        return False
    low, key = _order(target), _order(version)
    if symbol == "^":
        fixed = next((index + 1 for index, number in enumerate(low[:3]) if number), len(numbers))
    elif symbol in ("~", "~>") or (symbol in ("", "=") and len(numbers) < 3):
        fixed = min(len(numbers), 2)
    else:
        return _TESTS[symbol](key, low)
    return low <= key and key[:fixed] == low[:fixed]


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(("", "="), operator.eq), "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    **dict.fromkeys((">=", "=>"), operator.ge), **dict.fromkeys(("<=", "=<"), operator.le),
}  # fmt: skip


TEXT: dict[str, Callable[..., Any]] = {
    "hello": lambda: "Hello!",
    "abbrev": lambda width, value: _abbreviated(to_int(width), value),
    "abbrevboth": lambda left, right, value: _abbreviated_both(to_int(left), to_int(right), value),
    "trunc": lambda length, value: value[to_int(length) :] if to_int(length) < 0 else value[: to_int(length)],
    "trim": lambda value: value.strip(BLANKS),
    **dict.fromkeys(("trimAll", "trimall"), lambda cutset, value: value.strip(cutset)),
    "trimSuffix": lambda suffix, value: value.removesuffix(suffix),
    "trimPrefix": lambda prefix, value: value.removeprefix(prefix),
    "upper": lambda value: each_upper(text(value, "upper")),
    "lower": lambda value: value.lower(),
    "title": _title,
    "untitle": _untitle,
    "substr": lambda start, end, value: _substring(to_int(start), to_int(end), value),
    "repeat": lambda count, value: _repeat(to_int(count), value),
    "nospace": lambda value: re.sub(r"\s", "", value),
    "initials": lambda value: "".join(word[0] for word in value.split()),
    "swapcase": lambda value: value.swapcase(),
    "snakecase": lambda value: "_".join(_words(value)).lower(),
    "kebabcase": lambda value: "-".join(_words(value)).lower(),
    "camelcase": lambda value: "".join(part[:1].upper() + part[1:] for part in re.split(r"[_\s-]+", value)),
    "contains": lambda part, value: text(part, "contains") in text(value, "contains"),
    "hasPrefix": lambda prefix, value: value.startswith(prefix),
    "hasSuffix": lambda suffix, value: value.endswith(suffix),
    "quote": _quote('"'),
    "squote": _quote("'"),
    "cat": lambda *values: " ".join(plain(value) for value in values if value is not None),
    "indent": lambda spaces, value: _indented(to_int(spaces), value),
    "nindent": lambda spaces, value: "\n" + _indented(to_int(spaces), value),
    "replace": lambda old, new, value: sized_text(value.replace(old, new)),
    "plural": lambda one, many, count: one if to_int(count) == 1 else many,
    "sha1sum": _digest("sha1"),
    "sha256sum": _digest("sha256"),
    "sha512sum": _digest("sha512"),
    "adler32sum": lambda value: str(zlib.adler32(value.encode())),
    "toString": strval,
    "toStrings": _texts,
    "split": lambda separator, value: _numbered(split_text(value, separator)),
    "splitn": lambda separator, limit, value: _numbered(split_text(value, separator, limit)),
    "splitList": lambda separator, value: split_text(value, separator),
    "join": lambda separator, values: sized_text(separator.join(_texts(values))),
    "sortAlpha": lambda values: sorted(_texts(values)),
    "b64enc": lambda value: base64.b64encode(value.encode()).decode(),
    "b64dec": _decoded(lambda value: base64.b64decode(value, validate=True), "base64"),
    "b32enc": lambda value: base64.b32encode(value.encode()).decode(),
    "b32dec": _decoded(base64.b32decode, "base32"),
    "regexMatch": _matches,
    "mustRegexMatch": lambda pattern, value: search(pattern, value) is not None,
    **pair("regexFind", lambda pattern, value: next((match[0] for match in find_all(pattern, value, 1)), "")),
    **pair("regexFindAll", _find_all),
    **pair("regexReplaceAll", _expanded),
    **pair("regexReplaceAllLiteral", lambda pattern, value, new: sized_text(replaced(pattern, value, lambda _: new))),
    **pair("regexSplit", _regex_split),
    "regexQuoteMeta": lambda value: re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value),
    **dict.fromkeys(("base", "osBase"), _base),
    **dict.fromkeys(("dir", "osDir"), lambda path: _clean(path.rpartition("/")[0] + ("/" if path[:1] == "/" else ""))),
    **dict.fromkeys(("clean", "osClean"), _clean),
    **dict.fromkeys(("ext", "osExt"), lambda path: "." + _base(path).rpartition(".")[2] if "." in _base(path) else ""),
    **dict.fromkeys(("isAbs", "osIsAbs"), lambda path: path.startswith("/")),
    "randAlphaNum": _random(string.ascii_letters + string.digits),
    "randAlpha": _random(string.ascii_letters),
    "randNumeric": _random(string.digits),
    "randAscii": _random("".join(map(chr, range(32, 127)))),
    "randBytes": lambda count: base64.b64encode(secrets.token_bytes(min(to_int(count), 1_000_000))).decode(),
    "uuidv4": lambda: str(uuid.uuid4()),
    "semver": _version,
    "semverCompare": _compare_versions,
}
