"""What containers print, into log files in the Container Runtime Interface's format.

Each line is `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; P marks a piece of a line that goes on in the next one.
"""

from __future__ import annotations

import os

from argo.local.executors.shim.record import stamp

CHUNK = 1 << 16
# Argo keeps this much of a script's result, its end (workflow/executor/executor.go).
RESULT = 256 * 1024


class Stream:
    """One end of a container's output."""

    def __init__(self, name: str, descriptor: int, log: int, *, keep: bool = False) -> None:
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
            write_all(self._log, text)


def open_log(path: str) -> int:
    """Open a container's log for appending."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def note(log: int, text: str) -> None:
    """A line of the supervisor's own, as a container's error output."""
    write_all(log, f"{stamp()} stderr F {text}\n".encode())


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
