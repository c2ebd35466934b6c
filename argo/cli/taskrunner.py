"""`argosy task-runner`: a Task Runner on this machine, to try DAGs with; and what `argosy run` gives to one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from argo.cli import serving
from argo.errors import ArgosyError, EnvironmentFailure, UsageError

if TYPE_CHECKING:
    from argo.backend import RunRef
    from argo.local.home import Home

SECRET, KEY = "task-runner", "token"
URL, INTERVAL = "tr-url", "tr-interval"
_INTERVAL = "WORKFLOW_CHECK_STATE_DURATION_SEC"
_JWT = "WORKFLOW_TR_AUTH_JWT"
_CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
_RENEW, _AGAIN = 2700.0, 60.0  # seconds after which a token of an hour is renewed, and tried again to be
_HELP = """Jobs whose name or image fits, as in 'error*=fail'. Behaviours: succeed, fail, cancel, flap, lose, refuse,
unauthorized, forget, slow, hang."""


@click.command("task-runner", short_help="Serve a Task Runner that runs nothing and fails on demand.")
@click.option("--on", "rules", metavar="PATTERN=BEHAVIOUR", multiple=True,
              help=_HELP)  # fmt: skip
@click.option("--seconds", type=click.FloatRange(min=0), default=2.0, show_default=True, help="How long a job takes.")
@click.option("-q", "--quiet", is_flag=True, help="Do not log requests.")
@serving.options
def task_runner(rules: tuple[str, ...], seconds: float, quiet: bool, door: serving.Door) -> int:
    """Serve the API of a Task Runner on this machine, until Ctrl-C: jobs go through its states and run nothing.

    Jobs with an image named `error` fail; --on says more, the first rule that fits counts.
    """
    from argo.cli.output import say
    from argo.serve.process import serve
    from argo.serve.task_runner import Rule, TaskRunner, application

    runner = TaskRunner([Rule.parse(rule) for rule in rules], seconds)
    opened = door.open("task-runner.token")
    say(
        f"a Task Runner at {opened.url}",
        f"try it with: argosy run --workflow-path DAG.yaml --tr-url {opened.url} "
        f"--tr-auth-jwt {f'@{opened.token}' if opened.token else 'none'}",
    )
    serve(application(runner, opened.admit, (lambda _: None) if quiet else say), opened.listener)
    return 0


class RunnerOptions(NamedTuple):
    """The options that name the DAG and its Task Runner."""

    path: str | None
    url: str | None
    jwt: str | None

    @property
    def paths(self) -> tuple[str, ...]:
        """The DAG."""
        return () if self.path is None else (self.path,)

    def parameters(self, given: Mapping[str, str], declared: Mapping[str, Any]) -> dict[str, str]:
        """`-p` with what the options and the environment say of the Task Runner. Raises UsageError."""
        values = dict(given)
        if self.url is not None:
            require_url(self.url)
            values[URL] = self.url
        seconds = os.environ.get(_INTERVAL)
        if seconds and INTERVAL in declared and INTERVAL not in values:
            if not seconds.isascii() or not seconds.isdigit() or not 1 <= int(seconds) <= 3600:
                raise UsageError(f"{_INTERVAL} is a number of seconds from 1 to 3600, not {seconds!r}")
            values[INTERVAL] = str(int(seconds))
        return values

    def token(self, values: Mapping[str, str]) -> str:
        """The token for the Task Runner, empty where there is none: that of the option, else of the environment, else
        a Google ID token where a service account is named. Raises UsageError, EnvironmentFailure."""
        from argo.cli.output import say

        jwt = self.jwt
        if jwt is not None and jwt.startswith("@"):
            return read_file(Path(jwt[1:]).expanduser())
        if jwt is not None:
            if jwt not in ("", "none"):
                say(f"warning: the process list shows the token to all users of this machine; use {_JWT}, or @FILE")
            return jwt
        if os.environ.get(_JWT):
            return os.environ[_JWT]
        renew = self.renewal(values)
        return renew() if renew is not None else ""

    def renewal(self, values: Mapping[str, str]) -> Callable[[], str] | None:
        """Return a function that gives a new token, or None; only Google's tokens expire and are renewed."""
        account, url = os.environ.get(_CREDENTIALS), values.get(URL)
        if self.jwt is not None or os.environ.get(_JWT) or not account or not url:
            return None
        return lambda: _google(account, url)


def require_url(url: str) -> None:
    """Raises UsageError for what is no URL of a Task Runner."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--tr-url is a URL, not {url!r}", hint="write https://runner.example.com")


def options(command: Callable[..., int]) -> Callable[..., int]:
    """`--workflow-path`, `--tr-url` and `--tr-auth-jwt`, as the users of Atom Workflows type them: `runner`."""

    @wraps(command)
    def taken(*, path: str | None, tr_url: str | None, jwt: str | None, **others: Any) -> int:
        return command(runner=RunnerOptions(path, tr_url, jwt), **others)

    for option in (
        click.option("--tr-auth-jwt", "jwt", metavar="JWT|@FILE", help=f"Token for the Task Runner; else in {_JWT}."),
        click.option("--tr-url", "--tr-hostname", "tr_url", metavar="URL", help="The Task Runner of an Atom DAG."),
        click.option("--workflow-path", "--dag-path", "path", metavar="PATH", help="The DAG, as Atom's users say it."),
    ):
        taken = option(taken)
    return taken


def keep(home: Home, ref: RunRef, token: str, renew: Callable[[], str] | None = None) -> None:
    """Keep the token as the run's own Secret: it stands in no manifest. With `renew` it is a new one in time, as long
    as this process is there."""
    if token:
        home.give_secret(ref.uid, SECRET, KEY, token.encode())
    if token and renew is not None:
        threading.Thread(target=renewing, args=(home, ref, renew), daemon=True).start()


def renewing(home: Home, ref: RunRef, renew: Callable[[], str], wait: Callable[[float], object] = time.sleep) -> None:
    """Give a run new tokens, before the ones that it has end."""
    from argo.cli.output import say

    pause = _RENEW
    while True:
        wait(pause)
        try:
            home.renew_secret(ref.uid, SECRET, KEY, renew().encode())
            pause = _RENEW
        except (ArgosyError, OSError) as error:
            say(f"warning: no new token for the Task Runner: {error}")
            pause = _AGAIN


def read_file(path: Path) -> str:
    """A token in a file. Raises EnvironmentFailure."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise EnvironmentFailure(
            f"the token cannot be read from {path}: {reason}", known="nothing was started"
        ) from error


def _google(account: str, audience: str) -> str:
    """An ID token of a service account for the Task Runner; Google gives it for an hour."""
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
        from google.oauth2.service_account import IDTokenCredentials
    except ImportError:
        from argo.app.installed import install

        hint = f"{install('google')}; or give the token: --tr-auth-jwt @FILE"
        raise UsageError(f"{_CREDENTIALS} is set, and google-auth is not installed", hint=hint) from None
    try:
        credentials = IDTokenCredentials.from_service_account_file(account, target_audience=audience)  # type: ignore[no-untyped-call]
        credentials.refresh(Request())
    except (OSError, ValueError, GoogleAuthError) as error:
        what = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise EnvironmentFailure(
            f"Google gives no identity token: {what}",
            tried=f"the service account in {account}, for {audience}",
            known="nothing was started",
            hint="give a token: --tr-auth-jwt @FILE",
        ) from error
    return str(credentials.token)
