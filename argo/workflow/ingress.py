"""Makes the Services and Ingresses that lead people to a run's interactive tasks, where its profile asks for them.

Facts: Kubernetes' networking.k8s.io/v1; what the manifest says is written by `compiler.lower.sessions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from argo.workflow.sessions import Session, of
from compiler.labels import INGRESS, SESSION_TASK
from compiler.manifest_types import Object, ObjectMeta, Workflow

_LABEL = 63  # characters of a name in DNS
_FIRST = 80  # a Service's first port


@dataclass(frozen=True, slots=True)
class Ingresses:
    """The Ingress settings of a Workflow: the host that the tasks' hosts are below, and who ends TLS. Namespaces of a
    cluster may have one host in common."""

    namespace: str
    host: str
    tls: bool = True
    class_: str = ""
    secret: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def url(self, run: str, session: Session, port: str) -> str:
        """Return the URL of one of a task's ports, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self._host(run, session, port)}"

    def objects(self, run: str, session: Session) -> list[Object]:
        """Make the Service and the Ingress of one task."""
        name = self._name(run, session.task)
        about: ObjectMeta = {"name": name, "labels": {SESSION_TASK: session.task}}
        ports = [
            {"name": port, "port": _FIRST + n, "targetPort": at} for n, (port, at) in enumerate(session.at.items())
        ]
        selector = {"workflows.argoproj.io/workflow": run, SESSION_TASK: session.task}
        service: Object = {
            "apiVersion": "v1", "kind": "Service", "metadata": about,
            "spec": {"selector": selector, "ports": ports},
        }  # fmt: skip
        hosts = {port: self._host(run, session, port) for port in session.at}
        spec: dict[str, object] = {
            "rules": [_rule(host, name, number) for number, host in enumerate(hosts.values(), _FIRST)]
        }
        if self.class_:
            spec["ingressClassName"] = self.class_
        if self.tls:
            spec["tls"] = [{"hosts": [*hosts.values()], **({"secretName": self.secret} if self.secret else {})}]
        ingress: Object = {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {**about, "annotations": dict(self.annotations)}, "spec": spec,
        }  # fmt: skip
        return [service, ingress]

    def _host(self, run: str, session: Session, port: str) -> str:
        return f"{self._name(run, session.task, port if len(session.at) > 1 else '')}.{self.host}"

    def _name(self, run: str, task: str, port: str = "") -> str:
        """Make a DNS name that tells run, task and port, and that nothing else has."""
        parts = [run, task, port]
        digest = hashlib.sha256("/".join((self.namespace, *parts)).encode()).hexdigest()[:8]
        told = "-".join(filter(None, parts)).replace(".", "-")
        told = told if told[0].isalpha() else f"s-{told}"  # a Service's begins with a letter
        return f"{told[: _LABEL - len(digest) - 1].rstrip('-')}-{digest}"


def way(workflow: Workflow) -> Ingresses | None:
    """Read a Workflow's Ingress settings from its annotation; None where it has none, or none that can be read."""
    text = (workflow["metadata"].get("annotations") or {}).get(INGRESS)
    try:
        about = json.loads(text) if text else {}
        return Ingresses(
            workflow["metadata"].get("namespace") or "", about["host"], about["tls"], about.get("class", ""),
            about.get("secret", ""), about.get("annotations", {}),
        )  # fmt: skip
    except (ValueError, TypeError, LookupError):
        return None


def objects(workflow: Workflow) -> list[Object]:
    """Make the Services and Ingresses of a Workflow's interactive tasks."""
    found = way(workflow)
    if found is None:
        return []
    run = workflow["metadata"]["name"]
    return [made for session in of(workflow) if session.at for made in found.objects(run, session)]


def _rule(host: str, service: str, port: int) -> dict[str, object]:
    backend = {"service": {"name": service, "port": {"number": port}}}
    return {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
