"""Which pods a run has, and where their logs are: pure functions of a Workflow object.

Facts: workflow/util/pod_name.go of Argo (format v2: a pod's name ends with the digits of its node's id); its executor
writes lines of its own among the container's, which have `argo=true`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO

from argo.backend import LogLine
from compiler.manifest_types import NodeStatus, Template, Workflow

_EXECUTOR = re.compile(r"time=\S+ level=\S+ msg=.* argo=true\b")
_FORMAT = "workflows.argoproj.io/pod-name-format"  # an annotation: v1 where pods have their nodes' ids as names
_LONGEST = 253 - 11  # of a pod's name without its digits


def of_executor(text: str) -> bool:
    """True where a line is of Argo's executor, not of the program."""
    return _EXECUTOR.match(text) is not None


def by_pod(workflow: Workflow) -> dict[str, NodeStatus]:
    """The pods' nodes by the digits that their pods' names end with; a run's only pod by the empty text."""
    nodes = ((workflow.get("status") or {}).get("nodes") or {}).items()
    run = workflow["metadata"]["name"]
    return {"" if key == run else key.rpartition("-")[2]: node for key, node in nodes if node["type"] == "Pod"}


def pod_name(workflow: Workflow, node: NodeStatus) -> str:
    """The name of a node's pod."""
    run = workflow["metadata"]["name"]
    template = node.get("templateName") or (node.get("templateRef") or {}).get("template") or ""
    old = ((workflow["metadata"].get("annotations") or {}).get(_FORMAT) or "") == "v1"
    if old or node["id"] == run or not template:
        return str(node["id"])
    return f"{f'{run}-{template}'[:_LONGEST]}-{node['id'].rpartition('-')[2]}"


def containers(workflow: Workflow, node: NodeStatus) -> list[str]:
    """The containers of a pod that run the user's programs."""
    stored = (workflow.get("status") or {}).get("storedTemplates") or {}
    templates = [*(workflow["spec"].get("templates") or ()), *stored.values()]
    template = next((t for t in templates if t.get("name") == node.get("templateName")), Template())
    inner = (template.get("containerSet") or {}).get("containers") or ({"name": "main"},)
    return [container["name"] for container in (*inner, *(template.get("sidecars") or ()))]


def archived(node: NodeStatus, container: str) -> str | None:
    """The key of a container's archived log, where the cluster keeps it."""
    for artifact in (node.get("outputs") or {}).get("artifacts") or ():
        if artifact["name"] == f"{container}-logs" and (artifact.get("s3") or {}).get("key"):
            return str(artifact["s3"]["key"])
    return None


def read_archived(source: BinaryIO, task: str, container: str) -> Iterator[LogLine]:
    """The lines of an archived log."""
    with TextIOWrapper(source, encoding="utf-8", errors="replace", newline="\n") as text:
        for line in text:
            if not of_executor(line):
                yield LogLine(task, container, line.rstrip("\n"))
