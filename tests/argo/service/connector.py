"""A connector of a data space, as far as the service sees one: it is called back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Connector:
    """What it was told, and what it answers: `answer` gives a status, or None to cut the connection."""

    url: str = ""
    told: list[tuple[str, Any, str]] = field(default_factory=list)  # path, body, x-api-key
    answer: Callable[[str, Any], int | None] = lambda _path, _body: 200

    def of(self, suffix: str) -> list[Any]:
        """The bodies of callbacks whose path ends so."""
        return [body for path, body, _ in self.told if path.endswith(suffix)]


@contextmanager
def connector() -> Iterator[Connector]:
    known = Connector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = known.answer(self.path, body)
            known.told.append((self.path, body, self.headers.get("x-api-key") or ""))
            if status is None:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
