"""Runs one job on a Task Runner: starts it once, follows it to its end, cancels it when told to stop."""

import json
import os
import random
import signal
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

Json = dict[str, Any]
TIMEOUT = 30  # seconds for one request
LIMIT = 1 << 20  # bytes of an answer
LONGEST = 60.0  # seconds between two attempts after failures
SETTINGS = os.environ


class Refused(Exception):
    """The Task Runner's answer will not change by asking again."""


class Stopped(Exception):
    """The pod is told to end."""


class SameHost(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would take the token elsewhere."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


OPENER = urllib.request.build_opener(SameHost)


def say(text: str) -> None:
    print(text, flush=True)


def job_of(arguments: list[str]) -> Json:
    """The job from `path=value` arguments: `=JSON`, `name=text`, `args[]=text`, `args.key=text`."""
    job: Json = {}
    for argument in arguments:
        path, _, value = argument.partition("=")
        name, dot, key = path.partition(".")
        if not path:
            job.update(json.loads(value))
        elif path.endswith("[]"):
            job.setdefault(path[:-2], []).append(value)
        elif dot:
            job.setdefault(name, {})[key] = value
        else:
            job[path] = value
    return job


class Identity:
    """The token for the Task Runner: from a file, which may be renewed, else a Google ID token."""

    def __init__(self) -> None:
        self.file = SETTINGS.get("TASK_RUNNER_TOKEN_FILE", "")
        self.audience = SETTINGS.get("TASK_RUNNER_AUDIENCE", "")
        self.token = ""
        self.until = 0.0

    def headers(self) -> dict[str, str]:
        token = self.read() or self.google()
        self.token = token
        return {"Authorization": "Bearer " + token} if token else {}

    def read(self) -> str:
        try:
            with open(self.file, encoding="utf-8") as file:
                return file.read().strip()
        except OSError:
            return ""

    def google(self) -> str:
        """From the metadata server (cloud.google.com/compute/docs/instances/verifying-instance-identity)."""
        if not self.audience:
            return ""
        if time.time() < self.until:
            return self.token
        host = SETTINGS.get("GCE_METADATA_HOST", "metadata.google.internal")
        query = urllib.parse.urlencode({"audience": self.audience, "format": "full"})
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?{query}"
        request = urllib.request.Request(url, headers={"Metadata-Flavor": "Google"})
        with OPENER.open(request, timeout=TIMEOUT) as answer:
            token: str = answer.read(LIMIT).decode().strip()
        self.until = time.time() + 1800  # it is good for an hour
        return token


class Runner:
    """One job on the Task Runner."""

    def __init__(self, job: Json) -> None:
        self.url = SETTINGS["TASK_RUNNER_URL"].rstrip("/")
        self.interval = float(SETTINGS.get("TASK_RUNNER_INTERVAL") or 10)
        self.patience = float(SETTINGS.get("TASK_RUNNER_PATIENCE") or 3600)
        node = SETTINGS.get("ARGO_NODE_ID") or socket.gethostname()
        self.key = f"{SETTINGS.get('TASK_RUNNER_RUN', '')}.{node}"
        self.identity = Identity()
        self.job = job
        self.id = ""
        self.state = ""
        self.busy = False
        self.stopped = False
        self.jitter = random.Random()

    def once(self, method: str, path: str, body: Json | None = None) -> dict[str, str]:
        """One request; the answer's job. Raises Refused, OSError for what may be tried again."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "argosy-task-runner/1"}
        headers.update(self.identity.headers())
        if body is not None:
            headers["Idempotency-Key"] = self.key
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with OPENER.open(request, timeout=TIMEOUT) as answer:
                text = answer.read(LIMIT)
        except urllib.error.HTTPError as error:
            what = f"{method} {path.partition('?')[0]} gave {error.code} {error.reason}"
            detail = error.read(500).decode(errors="replace").strip().replace(self.identity.token or "\0", "***")
            if error.code >= 500 or error.code in (408, 425, 429):
                raise ConnectionError(what) from None
            raise Refused(what + (": " + detail if detail else ""), error.code) from None
        try:
            job = json.loads(text)["job"]
            return {name: str(job.get(name) or "") for name in ("jobId", "state", "message")}
        except (ValueError, LookupError, TypeError, AttributeError):
            raise ConnectionError(f"{method} {path.partition('?')[0]} gave no job") from None

    def ask(self, method: str, path: str, body: Json | None = None) -> dict[str, str]:
        """The answer, asked for again while nothing but a failure of the way or of the server is in between."""
        wait, renewed = 1.0, False
        end = time.monotonic() + self.patience
        while True:
            sent = self.identity.token
            self.busy = body is not None
            try:
                job = self.once(method, path, body)
                self.id = self.id or job["jobId"]
                return job
            except Refused as error:
                self.identity.until = 0.0
                if error.args[1] != 401 or renewed or self.identity.headers().get("Authorization") == "Bearer " + sent:
                    raise
                renewed = True
                continue
            except OSError as error:
                reason = getattr(error, "reason", None) or error
                if time.monotonic() + wait > end:
                    raise Refused(f"no answer for {self.patience:.0f} s, at last: {reason}", 0) from None
                say(f"{reason}; again in {wait:.0f} s")
            finally:
                self.busy = False
                self.check()
            time.sleep(wait * self.jitter.uniform(0.8, 1.2))
            wait = min(wait * 2, LONGEST)

    def run(self) -> int:
        """Start the job and follow it; the exit code."""
        job = self.ask("POST", "/job", self.job)
        if not self.id:
            raise Refused("the Task Runner gave the job no id", 0)
        say(f"job {self.id} started")
        self.check()
        while not self.ended(job):
            time.sleep(self.interval)
            job = self.ask("GET", "/jobstatus?" + urllib.parse.urlencode({"job_id": self.id}))
        if place := SETTINGS.get("TASK_RUNNER_RESULT"):
            with open(place, "w", encoding="utf-8") as file:
                json.dump({**job, "jobId": self.id}, file)
        return 0 if self.state == "SUCCEEDED" else 1

    def ended(self, job: dict[str, str]) -> bool:
        if job["state"] != self.state:
            self.state = job["state"]
            say(f"job {self.id}: {self.state or 'no state'}" + (f": {job['message']}" if job["message"] else ""))
        return self.state in ("SUCCEEDED", "FAILED", "CANCELLED")

    def stop(self, *_signal: object) -> None:
        """Told to end: at once, but not while it is open whether the job was started."""
        self.stopped = True
        if not self.busy:
            self.check()

    def check(self) -> None:
        if self.stopped:
            raise Stopped

    def cancel(self) -> None:
        if not self.id:
            say("stopped before a job was known to be started")
            return
        try:
            self.once("DELETE", "/job?" + urllib.parse.urlencode({"job_id": self.id}))
            say(f"job {self.id} cancelled")
        except (Refused, OSError) as error:
            say(f"job {self.id} could not be cancelled, it may still run: {error.args[0] if error.args else error}")


def main() -> int:
    try:
        runner = Runner(job_of(sys.argv[1:]))
    except (ValueError, KeyError) as error:
        say(f"not a job: {error}")
        return 1
    signal.signal(signal.SIGTERM, runner.stop)
    signal.signal(signal.SIGINT, runner.stop)
    try:
        return runner.run()
    except Refused as error:
        say(f"failed: {error.args[0]}")
        return 1
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        runner.cancel()
        return 143


if __name__ == "__main__":
    sys.exit(main())
