"""A TCP proxy that breaks or damages what a server answers: `share` of the connections, by a seed."""

from __future__ import annotations

import random
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.http_servers import Ending, running


@dataclass(slots=True)
class Wire:
    """What happens on the way. `after` gives the bytes of an answer after which its connection is reset, None: never;
    `damage` the places of bytes of the whole stream that are changed. `passed` counts bytes towards the client.
    """

    host: str
    port: int
    cuts: list[int | None] = field(default_factory=list)
    damage: set[int] = field(default_factory=set)
    passed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def endpoint(self) -> str:
        return f"{self.host}:{self.port}"

    def cut(self) -> int | None:
        """After how many bytes the next connection ends."""
        with self.lock:
            return self.cuts.pop(0) if self.cuts else None

    def through(self, data: bytes) -> bytes:
        """What of these bytes arrives."""
        with self.lock:
            hit = [place - self.passed for place in self.damage if 0 <= place - self.passed < len(data)]
            self.passed += len(data)
        changed = bytearray(data)
        for place in hit:
            changed[place] ^= 0x40
        return bytes(changed)


@contextmanager
def wire(upstream: str) -> Iterator[Wire]:
    """A running proxy to `host:port`."""
    host, _, port = upstream.rpartition(":")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            left = found.cut()
            with socket.create_connection((host, int(port))) as server:
                back = threading.Thread(target=pump, args=(self.request, server))
                back.start()
                with suppress(OSError):
                    while data := server.recv(1 << 16):
                        if left is not None:
                            data, left = data[:left], left - len(data)
                        self.request.sendall(found.through(data))
                        if left is not None and left <= 0:
                            # A reset, not an end.
                            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            break
                for end in (server, self.request):
                    with suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)
                back.join()

    with Server(("127.0.0.1", 0), Handler) as server:
        found = Wire("127.0.0.1", server.server_address[1])
        with running(server):
            yield found


class Server(Ending, socketserver.TCPServer):
    allow_reuse_address = True


def pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what the client sends."""
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def random_cuts(seed: int, count: int, most: int) -> list[int | None]:
    """For `count` connections."""
    chance = random.Random(seed)
    return [chance.randrange(1, most) if chance.random() < 0.7 else None for _ in range(count)]
