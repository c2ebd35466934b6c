"""End what a killed supervisor left running where no process namespace ended it: processes of the pod, by its name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from argo.local.pods import PodRequest


def end_orphans(request: PodRequest) -> None:
    """Kill the processes of this user whose environment says that they are of this pod."""
    marks = {f"ARGO_NODE_ID={request.node_id}".encode(), f"ARGO_WORKFLOW_UID={request.workflow_uid}".encode()}
    for _ in range(10):  # what forks while it is being looked for is found the next time
        found = [pid for pid in _processes() if marks <= _environment(pid)]
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _processes() -> list[int]:
    try:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    except OSError:
        return []


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return set()
