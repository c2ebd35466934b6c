"""The command's own streams: there even where the caller closed them, and able to take any text in any locale."""

from __future__ import annotations

import codecs
import io
import os
import sys

_NEAREST = {
    "✔": "+", "✖": "x", "⚠": "!", "●": "*", "◷": ".", "○": "-", "‖": "=",
    "├": "|", "└": "`", "│": "|", "…": ".", "·": "-",
}  # fmt: skip


def prepare() -> None:
    """Open what is closed, so that no file gets the number of a standard stream; let no text fail to be encoded."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 -- lives as long as the process
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    codecs.register_error("argosy", _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="argosy")


def takes_unicode() -> bool:
    """True where stdout is encoded in UTF-8 or the like."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("_", "-").startswith(("utf-8", "utf8"))


def finish() -> OSError | None:
    """Write out what stdout still holds; the error when that cannot be. A reader that has gone is none."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What the interpreter may still write at its exit goes nowhere.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
        return None if isinstance(error, BrokenPipeError) else error
    return None


def _nearest(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes of a file name as they are; signs by the nearest ASCII; `?` for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return b"".join(map(_byte, found)), error.end


def _byte(char: str) -> bytes:
    code = ord(char)
    return bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else _NEAREST.get(char, "?").encode()
