"""Objects as an Argo Server shows them: what Go's encoding always writes, what `fields` leaves, what a list leaves out.

Facts: the recorded traffic of an Argo Server 4.1; Go writes structs without `omitempty` even when they are empty.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

from argo.local.controller.fields import only, without
from argo.serve.argo_api.errors import ApiError
from argo.workflow.gates import gates
from compiler.manifest_types import NodeStatus, Object, ObjectMeta, Template, Workflow, WorkflowSpec

Answer = dict[str, Any]
"""A JSON object as it is sent."""
Nodes = Mapping[str, NodeStatus]

_LISTED = ("name", "namespace", "uid", "creationTimestamp", "labels", "annotations")
_NEVER_RUN = {"succeeded": 0, "failed": 0, "phase": ""}
_LEAVES = frozenset({"Pod", "Suspend", "HTTP", "Plugin"})
_AMONG = re.compile(r"(?P<key>\S+) (?P<operator>in|notin)\s*\((?P<values>.*)\)")
_MANY = 1000  # nodes
_STATUS = ("phase", "startedAt", "finishedAt", "estimatedDuration", "progress", "message", "resourcesDuration")


def workflow(value: Workflow, version: int, generation: int) -> Answer:
    """One Workflow, whole."""
    metadata: Answer = {**value["metadata"], "resourceVersion": str(version), "generation": generation}
    metadata["managedFields"] = [_managed(value)]
    status: Answer = {"startedAt": None, "finishedAt": None, **(value.get("status") or {})}
    if status.get("nodes"):
        metadata["annotations"] = _annotated(value)
        nodes = status["nodes"] = _asking(value, progressed(status["nodes"]))
        pods = [node["phase"] for node in nodes.values() if node["type"] == "Pod" and node.get("startedAt")]
        if pods:
            running = {"type": "PodRunning", "status": str("Running" in pods)}
            status["conditions"] = [running, *(status.get("conditions") or ())]
    return {"metadata": metadata, "spec": spec(value["spec"]), "status": status}


def line(value: Workflow) -> Answer:
    """A Workflow in a list: without templates and nodes."""
    metadata, status = only(value["metadata"], *_LISTED), value.get("status") or {}
    if status.get("startedAt"):
        metadata["annotations"] = _annotated(value)
    given = value["spec"]
    kept = {"arguments": given.get("arguments") or {}, **({"suspend": True} if given.get("suspend") else {})}
    shown = {"startedAt": None, "finishedAt": None, **only(status, *_STATUS)}
    return {"metadata": metadata, "spec": kept, "status": shown}


def kept(value: Object) -> Answer:
    """A template or schedule."""
    made: Answer = {**without(value, "apiVersion", "kind")}
    if "workflowSpec" in made["spec"]:
        made["spec"] = {**made["spec"], "workflowSpec": spec(made["spec"]["workflowSpec"])}
        made["status"] = {**dict.fromkeys(("active", "lastScheduledTime", "conditions")), **_NEVER_RUN}
    else:
        made["spec"] = spec(made["spec"])
    return made


def spec(value: WorkflowSpec) -> WorkflowSpec:
    """A WorkflowSpec with its empty structs."""
    made: WorkflowSpec = {"arguments": {}, **value}
    if "templates" in made:
        made["templates"] = [_template(template) for template in made["templates"]]
    return made


def selected(value: Answer, fields: str) -> Answer:
    """Select the paths in `fields` (by commas; with `-` in front, all but them) from an object. Structs of Go stay."""
    if not fields:
        return value
    if fields.startswith("-"):
        made = copy.deepcopy(value)
        for path in fields[1:].split(","):
            _remove(made, path.split("."))
        return made
    return _skeleton(_picked(value, [path.split(".") for path in fields.split(",")]), value)


def matches(metadata: ObjectMeta, labels: str, fields: str = "") -> bool:
    """True where an object has the labels and fields that selectors want. Raises ApiError for a malformed selector."""
    found = metadata.get("labels") or {}
    if not all(_label(found, part) for part in _parts(labels)):
        return False
    for part in (part.strip() for part in fields.split(",") if part.strip()):
        key, same, wanted = _compared(part)
        if key not in ("metadata.name", "metadata.namespace", "metadata.uid"):
            raise ApiError(3, f"field label not supported: {key}")
        if (metadata.get(key.partition(".")[2]) == wanted) != same:
            return False
    return True


def _asking(value: Workflow, nodes: Nodes) -> Nodes:
    """The nodes, a gate that waits with its question as its message: Argo's UI shows no other text of a node."""
    asked = {node["id"]: gate.question for node, gate in gates(value) if gate.open and gate.question}
    return {**nodes, **{key: {"message": question, **nodes[key]} for key, question in asked.items()}}


def progressed(nodes: Nodes) -> Nodes:
    """The nodes, those that stand for others with the progress of all that came of them, as Argo tells it.

    Where there are many, theirs is left out: it would take time in proportion to the square of their number.
    """
    if len(nodes) > _MANY:
        return nodes
    return {key: _progressed(nodes, node) for key, node in nodes.items()}


def _progressed(nodes: Nodes, node: NodeStatus) -> NodeStatus:
    if node["type"] in _LEAVES or "progress" in node:
        return node
    leaves = [nodes[key] for key in _reached(nodes, node["id"]) if nodes[key]["type"] in _LEAVES]
    parts = [leaf["progress"].split("/") for leaf in leaves if "/" in leaf.get("progress", "")]
    done, whole = (sum(int(part[place]) for part in parts) for place in (0, 1))
    return {**node, "progress": f"{done}/{whole}"} if whole else node


def _reached(nodes: Nodes, key: str) -> set[str]:
    found: set[str] = set()
    open_ = [key]
    while open_:
        new = {child for child in nodes[open_.pop()].get("children") or () if child in nodes} - found
        found |= new
        open_ += new
    return found


def _annotated(value: Workflow) -> dict[str, str]:
    """The annotations of a run that has begun: its pods are named by their templates and nodes."""
    return {**(value["metadata"].get("annotations") or {}), "workflows.argoproj.io/pod-name-format": "v2"}


def _managed(value: Workflow) -> Answer:
    time = value["metadata"].get("creationTimestamp")
    fields = {"fieldsType": "FieldsV1", "fieldsV1": {}}
    return {"manager": "argosy", "operation": "Update", "apiVersion": "argoproj.io/v1alpha1", "time": time, **fields}


def _template(value: Template) -> Template:
    made: Template = {"inputs": {}, "outputs": {}, "metadata": {}, **value}
    if "container" in made:
        made["container"] = {"name": "", "resources": {}, **made["container"]}
    if "script" in made:
        made["script"] = {"name": "", "resources": {}, **made["script"]}
    if "dag" in made:
        made["dag"] = {**made["dag"], "tasks": [{"arguments": {}, **task} for task in made["dag"].get("tasks") or ()]}
    if "steps" in made:
        made["steps"] = [[{"arguments": {}, **step} for step in group] for group in made["steps"]]
    return made


def _picked(value: Any, paths: Iterable[list[str]]) -> Any:
    """The parts at the paths; lists are gone through."""
    if isinstance(value, list):
        return [_picked(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    below: dict[str, list[list[str]]] = {}
    whole = set()
    for path in paths:
        if len(path) == 1:
            whole.add(path[0])
        below.setdefault(path[0], []).append(path[1:])
    return {key: item if key in whole else _picked(item, below[key]) for key, item in value.items() if key in below}


def _skeleton(made: Answer, value: Answer) -> Answer:
    """With the structs that are written even where nothing of them was asked for."""
    if isinstance(value.get("items"), list):
        picked = made.get("items") or [{}] * len(value["items"])
        items = [_skeleton(*pair) for pair in zip(picked, value["items"], strict=True)]
        return {"metadata": made.get("metadata", {}), "items": items}
    result = {"metadata": made.get("metadata", {}), "spec": {"arguments": {}, **made.get("spec", {})}}
    if "status" in value:
        result["status"] = {"startedAt": None, "finishedAt": None, **made.get("status", {})}
    return result


def _remove(value: Any, path: list[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _remove(item, path)
    elif isinstance(value, dict) and path[0] in value:
        if len(path) == 1:
            del value[path[0]]
        else:
            _remove(value[path[0]], path[1:])


def _parts(selector: str) -> list[str]:
    """A label selector's requirements: commas inside brackets divide none."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(selector):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(selector[start:position])
            start = position + 1
    return [part.strip() for part in (*parts, selector[start:]) if part.strip()]


def _label(labels: Mapping[str, str], part: str) -> bool:
    """Facts: Kubernetes' labels.Parse."""
    if among := _AMONG.fullmatch(part):
        values = {item.strip() for item in among["values"].split(",")}
        return (labels.get(among["key"]) in values) == (among["operator"] == "in")
    if "=" in part:
        key, same, wanted = _compared(part)
        return bool(labels.get(key) == wanted) == same
    if part.startswith("!"):
        return part[1:].strip() not in labels
    return part in labels


def _compared(part: str) -> tuple[str, bool, str]:
    key, _, value = part.partition("=")
    if not _:
        raise ApiError(3, f"invalid selector: {part}")
    return key.rstrip("!").strip(), not key.endswith("!"), value.lstrip("=").strip()
