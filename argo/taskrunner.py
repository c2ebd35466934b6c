"""A Task Runner for this machine: the API of one, jobs that run nothing, and failures on demand.

POST /job and GET /jobstatus?job_id= as Atom Workflows calls them; DELETE /job?job_id= cancels; GET /jobs lists. A
second POST with the same `Idempotency-Key` is the first one.
"""

from __future__ import annotations

import fnmatch
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from argo.errors import UsageError
from argo.listening import http_server, is_bearer

BEHAVIOURS: Final = {
    "succeed": "ends as SUCCEEDED",
    "fail": "ends as FAILED",
    "cancel": "ends as CANCELLED",
    "flap": "every other answer is 503, the connection of every fifth is cut",
    "lose": "the answer to the first POST is lost, though the job was started",
    "refuse": "its POST is answered with 400",
    "unauthorized": "its status is answered with 401",
    "forget": "its status is answered with 404",
    "slow": "takes ten times as long",
    "hang": "never ends",
}
_STATES: Final = ("NEW", "QUEUED", "PREPARING", "LOADING", "RUNNING")
_LIMIT: Final = 1 << 20  # bytes of a request
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


class Rule(NamedTuple):
    """What becomes of the jobs whose name or image a shell pattern matches."""

    pattern: str
    behaviour: str

    @classmethod
    def parse(cls, text: str) -> Rule:
        """`PATTERN=BEHAVIOUR`. Raises UsageError."""
        pattern, equals, behaviour = text.rpartition("=")
        if not equals or behaviour not in BEHAVIOURS:
            raise UsageError(f"--on takes PATTERN=BEHAVIOUR, not {text!r}", hint=f"one of: {', '.join(BEHAVIOURS)}")
        return cls(pattern, behaviour)

    def fits(self, job: dict[str, Any]) -> bool:
        """Whether the job's name or image is meant, the image also by its last part without the tag."""
        image = str(job.get("imageUri") or "")
        words = (str(job.get("job_name") or ""), image, image.rpartition("/")[2].partition(":")[0])
        return any(fnmatch.fnmatchcase(word, self.pattern) for word in words)


DEFAULT_RULES: Final = (Rule("error", "fail"),)


@dataclass(slots=True)
class Job:
    """A job: what was asked for, and how it goes."""

    id: str
    asked: dict[str, Any]
    behaviour: str
    seconds: float
    begun: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    answers: int = 0

    def state(self) -> str:
        """Its state now."""
        if self.cancelled:
            return "CANCELLED"
        part = (time.monotonic() - self.begun) / (self.seconds or 1e-9)
        if part < 1 or self.behaviour == "hang":
            return _STATES[min(int(part * len(_STATES)), len(_STATES) - 1)]
        return {"fail": "FAILED", "cancel": "CANCELLED"}.get(self.behaviour, "SUCCEEDED")

    def as_json(self) -> dict[str, Any]:
        state = self.state()
        message = "as it was told to" if state in ("FAILED", "CANCELLED") else ""
        return {"jobId": self.id, "state": state, "message": message}


class TaskRunner:
    """The jobs. `seconds` is how long one takes; `token`, where there is one, every request has to bring."""

    def __init__(self, rules: Sequence[Rule] = (), seconds: float = 1.0, token: str = "") -> None:
        self.rules = (*rules, *DEFAULT_RULES)
        self.seconds = seconds
        self.token = token
        self.jobs: dict[str, Job] = {}
        self._by_key: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, asked: dict[str, Any], key: str) -> tuple[Job, bool]:
        """The job for a request, and whether it is a new one."""
        with self._lock:
            if key and key in self._by_key:
                return self._by_key[key], False
            behaviour = next((rule.behaviour for rule in self.rules if rule.fits(asked)), "succeed")
            seconds = self.seconds * 10 if behaviour == "slow" else self.seconds
            job = Job(f"job-{uuid4().hex[:12]}", asked, behaviour, seconds)
            self.jobs[job.id] = job
            if key:
                self._by_key[key] = job
            return job, True

    def allows(self, authorization: str) -> bool:
        """Whether a request may pass."""
        return not self.token or is_bearer(authorization, self.token)


class _Cut(Exception):  # noqa: N818  (the connection is to end without an answer)
    pass


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    runner: TaskRunner
    quiet = True
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        self._guarded(self._post)

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_DELETE(self) -> None:
        self._guarded(self._delete)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        if not self.quiet:
            super().log_message(format, *args)

    def _guarded(self, handle: Any) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(max(length, 0), _LIMIT))
            if not self.runner.allows(self.headers.get("Authorization", "")):
                self._answer(401, {"error": "the token is not valid"})
            else:
                handle(body)
        except _Cut:
            self.close_connection = True
            self.connection.close()
        except (ValueError, OSError):
            self.close_connection = True

    def _post(self, body: bytes) -> None:
        if urlsplit(self.path).path != "/job":
            return self._answer(404, {"error": "POST /job"})
        try:
            asked = json.loads(body)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or not (asked.get("imageUri") or asked.get("url")):
            return self._answer(400, {"error": "a job has an imageUri, or the url of an engine"})
        job, new = self.runner.start(asked, self.headers.get("Idempotency-Key", ""))
        if job.behaviour == "refuse":
            return self._answer(400, {"error": "refused, as it was told to"})
        if job.behaviour == "lose" and new:
            raise _Cut
        return self._answer(200, {"job": job.as_json()})

    def _get(self, _body: bytes) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/jobs":
            return self._answer(200, {"jobs": [{**job.asked, **job.as_json()} for job in self.runner.jobs.values()]})
        if parts.path != "/jobstatus":
            return self._answer(404, {"error": "GET /jobstatus?job_id="})
        job = self._job(parts.query)
        if job is None or job.behaviour == "forget":
            return self._answer(404, {"error": "no such job"})
        if job.behaviour == "unauthorized":
            return self._answer(401, {"error": "the token is not valid, as it was told to"})
        job.answers += 1
        if job.behaviour == "flap" and job.answers % 5 == 0:
            raise _Cut
        if job.behaviour == "flap" and job.answers % 2:
            return self._answer(503, {"error": "as it was told to"})
        return self._answer(200, {"job": job.as_json()})

    def _delete(self, _body: bytes) -> None:
        job = self._job(urlsplit(self.path).query)
        if job is None:
            return self._answer(404, {"error": "no such job"})
        if job.state() not in _ENDED:
            job.cancelled = True
        return self._answer(200, {"job": job.as_json()})

    def _job(self, query: str) -> Job | None:
        return self.runner.jobs.get((parse_qs(query).get("job_id") or [""])[0])

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def server(runner: TaskRunner, host: str, port: int, *, quiet: bool = True) -> ThreadingHTTPServer:
    """A server that listens; `argo.listening.serve` serves. Raises EnvironmentFailure."""
    handler = type("BoundHandler", (Handler,), {"runner": runner, "quiet": quiet})
    return http_server(handler, host, port)
