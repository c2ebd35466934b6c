"""`argosy atom`: what Atom Workflows' server mode was, for those who trigger DAGs by a request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from argo.cli.taskrunner import read_file, require_url

if TYPE_CHECKING:
    from argo.atom import Ended

_PATIENCE = 30.0  # seconds in which runs under way may be left


@click.command(short_help="Run DAGs of Atom Workflows when a request asks for it.")
@click.option("--tr-url", "runners", metavar="URL", multiple=True, required=True,
              help="A Task Runner that requests may name; the first is the default.")  # fmt: skip
@click.option("--allow", "places", metavar="FOLDER|URL", multiple=True, default=(".",), show_default=True,
              help="Where DAGs may lie: a folder, or the beginning of gs://, s3:// or https:// URLs.")  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, envvar="PORT",
              show_envvar=True, help="0: any that is free.")  # fmt: skip
@click.option("--token-file", type=click.Path(path_type=Path), help="Ask every request for the token in this file.")
def atom(runners: tuple[str, ...], places: tuple[str, ...], host: str, port: int, token_file: Path | None) -> int:
    """Serve POST / `{"tr-url", "workflow-path"}`, as Atom Workflows' server mode did, until SIGTERM or Ctrl-C.

    The answer comes at the DAG's end: 200 when it succeeded, 500 when it failed, 400 for what cannot be run. The token
    for the Task Runner is that of `argosy run`: WORKFLOW_TR_AUTH_JWT, or a Google ID token.
    """
    from argo.atom import Flows, server
    from argo.cli.output import say
    from argo.listening import serve

    for url in runners:
        require_url(url)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    children = _Children()
    token = read_file(token_file) if token_file else ""
    serving = server(Flows(runners, places, children.run, token), host, port)
    say(f"POST http://{host}:{serving.server_address[1]}/ runs DAGs in {', '.join(places)}")
    if host not in ("127.0.0.1", "localhost", "::1") and not token:
        say("note: whoever reaches this can run them: --token-file asks for a token")
    serve(serving)
    if left := children.end():
        say(f"{left} left; argosy list shows them, argosy resume goes on")
    return 0


class _Children:
    """The runs under way, each `argosy run` in a process of its own."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def run(self, path: str, runner: str) -> Ended:
        """Run a DAG to its end."""
        from argo.atom import Ended

        command = [sys.executable, "-m", "argo.cli", "run", "--workflow-path", path, "--tr-url", runner, "-o", "json"]
        with self._lock:
            process = subprocess.Popen(
                [*command, "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                text=True,
            )
            self._running.add(process)
        try:
            out, err = process.communicate()
        finally:
            self._running.discard(process)
        return Ended(process.returncode, _reason(out, err))

    def end(self) -> int:
        """Have the runs left as Ctrl-C leaves them; how many there were."""
        with self._lock:
            running = [process for process in self._running if process.poll() is None]
            for process in running:
                process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        return len(running)


def _reason(out: str, err: str) -> str:
    """Why a run failed: what its failed tasks say, else the error."""
    try:
        tasks = json.loads(out)["tasks"]
    except (ValueError, LookupError, TypeError):
        return " ".join(err.split())[:2000]
    failed = [f"{name}: {task.get('message') or task['phase']}" for name, task in tasks.items()
              if task["phase"] in ("Failed", "Error")]  # fmt: skip
    return "; ".join(failed)[:2000]
