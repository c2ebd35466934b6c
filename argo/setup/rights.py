"""Who may do what in a namespace, as one table: the Roles of `argosy setup`, and what `argosy doctor` asks for.

Facts: docs/workflow-rbac.md of Argo 4.1; the calls are those of `argo.backends.kubernetes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ARGO = "argoproj.io"


@dataclass(frozen=True, slots=True)
class Right:
    """Verbs on a resource (`pods/log`: a part of it) of an API group (empty: the core), and what they are for."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    reason: str


EXECUTOR = (Right(ARGO, "workflowtaskresults", ("create", "patch"), "a pod tells the controller what it made"),)
"""Of Argo's executor, which runs beside the program. The program's own account may do nothing."""

PARTS = (Right(ARGO, "workflows", ("create", "get"), "a DAG that outgrew one Workflow starts its parts"),)
"""Of the executor, too, where DAGs are so large that they are split."""

OWNED = (Right("", "configmaps", ("create", "get"), "a run that an Argo Server was given makes its ConfigMaps"),)
"""Of the executor, too, where runs are submitted through an Argo Server, which makes no ConfigMaps."""

SUBMITTER = (
    Right(ARGO, "workflows", ("create",), "submit"),
    Right(ARGO, "workflows", ("get", "list", "watch"), "status, list, watch"),
    Right(ARGO, "workflows", ("update",), "stop, suspend, resume, approve, retry"),
    Right(ARGO, "workflows", ("delete",), "delete; taking back a submission that fails half-way"),
    Right(ARGO, "workflows/finalizers", ("update",), "owning ConfigMaps, where the cluster enforces that right"),
    Right(ARGO, "workflowtemplates", ("get",), "submit what is compiled to a template"),
    Right("", "configmaps", ("create", "get", "list", "delete"), "a run's own ConfigMaps"),
    Right("", "pods/log", ("get",), "logs"),
    Right("", "pods", ("delete",), "retry: the pods of what runs again"),
)
"""Of who submits and follows runs through the Kubernetes API. Through an Argo Server in client mode, too."""

SESSIONS = (
    Right("", "secrets", ("create", "get"), "the token of an interactive task; connect prints it"),
    Right("", "pods/portforward", ("create", "get"), "connect: the tunnel; which verb it takes depends on the cluster"),
)
"""Of the submitter, too, where assets are interactive. Secrets cannot be told apart by who made them."""

INGRESSES = (
    Right("", "services", ("create", "get"), "the way to an interactive task, where the profile has `sessions`"),
    Right("networking.k8s.io", "ingresses", ("create", "get"), "its host"),
)
"""Of the submitter, too, where people reach interactive tasks by Ingresses."""

POLICIES = (Right("networking.k8s.io", "networkpolicies", ("create", "get", "list"), "what extended assets reach"),)
"""Of the submitter, too, where assets are extended."""


def rules(rights: Sequence[Right]) -> list[dict[str, list[str]]]:
    """A Role's rules: a rule a resource."""
    found: dict[tuple[str, str], list[str]] = {}
    for right in rights:
        verbs = found.setdefault((right.group, right.resource), [])
        verbs += [verb for verb in right.verbs if verb not in verbs]
    return [
        {"apiGroups": [group], "resources": [resource], "verbs": verbs} for (group, resource), verbs in found.items()
    ]
