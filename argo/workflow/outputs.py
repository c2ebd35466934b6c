"""Finds a run's results and where they lie, by pure functions of a Workflow object.

A run that Argosy compiled says so itself, in an annotation. For any other manifest the
results are the outputs of the entry node, then every node's output artifacts as `<task>/<artifact>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from argo.backend import FULFILLED
from argo.workflow.status import members, nodes_of, relative
from argo.workflow.values import named, text
from compiler.labels import RESULTS
from compiler.manifest_types import Artifact, NodeStatus, Workflow


class Declaration(TypedDict, total=False):
    """A result as the annotation declares it: which output of which task, and where that lies on the store."""

    task: str
    output: str
    kind: str
    key: str
    mediaType: str
    part: str


@dataclass(frozen=True, slots=True)
class Result:
    """One result of a run.

    `kind`: value (in `value`), file, archive (both one object as it is), directory (a tar or zip to unpack), files
    (all objects below the prefix `key`). `key` lies in `bucket`, empty for the default one. `packed` is how a
    directory is stored: "tar", "zip" or "none" (objects below a prefix). `path` is where the program wrote it.
    `ready` says whether the task that makes it has succeeded.
    """

    name: str
    kind: str
    task: str
    output: str
    key: str = ""
    bucket: str = ""
    value: str | None = None
    packed: str = "none"
    path: str = ""
    media_type: str = ""
    ready: bool = False

    def as_json(self) -> dict[str, object] | str | None:
        """As `argosy status -o json` shows it: a value as it is (None: not there), anything else described."""
        if self.kind == "value":
            return self.value
        value: dict[str, object] = {"kind": self.kind, "task": self.task, "output": self.output, "ready": self.ready}
        return {**value, "key": self.key, **({"mediaType": self.media_type} if self.media_type else {})}


def results(workflow: Workflow) -> list[Result]:
    """A run's results, in the order of their declaration."""
    annotations = workflow["metadata"].get("annotations") or {}
    if RESULTS in annotations:
        declared: dict[str, Declaration] = json.loads(annotations[RESULTS])
        nodes = {node["name"]: node for node in nodes_of(workflow).values()}
        return [_declared(workflow, nodes, name, entry) for name, entry in declared.items()]
    return list(_found(workflow))


def _declared(workflow: Workflow, nodes: dict[str, NodeStatus], name: str, entry: Declaration) -> Result:
    metadata = workflow["metadata"]
    run = metadata["name"]
    task, output, kind = entry["task"], entry["output"], entry["kind"]
    # Of a DAG that was split, the task is in a child Workflow, which this one tells of as a task.
    node = nodes.get(f"{run}.{task}") or nodes.get(f"{run}.{entry.get('part')}") or {}
    ready = node.get("phase") == "Succeeded"
    if kind == "value":
        value = _parameter(nodes.get(run) or {}, name)
        if value is None:
            value = _parameter(node, output)
        return Result(name, kind, task, output, value=value, ready=value is not None)
    artifact = named((node.get("outputs") or {}).get("artifacts"), output) or Artifact()
    location = artifact.get("s3") or {}
    prefix = f"runs/{metadata.get('namespace', 'default')}/{run}/{metadata.get('uid', '')}/"
    key = prefix + entry["key"] if kind == "files" else location.get("key") or prefix + entry["key"]
    return Result(
        name,
        kind,
        task,
        output,
        key=key,
        bucket=location.get("bucket") or "",
        packed=_packing(artifact, "tar" if kind == "directory" else "none"),
        path=artifact.get("path") or "",
        media_type=entry.get("mediaType") or "",
        ready=ready,
    )


def _found(workflow: Workflow) -> Iterator[Result]:
    run, nodes = workflow["metadata"]["name"], nodes_of(workflow)
    entry = next((node for node in nodes.values() if node["name"] == run), NodeStatus())
    for parameter in (entry.get("outputs") or {}).get("parameters") or ():
        if "value" in parameter:
            name = parameter["name"]
            yield Result(name, "value", "", name, value=text(parameter["value"]), ready=True)
    attempts = {attempt for _, attempt in members(nodes, "Retry")}
    others = [node for key, node in nodes.items() if node is not entry and key not in attempts]
    for node in (entry, *others):
        yield from _stored(node, "" if node is entry else relative(node["name"], run))


def _stored(node: NodeStatus, task: str) -> Iterator[Result]:
    """The output artifacts of a node that lie on the store, without its logs."""
    for artifact in (node.get("outputs") or {}).get("artifacts") or ():
        location, output = artifact.get("s3"), artifact["name"]
        if not location or output in ("main-logs", "init-logs", "wait-logs"):
            continue
        packed = _packing(artifact, "tar")
        yield Result(
            f"{task}/{output}" if task else output,
            "file" if packed == "none" else "directory",
            task,
            output,
            key=location["key"],
            bucket=location.get("bucket") or "",
            packed=packed,
            path=artifact.get("path") or "",
            ready=node.get("phase") in FULFILLED,
        )


def _packing(artifact: Artifact, default: str) -> str:
    archive = artifact.get("archive")
    if not archive:
        return "tar" if artifact.get("path") and default != "none" else default
    return next((name for name in ("none", "zip", "tar") if name in archive), default)


def _parameter(node: NodeStatus, name: str) -> str | None:
    parameter = named((node.get("outputs") or {}).get("parameters"), name)
    return text(parameter["value"]) if parameter and "value" in parameter else None
