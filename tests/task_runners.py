"""A Task Runner in a thread, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from argo.serve import sockets
from argo.serve.guard import checked, with_token
from argo.serve.process import Server
from argo.serve.task_runner import Rule, TaskRunner, application


class Played(TaskRunner):
    """One whose token may change; without one everybody is let in."""

    token = ""


@contextmanager
def serving(*rules: str, seconds: float = 0.05, token: str = "") -> Iterator[tuple[Played, str]]:
    runner = Played([Rule.parse(rule) for rule in rules], seconds)
    runner.token = token

    def check(request: Request) -> None:
        with_token(runner.token)(request)

    server = Server(application(runner, checked(check)))
    with sockets.listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield runner, sockets.address(listener, "127.0.0.1")
        finally:
            server.should_exit = True
            thread.join()
