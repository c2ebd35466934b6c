"""`argosy atom`: what Atom Workflows' server mode was, for those who trigger DAGs by a request."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from argo.cli import serving
from argo.cli.taskrunner import require_url

if TYPE_CHECKING:
    from argo.serve.atom import RunExit

_PATIENCE = 30.0  # seconds in which runs under way may be left


@click.command(short_help="Run DAGs of Atom Workflows when a request asks for it.")
@click.option("--tr-url", "runners", metavar="URL", multiple=True, required=True,
              help="A Task Runner that requests may name; the first is the default.")  # fmt: skip
@click.option("--allow", "places", metavar="FOLDER|URL", multiple=True, default=(".",), show_default=True,
              help="Where DAGs may lie: a folder, or the beginning of gs://, s3:// or https:// URLs.")  # fmt: skip
@serving.options
def atom(runners: tuple[str, ...], places: tuple[str, ...], door: serving.Door) -> int:
    """Serve POST / `{"tr-url", "workflow-path"}`, as Atom Workflows' server mode did, until SIGTERM or Ctrl-C.

    The answer comes at the DAG's end: 200 when it succeeded, 500 when it failed, 400 for what cannot be run. A DAG is a
    file in YAML or JSON; Python is not run by request. The token for the Task Runner is that of `argosy run`:
    WORKFLOW_TR_AUTH_JWT, or a Google ID token.
    """
    from argo.cli.output import say
    from argo.serve.atom import Flows, application
    from argo.serve.process import serve

    for url in runners:
        require_url(url)
    children = _Children()
    opened = door.open("atom.token", types=("application/x-www-form-urlencoded",))  # what curl -d says of JSON
    say(f"POST {opened.url}/ runs DAGs in {', '.join(places)}", opened.header)
    serve(application(Flows(runners, places, children.run), opened.admit), opened.listener, ending=children.end)
    if children.left:
        say(f"{children.left} left; argosy list shows them, argosy resume goes on")
    return 0


class _Children:
    """The runs under way, each `argosy run` in a process of its own."""

    def __init__(self) -> None:
        self.left = 0
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def run(self, path: str, runner: str) -> RunExit:
        """Run a DAG to its end."""
        from argo.serve.atom import RunExit

        command = [sys.executable, "-P", "-m", "argo.cli", "run", "--workflow-path", path, "--tr-url", runner]
        with self._lock:
            process = subprocess.Popen(
                [*command, "-o", "json", "--quiet"],
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
        return RunExit(process.returncode, _reason(out, err))

    def end(self) -> None:
        """Have the runs left as Ctrl-C leaves them: `left` counts them."""
        with self._lock:
            running = [process for process in self._running if process.poll() is None]
            for process in running:
                process.terminate()
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
        self.left = len(running)


def _reason(out: str, err: str) -> str:
    """Why a run failed: what its failed tasks say, else the error."""
    try:
        tasks = json.loads(out)["tasks"]
    except (ValueError, LookupError, TypeError):
        return " ".join(err.split())[:2000]
    failed = [f"{name}: {task.get('message') or task['phase']}" for name, task in tasks.items()
              if task["phase"] in ("Failed", "Error")]  # fmt: skip
    return "; ".join(failed)[:2000]
