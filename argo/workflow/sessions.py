"""Interactive tasks of a run: what its manifest says of them, the token made for them, and where they listen."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from argo.backend import LogLine
from argo.errors import NotFoundError, UsageError, did_you_mean
from argo.workflow.tasks import task_names
from compiler.labels import SESSIONS
from compiler.manifest_types import Object, Workflow

KEY = "token"  # of the Secret
_ITEMS = re.compile(r"\([^()]*\)")  # a session is of all items of a loop
_LISTENS = re.compile(r"gateway: ([^ ]+) at ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Session:
    """One interactive task. `ports` are the paths of its pages by port, `query` is what its URL calls the token, `at`
    where its gateway listens, as far as that is certain."""

    task: str
    ports: Mapping[str, str]
    secret: bool = False
    query: str = ""
    at: Mapping[str, int] = field(default_factory=dict)

    def url(self, root: str, name: str, token: str) -> str:
        """Where a browser finds a port of it, with the token where the URL may have it."""
        query = f"?{self.query}={quote(token, safe='')}" if self.query and token else ""
        return f"{root}{self.ports[name]}{query}"


def of(workflow: Workflow) -> list[Session]:
    """The interactive tasks of a Workflow. A description that cannot be read is none."""
    text = (workflow["metadata"].get("annotations") or {}).get(SESSIONS)
    try:
        found: dict[str, Any] = json.loads(text) if text else {}
        return [
            Session(
                task, dict(about["ports"]), "token" in about, (about.get("token") or {}).get("query") or "",
                dict(about.get("at") or {}),
            )
            for task, about in found.items()
        ]  # fmt: skip
    except (ValueError, TypeError, AttributeError, LookupError):
        return []


def choose(workflow: Workflow, task: str | None) -> Session:
    """The interactive task that is meant: `task`, or the only one. Raises UsageError, NotFoundError."""
    run, found = workflow["metadata"]["name"], of(workflow)
    if not found:
        raise UsageError(f"{run} has no interactive task", hint="an asset is interactive with mode: interactive")
    names = [session.task for session in found]
    if task is None and len(found) > 1:
        raise UsageError(f"{run} has {len(found)} interactive tasks", hint=f"--task {' or '.join(names)}")
    wanted = names if task is None else [_ITEMS.sub("", name) for name in (task, *task_names(workflow, task))]
    chosen = next((session for session in found if session.task in wanted), None)
    if chosen is None:
        raise NotFoundError(f"{run} has no interactive task {task}", hint=did_you_mean(task or "", names))
    return chosen


def secret(workflow: Workflow) -> list[Object]:
    """The Secret with a new token, where a task of the Workflow takes one from it."""
    if not any(session.secret for session in of(workflow)):
        return []
    value = base64.b64encode(secrets.token_hex(24).encode()).decode()
    name = secret_name(workflow["metadata"]["name"])
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": {KEY: value}}]


def secret_name(run: str) -> str:
    """The name of a run's Secret with the token."""
    return f"{run}-session"


def listening(lines: Iterable[LogLine], wanted: Sequence[str]) -> dict[str, int]:
    """The ports on which a gateway listens, by name, out of its log; those that it has not said yet are missing."""
    found: dict[str, int] = {}
    for line in lines:
        match = _LISTENS.fullmatch(line.text) if line.container == "main" else None
        if match is not None and match[1] in wanted:
            found[match[1]] = int(match[2])
        if len(found) == len(wanted):
            break
    return found
