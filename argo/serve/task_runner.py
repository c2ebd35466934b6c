"""A Task Runner for this machine: the API of one, jobs that run nothing, and failures on demand.

POST /job and GET /jobstatus?job_id= as Atom Workflows calls them; DELETE /job?job_id= cancels; GET /jobs lists. A
second POST with the same `Idempotency-Key` is the first one.
"""

from __future__ import annotations

import fnmatch
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from argo.errors import UsageError
from argo.serve.guard import Admit, Guard

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
    """A behaviour for the jobs whose name or image a shell pattern matches."""

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
        """True where the pattern matches the job's name or image, or the image's last part without the tag."""
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
    """The jobs, and the handlers of the routes. `seconds` is how long a job takes."""

    def __init__(self, rules: Sequence[Rule] = (), seconds: float = 1.0) -> None:
        self.rules = (*rules, *DEFAULT_RULES)
        self.seconds = seconds
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

    async def post(self, request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not (asked.get("imageUri") or asked.get("url")):
            raise HTTPException(400, "a job has an imageUri, or the url of an engine")
        job, new = self.start(asked, request.headers.get("Idempotency-Key", ""))
        if job.behaviour == "refuse":
            raise HTTPException(400, "refused, as it was told to")
        if job.behaviour == "lose" and new:
            _cut(request)
        return JSONResponse({"job": job.as_json()})

    async def listed(self, _request: Request) -> Response:
        return JSONResponse({"jobs": [{**job.asked, **job.as_json()} for job in self.jobs.values()]})

    async def status(self, request: Request) -> Response:
        job = self._job(request)
        if job.behaviour == "forget":
            raise HTTPException(404, "no such job")
        if job.behaviour == "unauthorized":
            raise HTTPException(401, "the token is not valid, as it was told to")
        job.answers += 1
        if job.behaviour == "flap" and job.answers % 5 == 0:
            _cut(request)
        elif job.behaviour == "flap" and job.answers % 2:
            raise HTTPException(503, "as it was told to")
        return JSONResponse({"job": job.as_json()})

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        if job.state() not in _ENDED:
            job.cancelled = True
        return JSONResponse({"job": job.as_json()})

    def _job(self, request: Request) -> Job:
        job = self.jobs.get(request.query_params.get("job_id", ""))
        if job is None:
            raise HTTPException(404, "no such job")
        return job


def application(runner: TaskRunner, admit: Admit, told: Callable[[str], object] = lambda _: None) -> ASGIApp:
    """The API of a Task Runner. `told` hears of each request."""
    routes = [
        Route("/job", runner.post, methods=["POST"]),
        Route("/job", runner.cancel, methods=["DELETE"]),
        Route("/jobs", runner.listed),
        Route("/jobstatus", runner.status),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refusal})
    guarded = Guard(app, admit, _refusal, _LIMIT)

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                told(f"{scope['method']} {scope['path']} {message['status']}")
            await send(message)

        await guarded(scope, receive, sending if scope["type"] == "http" else send)

    return logged


def _cut(request: Request) -> None:
    request.state.transport.abort()


async def _refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)
