"""The objects that a run on this machine may refer to: what was given with it, and the user's secrets."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import argo.local.state.kept as kept
from argo.local.home import Home
from argo.local.state.database import State
from argo.local.state.memoized import LABEL, MemoCache, scope_of
from compiler.manifest_types import ClusterWorkflowTemplate, ConfigMap, Object, ObjectMeta, WorkflowTemplate


class LocalObjects:
    """`argo.local.pods.RunObjects` over the state: ConfigMaps and templates of one run, secrets of ARGOSY_HOME.

    What memoized templates keep belongs to all runs of the namespace.
    """

    def __init__(self, state: State, home: Home, uid: str) -> None:
        self._state = state
        self._home = home
        self._uid = uid
        self._found: dict[tuple[str, str], Object | None] = {}

    def config_map(self, name: str) -> ConfigMap | None:
        given = self._object("ConfigMap", name)
        if given is not None and not _of_memoized(given):
            return given
        kept = self._memoized.entries(name)
        if given is None and not kept:
            return None
        metadata: ObjectMeta = {"name": name, "labels": {LABEL: "Cache"}}
        return {"kind": "ConfigMap", "metadata": metadata, "data": {**((given or {}).get("data") or {}), **kept}}

    def workflow_template(self, name: str) -> WorkflowTemplate | None:
        return self._object("WorkflowTemplate", name) or self._kept("WorkflowTemplate", name)

    def cluster_workflow_template(self, name: str) -> ClusterWorkflowTemplate | None:
        return self._object("ClusterWorkflowTemplate", name) or self._kept("ClusterWorkflowTemplate", name)

    def secret(self, name: str, key: str) -> bytes | None:
        return self._home.secret(name, key, self._uid)

    def secret_keys(self, name: str) -> list[str] | None:
        return self._home.secret_keys(name, self._uid)

    def create_config_map(self, config_map: ConfigMap) -> None:
        value = cast("Object", {"apiVersion": "v1", "kind": "ConfigMap", **config_map})
        name = value["metadata"]["name"]
        if _of_memoized(value):
            self._memoized.keep(name, value.get("data") or {})
            return
        self._state.put_object(self._uid, value)
        self._found[("ConfigMap", name)] = value

    def _kept(self, kind: str, name: str) -> Object | None:
        namespace = "" if kind.startswith("Cluster") else self._state.row(self._uid).ref.namespace
        return kept.get(self._state, kind, namespace, name)

    @cached_property
    def _memoized(self) -> MemoCache:
        return MemoCache(self._state, scope_of(self._state.row(self._uid)))

    def _object(self, kind: str, name: str) -> Object | None:
        if (kind, name) not in self._found:
            self._found[(kind, name)] = self._state.object(self._uid, kind, name)
        return self._found[(kind, name)]


def _of_memoized(config_map: ConfigMap) -> bool:
    return bool((config_map["metadata"].get("labels") or {}).get(LABEL) == "Cache")
