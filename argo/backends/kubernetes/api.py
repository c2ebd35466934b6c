"""Reads and writes the objects of one namespace of a Kubernetes API: Argo's, those that runs own, pods' logs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from argo.backend import RunRef
from argo.backends.kubernetes.errors import BrokenError, GoneError, refusal
from argo.backends.kubernetes.http import Client, Query
from argo.errors import ConflictError, NotFoundError
from argo.http import part
from compiler.labels import OWNER
from compiler.manifest_types import Object, Workflow

_ARGO, _NETWORK = "/apis/argoproj.io/v1alpha1", "/apis/networking.k8s.io/v1"
KINDS = {
    "Workflow": (_ARGO, "workflows"),
    "WorkflowTemplate": (_ARGO, "workflowtemplates"),
    "ClusterWorkflowTemplate": (_ARGO, "clusterworkflowtemplates"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Pod": ("/api/v1", "pods"),
    "Secret": ("/api/v1", "secrets"),
    "Service": ("/api/v1", "services"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Ingress": (_NETWORK, "ingresses"),
    "NetworkPolicy": (_NETWORK, "networkpolicies"),
}
"""The API and the plural of each kind."""
OWNED = ("ConfigMap", "Secret", "Service", "Ingress")
"""The kinds that a submission makes besides the Workflow, which owns them."""

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_PAGE = 100  # of objects of a megabyte each, at worst
_AGAIN = 5  # times that a list is begun anew
_WATCH = 60  # seconds after which the API server ends a watch, so that a half-open one is noticed
_SLACK = 15.0
_SILENT = 600.0  # seconds that a program may say nothing, before its log is asked for again


class Cluster(Client):
    """The objects of one namespace of a Kubernetes API."""

    def get(self, kind: str, name: str, namespace: str = "") -> Any:
        """One object. Raises NotFoundError, for what cannot be a name, too."""
        if not _NAME.fullmatch(name):
            raise NotFoundError(f"{name or 'an empty text'} is no name of an object")
        return self._call("GET", kind, name, namespace=namespace)

    def list(self, kind: str, selector: str = "") -> Iterator[Any]:
        """Objects of a kind, by pages. Where the list has become too old on the way, it is begun anew."""
        seen: set[str] = set()
        for attempt in range(_AGAIN):
            try:
                for item in self._pages(kind, selector):
                    if item["metadata"]["uid"] not in seen:
                        seen.add(item["metadata"]["uid"])
                        yield item
            except GoneError:
                if attempt == _AGAIN - 1:
                    raise
            else:
                return

    def create(self, value: Workflow | Object, *, once: bool = False) -> Any:
        """Make an object. Raises ConflictError where there is one of the name, maybe this one; with `once`
        UncertainError where nobody knows whether it was made."""
        return self._call("POST", value["kind"], value["metadata"]["name"], value, once=once)

    def replace(self, value: Workflow) -> None:
        """Write an object back; its resourceVersion guards against others.

        Raises ConflictError where others were faster, UncertainError where nobody knows whether it was written.
        """
        self._call("PUT", value["kind"], value["metadata"]["name"], value, once=True)

    def delete(self, kind: str, name: str, uid: str = "") -> None:
        """Remove an object, and in the background what it owns. One that is not there, or one under its name with
        another `uid`, stays as it is."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}} if uid else None
        with suppress(NotFoundError, ConflictError):
            self._call("DELETE", kind, name, body)

    def config_maps(self, ref: RunRef) -> Sequence[Object]:
        """The ConfigMaps that a run owns."""
        return [item for item in self.list("ConfigMap", f"{OWNER}={ref.name}") if ref.uid in owners(item)]

    def secret(self, name: str, key: str) -> bytes:
        """A value of a Secret. Raises NotFoundError, for a Secret without that key, too."""
        found = self.get("Secret", name)
        if key not in (found.get("data") or {}):
            raise NotFoundError(f"the Secret {name} has no {key}")
        return base64.b64decode(found["data"][key])

    def user(self) -> str:
        """Whose the credentials are. Raises NotFoundError where Kubernetes, before 1.28, does not say."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self.json("POST", path, "create selfsubjectreviews", body)
        return str(((found.get("status") or {}).get("userInfo") or {}).get("username") or "")

    def watch(self, run: str, version: str) -> Iterator[Any]:
        """Events of a Workflow after `version`, until the API server ends the watch.

        Raises GoneError for a version that is too old, BrokenError where the connection breaks.
        """
        query: Query = {
            "watch": "true", "fieldSelector": f"metadata.name={run}", "resourceVersion": version,
            "allowWatchBookmarks": "true", "timeoutSeconds": _WATCH,
        }  # fmt: skip
        what = f"watch workflows {run}"
        for line in self.lines(self._path("Workflow"), what, query, (_WATCH + _SLACK) * self.patience):
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
        path = f"{self._path('Pod', pod)}/log"
        for line in self.lines(path, f"get pods/log {pod}", query, _SILENT, rest=True):
            yield line.decode(errors="replace")

    def _pages(self, kind: str, selector: str) -> Iterator[Any]:
        query: dict[str, str | int] = {"limit": _PAGE, **({"labelSelector": selector} if selector else {})}
        while True:
            found = self.json("GET", self._path(kind), f"list {KINDS[kind][1]}", query=query)
            yield from found.get("items") or ()
            token = (found.get("metadata") or {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def _call(
        self, method: str, kind: str, name: str, body: Any = None, *, namespace: str = "", once: bool = False
    ) -> Any:
        path = self._path(kind, "" if method == "POST" else name, namespace)
        return self.json(method, path, f"{_VERBS[method]} {KINDS[kind][1]} {name}", body, once=once)

    def _path(self, kind: str, name: str = "", namespace: str = "") -> str:
        api, plural = KINDS[kind]
        within = "" if kind.startswith("Cluster") else f"/namespaces/{part(namespace or self.namespace)}"
        return f"{api}{within}/{plural}{f'/{part(name)}' if name else ''}"


def owners(value: Object) -> Sequence[str]:
    """The uids of an object's owners."""
    return [owner.get("uid") or "" for owner in value["metadata"].get("ownerReferences") or ()]
