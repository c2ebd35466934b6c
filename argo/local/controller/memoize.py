"""Memoised templates: outputs kept in a ConfigMap under a key.

Facts: Argo workflow/controller/cache/configmap_cache.go, cache.go (Entry).
"""

from __future__ import annotations

import json
import re
from typing import TypedDict

from argo.expressions.gojson import marshal
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import duration
from argo.local.controller.leaves import new_node
from argo.local.controller.state import Execution, State
from argo.workflow.values import format_time, parse_time
from compiler.manifest_types import MemoizationStatus, NodeStatus, ObjectMeta, Outputs

_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_LABEL = "workflows.argoproj.io/configmap-type"
_TYPES = {"dag": "DAG", "steps": "Steps", "suspend": "Suspend"}


class CacheEntry(TypedDict, total=False):
    """A node as the cache keeps it, and as Argo writes it (cache.go: Entry)."""

    nodeID: str
    outputs: Outputs | None
    creationTimestamp: str
    lastHitTimestamp: str


def load(state: State, execution: Execution) -> NodeStatus | None:
    """A node that has succeeded with the outputs of the cache; None when there is nothing fresh in it."""
    entry = _entry(state, execution)
    if entry is None:
        return None
    kind = next((name for field, name in _TYPES.items() if execution.template.get(field) is not None), "Pod")
    if execution.template.get("retryStrategy") is not None:
        kind = "Retry"
    node = state.create(new_node(execution, kind, "Pending"))
    node["memoizationStatus"] = _status(execution, hit=True)
    if outputs := entry.get("outputs"):
        node["outputs"] = outputs
    return state.mark(node, "Succeeded")


def track(state: State, execution: Execution, node: NodeStatus) -> None:
    """Record on the node that its outputs are to be kept, and keep them when it has succeeded."""
    if "memoizationStatus" not in node:
        node["memoizationStatus"] = _status(execution, hit=False)
        state.nodes.changed.add(node["id"])
    save(state, node)


def save(state: State, node: NodeStatus) -> None:
    """Keep the outputs of a node that has succeeded, once."""
    status = node.get("memoizationStatus")
    if status is None or status["hit"] or node["phase"] != "Succeeded":
        return
    name, key, now = status["cacheName"], status["key"], format_time(state.now)
    present = state.objects.config_map(name) or {"apiVersion": "v1", "kind": "ConfigMap"}
    data = dict(present.get("data") or {})
    if key in data and json.loads(data[key]).get("nodeID") == node["id"]:
        return
    entry: CacheEntry = {
        "nodeID": node["id"],
        "outputs": node.get("outputs"),
        "creationTimestamp": now,
        "lastHitTimestamp": now,
    }
    metadata: ObjectMeta = {**(present.get("metadata") or {}), "name": name, "labels": {_LABEL: "Cache"}}
    state.objects.create_config_map({**present, "metadata": metadata, "data": {**data, key: marshal(entry)}})


def _status(execution: Execution, hit: bool) -> MemoizationStatus:
    memoize = execution.template["memoize"]
    return {"hit": hit, "key": memoize["key"], "cacheName": memoize["cache"]["configMap"]["name"]}


def _entry(state: State, execution: Execution) -> CacheEntry | None:
    memoize = execution.template["memoize"]
    if not _KEY.fullmatch(memoize["key"]):
        raise ReconcileError(f"invalid cache key: {memoize['key']}")
    found = state.objects.config_map(memoize["cache"]["configMap"]["name"])
    raw = ((found or {}).get("data") or {}).get(memoize["key"])
    if raw is None:
        return None
    try:
        entry: CacheEntry = json.loads(raw)
    except ValueError as error:
        raise ReconcileError(f"invalid maxAge: {error}") from error
    age = duration(memoize["maxAge"], "invalid maxAge: ") if memoize.get("maxAge") else None
    if age is not None and state.now - parse_time(entry["creationTimestamp"]) > age:
        return None
    return entry
