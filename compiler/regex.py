"""Regular expressions as Go has them (RE2): in time linear in the text, whatever the pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_NO_BYTES = re.compile(r"(?<!\\)(?:\\\\)*\\C")  # RE2 has it, Go has not
Match = Any  # re2's, which has no types; like re.Match


class PatternError(ValueError):
    """A pattern that is none of RE2: the message says why."""


def fits(pattern: str, text: str) -> bool:
    """True where the pattern matches the text as a whole. Raises PatternError."""
    return compiled(pattern).fullmatch(_encodable(text)) is not None


def search(pattern: str, text: str) -> Match | None:
    """The first match anywhere in the text. Raises PatternError."""
    return compiled(pattern).search(_encodable(text))


def matches(pattern: str, text: str) -> Iterator[Match]:
    """All matches in order; an empty one right behind another is none (Go: regexp.allMatches). Raises PatternError."""
    found, text = compiled(pattern), _encodable(text)
    position, end = 0, -1
    while position <= len(text) and (match := found.search(text, position)) is not None:
        if match.end() > match.start() or match.start() != end:
            yield match
        end = match.end()
        position = end if end > position else position + 1


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern, like re.Pattern. Raises PatternError."""
    import re2

    if _NO_BYTES.search(pattern):
        raise PatternError("invalid escape sequence: \\C")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(text) from None
    except UnicodeEncodeError:
        raise PatternError("half a pair of UTF-16") from None


def _encodable(text: str) -> str:
    """The text with a '?' for each half of a pair, which no UTF-8 has."""
    return text.encode("utf-8", "replace").decode()
