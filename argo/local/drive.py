"""The process that drives one run, without a terminal: `python -P -m argo.local.drive HOME UID`."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

from argo.backend import FINISHED
from argo.errors import ArgosyError, ConflictError, NotFoundError
from argo.local.backend import LocalBackend
from argo.local.engine import Observer
from argo.local.home import Home
from argo.workflow.tree import idle
from compiler.manifest_types import Workflow


def main(arguments: list[str]) -> int:
    """Drive the run until it has ended; the exit code. A run that another process drives is left to that."""
    root, uid = arguments
    os.chdir("/")  # whatever folder it was started in may be removed
    backend = LocalBackend(Home(Path(root)))
    try:
        ref = backend.state.row(uid).ref
        if (backend.get(ref).get("status") or {}).get("phase") not in FINISHED or backend.unfinished(ref):
            backend.drive(ref, _giving_way(backend))
            backend.revive()
    except (ConflictError, NotFoundError):  # driven by another, or deleted
        return 0
    except ArgosyError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        return error.exit_code
    finally:
        backend.close()
    return 0


def _giving_way(backend: LocalBackend) -> Observer:
    """Lets other runs begin when the run has come to wait for people."""
    changed = True

    def observe(workflow: Workflow, nodes: Collection[str]) -> None:
        nonlocal changed
        if not nodes and changed and idle(workflow):
            backend.revive()
        changed = bool(nodes)

    return observe


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
