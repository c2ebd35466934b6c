"""The objects of one namespace of a Kubernetes API: Argo's, ConfigMaps, pods and their logs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from argo.backend import RunRef
from argo.backends.kubernetes.errors import BrokenError, GoneError, refusal
from argo.backends.kubernetes.http import Client, Query
from argo.errors import ConflictError, NotFoundError
from argo.target import ClusterAddress
from compiler.labels import OWNER
from compiler.manifest_types import Object, Workflow

WORKFLOWS = "workflows"
OWNED = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses"),
}
"""What a submission makes besides the Workflow, which owns it: the API and the plural of each kind."""
_MADE = {**OWNED, "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies")}

_ARGO = "/apis/argoproj.io/v1alpha1"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_PAGE = 100  # of objects of a megabyte each, at worst
_AGAIN = 5  # times that a list is begun anew
_WATCH = 60  # seconds after which the API server ends a watch, so that a half-open one is noticed
_SLACK = 15.0
_SILENT = 600.0  # seconds that a program may say nothing, before its log is asked for again


class Cluster:
    """One Kubernetes API and namespace. `patience` scales all waiting times, for tests."""

    def __init__(self, address: ClusterAddress, namespace: str = "", patience: float = 1.0) -> None:
        self.client = Client(address, namespace, patience)
        self.patience = patience

    @property
    def namespace(self) -> str:
        return self.client.namespace

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def get(self, plural: str, name: str) -> Any:
        """One object of Argo's. Raises NotFoundError, for what cannot be a name, too."""
        if not _NAME.fullmatch(name):
            raise NotFoundError(f"{name or 'an empty text'} is no name of an object")
        return self.client.json("GET", self._argo(plural, name), f"get {plural} {name}")

    def get_of_cluster(self, plural: str, name: str) -> Any:
        """One object of Argo's that belongs to no namespace."""
        return self.client.json("GET", f"{_ARGO}/{plural}/{quote(name, safe='')}", f"get {plural} {name}")

    def list(self, plural: str, selector: str = "") -> Iterator[Any]:
        """Objects of Argo's, by pages. Where the list has become too old on the way, it is begun anew."""
        seen: set[str] = set()
        for attempt in range(_AGAIN):
            try:
                for item in self._pages(plural, selector):
                    if item["metadata"]["uid"] not in seen:
                        seen.add(item["metadata"]["uid"])
                        yield item
            except GoneError:
                if attempt == _AGAIN - 1:
                    raise
            else:
                return

    def create(self, plural: str, value: Workflow) -> Any:
        """Make an object of Argo's. Raises UncertainError where nobody knows whether it was made."""
        what = f"create {plural} {value['metadata']['name']}"
        return self.client.json("POST", self._argo(plural), what, value, once=True)

    def replace(self, plural: str, value: Workflow) -> None:
        """Write an object back; its resourceVersion guards against others.

        Raises ConflictError where others were faster, UncertainError where nobody knows whether it was written.
        """
        name = value["metadata"]["name"]
        self.client.json("PUT", self._argo(plural, name), f"update {plural} {name}", value, once=True)

    def delete(self, plural: str, name: str, uid: str) -> None:
        """Remove an object of Argo's, and in the background what it owns. One that is not there, or another one under
        its name, stays as it is."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        with suppress(NotFoundError, ConflictError):
            self.client.json("DELETE", self._argo(plural, name), f"delete {plural} {name}", body)

    def config_maps(self, ref: RunRef) -> Sequence[Object]:
        """The ConfigMaps that a run owns."""
        query = {"labelSelector": f"{OWNER}={ref.name}"}
        found = self.client.json("GET", self._core("configmaps"), "list configmaps", query=query)
        return [item for item in found.get("items") or () if ref.uid in owners(item)]

    def config_map(self, name: str, namespace: str = "") -> Object:
        """One ConfigMap."""
        found: Object = self.client.json("GET", self._core("configmaps", name, namespace), f"get configmaps {name}")
        return found

    def create_owned(self, value: Object) -> None:
        """Make one of what a run owns or needs. Raises ConflictError where there is one of the name, maybe this one."""
        root, plural = _MADE[value["kind"]]
        what = f"create {plural} {value['metadata']['name']}"
        self.client.json("POST", f"{root}{self._path(plural)}", what, value)

    def owned(self, kind: str, name: str) -> Any:
        """One of what runs own, or need. Raises NotFoundError."""
        root, plural = _MADE[kind]
        return self.client.json("GET", f"{root}{self._path(plural, name)}", f"get {plural} {name}")

    def secret(self, name: str, key: str) -> bytes:
        """A value of a Secret. Raises NotFoundError, for a Secret without that key, too."""
        found = self.owned("Secret", name)
        if key not in (found.get("data") or {}):
            raise NotFoundError(f"the Secret {name} has no {key}")
        return base64.b64decode(found["data"][key])

    def delete_config_map(self, name: str) -> None:
        """Remove a ConfigMap. One that is not there is removed."""
        with suppress(NotFoundError):
            self.client.json("DELETE", self._core("configmaps", name), f"delete configmaps {name}")

    def delete_pod(self, name: str) -> None:
        """Remove a pod. One that is not there is removed."""
        with suppress(NotFoundError):
            self.client.json("DELETE", self._core("pods", name), f"delete pods {name}")

    def user(self) -> str:
        """Whose the credentials are. Raises NotFoundError where Kubernetes, before 1.28, does not say."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self.client.json("POST", path, "create selfsubjectreviews", body)
        return str(((found.get("status") or {}).get("userInfo") or {}).get("username") or "")

    def watch(self, plural: str, name: str, version: str) -> Iterator[Any]:
        """Events of one object after `version`, until the API server ends the watch.

        Raises GoneError for a version that is too old, BrokenError where the connection breaks.
        """
        query: Query = {
            "watch": "true", "fieldSelector": f"metadata.name={name}", "resourceVersion": version,
            "allowWatchBookmarks": "true", "timeoutSeconds": _WATCH,
        }  # fmt: skip
        what = f"watch {plural} {name}"
        for line in self.client.lines(self._argo(plural), what, query, (_WATCH + _SLACK) * self.patience):
            try:
                event = json.loads(line)
                kind, value = event["type"], event["object"]
            except (ValueError, LookupError, TypeError):
                raise BrokenError("what came is no event", tried=what) from None
            if kind == "ERROR":
                raise refusal(value.get("code") or 500, value.get("message") or "", what)
            if kind != "BOOKMARK":
                yield event

    def log(self, pod: str, container: str, *, follow: bool) -> Iterator[str]:
        """Lines of a container, until it ends with `follow`. Raises NotFoundError for a pod that is gone, UsageError
        for a container that has not begun, BrokenError."""
        query: Query = {"container": container, **({"follow": "true"} if follow else {})}
        path = f"{self._core('pods', pod)}/log"
        for line in self.client.lines(path, f"get pods/log {pod}", query, _SILENT, rest=True):
            yield line.decode(errors="replace")

    def _pages(self, plural: str, selector: str) -> Iterator[Any]:
        query: dict[str, str | int] = {"limit": _PAGE, **({"labelSelector": selector} if selector else {})}
        while True:
            found = self.client.json("GET", self._argo(plural), f"list {plural}", query=query)
            yield from found.get("items") or ()
            token = (found.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def _argo(self, plural: str, name: str = "") -> str:
        return f"{_ARGO}{self._path(plural, name)}"

    def _core(self, plural: str, name: str = "", namespace: str = "") -> str:
        return f"/api/v1{self._path(plural, name, namespace)}"

    def _path(self, plural: str, name: str = "", namespace: str = "") -> str:
        inner = f"/{quote(name, safe='')}" if name else ""
        return f"/namespaces/{quote(namespace or self.namespace, safe='')}/{plural}{inner}"


def owners(value: Object) -> Sequence[str]:
    """The uids of an object's owners."""
    return [owner.get("uid") or "" for owner in value["metadata"].get("ownerReferences") or ()]
