"""Reads the logs of a run's pods, in the order of the tasks' start; of pods that are gone, the archived ones.

Facts: workflow/util/pod_name.go of Argo (format v2: a pod's name ends with the digits of its node's id); its executor
writes lines of its own among the container's, which have `argo=true`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING

from argo.backend import LogLine, RunRef
from argo.errors import NotFoundError, UsageError
from argo.workflow.status import relative
from argo.workflow.tasks import pods
from compiler.manifest_types import NodeStatus, Template, Workflow

if TYPE_CHECKING:
    from argo.storage import Store

_EXECUTOR = re.compile(r"time=\S+ level=\S+ msg=.* argo=true\b")
_FORMAT = "workflows.argoproj.io/pod-name-format"  # an annotation: v1 where pods have their nodes' ids as names
_LONGEST = 253 - 11  # of a pod's name without its digits


class PodLogs:
    """The logs of one run. `read` gives the run as it is, `archive` the store of archived logs."""

    def __init__(self, ref: RunRef, read: Callable[[], Workflow], archive: Callable[[Workflow], Store]) -> None:
        self._ref = ref
        self._read = read
        self._archive = archive

    def lines(self, task: str | None) -> Iterator[LogLine]:
        """Yield the lines written so far, tasks in the order of their start."""
        workflow = self._read()
        for node in pods(workflow, task):
            for container in containers(workflow, node):
                yield from self._written(workflow, node, container)

    def follow(self, task: str | None) -> Iterator[LogLine]:
        """Yield lines as they come until the run has ended; a broken stream goes on where it broke."""
        raise NotImplementedError

    def _texts(self, pod: str, container: str) -> Iterator[str]:
        """The lines of a container, so far. Raises NotFoundError for a pod that is gone, UsageError for a container
        that has not begun."""
        raise NotImplementedError

    def _written(self, workflow: Workflow, node: NodeStatus, container: str) -> Iterator[LogLine]:
        found = False
        try:
            for text in self._texts(pod_name(workflow, node), container):
                found = True
                yield from self._line(node, container, text)
        except (NotFoundError, UsageError):
            pass
        if not found:
            yield from self._archived(workflow, node, container)

    def _archived(self, workflow: Workflow, node: NodeStatus, container: str) -> Iterator[LogLine]:
        """The lines of a container's archived log, where the cluster keeps it."""
        artifacts = (node.get("outputs") or {}).get("artifacts") or ()
        keys = [(a.get("s3") or {}).get("key") for a in artifacts if a["name"] == f"{container}-logs"]
        for key in filter(None, keys):
            source = self._archive(workflow).open(key)
            with TextIOWrapper(source, encoding="utf-8", errors="replace", newline="\n") as text:
                for line in text:
                    yield from self._line(node, container, line.rstrip("\n"))

    def _line(self, node: NodeStatus, container: str, text: str) -> Iterator[LogLine]:
        """A line of the program; none where Argo's executor wrote it."""
        if not _EXECUTOR.match(text):
            yield LogLine(relative(node["name"], self._ref.name), container, text)


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
