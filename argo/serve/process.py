"""The process of a server: its connections within limits, its graceful end."""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD: Final = 10.0  # seconds in which a connection says what it wants: the first time, and after each answer
READ: Final = 60.0  # seconds in which something of an answer is read
CONNECTIONS: Final = 2048  # at once; fewer where there are not twice as many descriptors
_BURST: Final = 64  # connections taken in one go
_HEADS: Final = 64 << 10  # bytes of a request's head
_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_QUIET: Final = 60.0  # seconds between two lines about a lack of descriptors


def serve(
    app: ASGIApp, listener: socket.socket, *, ending: Callable[[], object] = lambda: None, grace: int = 10,
    root_path: str = "",
) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT. `ending` ends streams, which would be waited for; answers under way have `grace`
    seconds to end."""
    Server(app, ending, grace, root_path).run(sockets=[listener])


class Server(uvicorn.Server):
    """A server. From another thread it is ended by `should_exit`."""

    def __init__(
        self, app: ASGIApp, ending: Callable[[], object] = lambda: None, grace: int = 10, root_path: str = ""
    ) -> None:
        config = uvicorn.Config(
            app, http=Connection, loop="asyncio", ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, backlog=_BURST, root_path=root_path, timeout_graceful_shutdown=grace,
            timeout_keep_alive=int(HEAD), h11_max_incomplete_event_size=_HEADS,
        )  # fmt: skip
        super().__init__(config)
        self._ending = ending
        self._said = float("-inf")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal that was obeyed is not sent again afterwards: to end so is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(self._failed)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Say it once: asyncio tells of each connection that it has no descriptor for, many times a second."""
        if not isinstance(context.get("exception"), OSError) or "accept" not in str(context.get("message")):
            loop.default_exception_handler(context)
        elif time.monotonic() - self._said > _QUIET:
            self._said = time.monotonic()
            uvicorn.server.logger.warning("no more connections can be taken: %s", context["exception"])


def most_connections() -> int:
    """The connections that there may be at once."""
    return max(min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2), 8)


class Connection(H11Protocol):
    """One connection. It has to say what it wants within a time, to read what it is answered, and it makes room for
    others while it does neither. Requests find its transport in their state."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._head: asyncio.TimerHandle | None = None
        self._read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
        self._wait_for_head()
        if len(self.connections) > most_connections():
            waiting = [known for known in self.connections if isinstance(known, Connection) and known.is_idle]
            min(waiting, key=lambda known: known.until).transport.abort()

    @property
    def is_idle(self) -> bool:
        """True where the connection is open and has no request under way."""
        return self._head is not None and not self.transport.is_closing()

    @property
    def until(self) -> float:
        """When it ends unless it says what it wants; the loop's clock."""
        return self._head.when() if self._head is not None else float("inf")

    def connection_lost(self, exc: Exception | None) -> None:
        self._head, self._read = _cancelled(self._head), _cancelled(self._read)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._head = _cancelled(self._head)

    def on_response_complete(self) -> None:
        self._wait_for_head()  # also where the rest of a body that nobody read is still to come
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._read = _cancelled(self._read) or self.loop.call_later(READ, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._read = _cancelled(self._read)
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._head = _cancelled(self._head) or self.loop.call_later(HEAD, self._too_late)

    def _too_late(self) -> None:
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self.transport.write(_LATE)
        self.transport.close()  # when all of the last answer is written
        self._read = _cancelled(self._read) or self.loop.call_later(READ, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """None, the timer being cancelled."""
    if timer is not None:
        timer.cancel()
    return None
