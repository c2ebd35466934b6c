"""Copies what containers print into log files in the Container Runtime Interface's format.

Each line is `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; P marks a piece of a line that goes on in the next one.
"""

from __future__ import annotations

import os
from contextlib import suppress

from argo.local.executors.shim.record import stamp, write_all

CHUNK = 1 << 16
# Argo keeps this much of a script's result, its end (workflow/executor/executor.go).
RESULT = 256 * 1024


class Log:
    """A container's log file. What cannot be written to it is left out: no program fails for want of its log.

    `cut` says why something is missing; empty: nothing is.
    """

    def __init__(self, path: str) -> None:
        self.cut = ""
        self._missing = False  # since the last line
        self._descriptor = self._size = 0
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self._size = os.fstat(self._descriptor).st_size
        except OSError as error:
            self.cut = error.strerror or str(error)

    def note(self, text: str) -> None:
        """Add a line of the supervisor's own, as error output."""
        self.write(f"{stamp()} stderr F {text}\n".encode())

    def write(self, data: bytes) -> None:
        """Add whole lines, or none of them."""
        if not self._descriptor:
            return
        if self._missing:
            data = f"{stamp()} stderr F lines are missing here: {self.cut}\n".encode() + data
        try:
            self._size += write_all(self._descriptor, data)
            self._missing = False
        except OSError as error:
            self.cut, self._missing = error.strerror or str(error), True
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)


class Stream:
    """One end of a container's output."""

    def __init__(self, name: str, descriptor: int, log: Log, *, keep: bool = False) -> None:
        self.descriptor = descriptor
        self._name = name
        self._log = log
        self._rest = b""
        self._tail = bytearray() if keep else None

    def read(self) -> bool:
        """Move what is there; False at the end of the stream."""
        try:
            data = os.read(self.descriptor, CHUNK)
        except BlockingIOError:
            return True
        if not data:
            self.end()
            return False
        if self._tail is not None:
            self._tail += data
            if len(self._tail) > 2 * RESULT:
                del self._tail[: -RESULT - 1]
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) >= CHUNK:
            self._write(lines, rest)
            rest = b""
        else:
            self._write(lines)
        self._rest = rest
        return True

    def end(self) -> None:
        """Write what was printed without a last newline."""
        if self._rest:
            self._write([self._rest])
            self._rest = b""

    def result(self) -> str:
        """The end of what was printed, as Argo keeps it: one trailing newline trimmed."""
        tail = bytes(self._tail or b"").removesuffix(b"\n")
        return tail[-RESULT:].decode(errors="replace")

    def _write(self, lines: list[bytes], part: bytes = b"") -> None:
        head = f"{stamp()} {self._name} ".encode()
        text = b"".join([head + b"F " + line + b"\n" for line in lines])
        if part:
            text += head + b"P " + part + b"\n"
        if text:
            self._log.write(text)
