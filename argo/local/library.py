"""The objects that a run on this machine may refer to: what was given with it, and the user's secrets."""

from __future__ import annotations

from argo.backend import Json
from argo.local.home import Home
from argo.local.state import State


class RunLibrary:
    """`argo.local.pods.Library` over the state: ConfigMaps and templates of one run, secrets of ARGOSY_HOME."""

    def __init__(self, state: State, home: Home, uid: str) -> None:
        self._state = state
        self._home = home
        self._uid = uid
        self._found: dict[tuple[str, str], Json | None] = {}

    def config_map(self, name: str) -> Json | None:
        return self._object("ConfigMap", name)

    def workflow_template(self, name: str) -> Json | None:
        return self._object("WorkflowTemplate", name)

    def cluster_workflow_template(self, name: str) -> Json | None:
        return self._object("ClusterWorkflowTemplate", name)

    def secret(self, name: str, key: str) -> bytes | None:
        return self._home.secret(name, key)

    def create_config_map(self, config_map: Json) -> None:
        value = {"apiVersion": "v1", "kind": "ConfigMap", **config_map}
        self._state.put_object(self._uid, value)
        self._found[("ConfigMap", value["metadata"]["name"])] = value

    def _object(self, kind: str, name: str) -> Json | None:
        if (kind, name) not in self._found:
            self._found[(kind, name)] = self._state.object(self._uid, kind, name)
        return self._found[(kind, name)]
