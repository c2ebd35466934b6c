"""A Task Runner in a thread, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from argo.taskrunner import Rule, TaskRunner, server
from tests.http_servers import running


@contextmanager
def serving(*rules: str, seconds: float = 0.05, token: str = "") -> Iterator[tuple[TaskRunner, str]]:
    runner = TaskRunner([Rule.parse(rule) for rule in rules], seconds, token)
    made = server(runner, "127.0.0.1", 0)
    with running(made):
        yield runner, f"http://127.0.0.1:{made.server_address[1]}"
