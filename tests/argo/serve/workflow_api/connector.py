"""A connector of a data space, as far as the service sees one: it is called back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_servers import answer, answering


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
            answer(self, status)

    with answering(Handler) as known.url:
        yield known
