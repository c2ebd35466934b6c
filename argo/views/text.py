"""Words, signs and cells of text for phases and durations, the same in every view."""

from __future__ import annotations

from datetime import datetime

SIGNS = {
    "Succeeded": ("✔", "green"),
    "Failed": ("✖", "red"),
    "Error": ("⚠", "red"),
    "Running": ("●", "cyan"),
    "Pending": ("◷", "yellow"),
    "Skipped": ("○", "dim"),
    "Omitted": ("○", "dim"),
    "Waiting": ("‖", "magenta"),
    "Approved": ("✔", "green"),
    "Rejected": ("✖", "red"),
    "Expired": ("✖", "yellow"),
}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36"}

Line = list[tuple[str, str]]
"""Pieces of text, each with its style: a colour, `bold`, `dim` or nothing."""


def sign(word: str) -> tuple[str, str]:
    """The sign and colour of a phase, or of what was decided at a gate."""
    return SIGNS.get(word, ("?", "yellow"))


def duration(seconds: float | None) -> str:
    """`45s`, `3m 05s`, `2h 07m`, `3d 04h`; empty for None."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def age(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit."""
    return duration((now - moment).total_seconds()).split(" ")[0] if moment else ""


def clean(text: str) -> str:
    """One line without what would move a terminal's cursor or change its colours."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def crop(text: str, columns: int) -> str:
    """The text, with `…` at its end where it takes more than `columns`."""
    if width(text) <= columns:
        return text
    kept, left = 0, columns - 1
    for char in text:
        left -= _columns(char)
        if left < 0:
            break
        kept += 1
    return text[:kept] + "…" if columns > 0 else ""


def paint(line: Line, color: bool) -> str:
    """The line as text, with a terminal's colours or without."""
    if not color:
        return "".join(text for text, _ in line).rstrip()
    return "".join(f"\x1b[{_STYLES[style]}m{text}\x1b[m" if style and text else text for text, style in line)


def _columns(char: str) -> int:
    import unicodedata

    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
