"""The way to a Kubernetes cluster with Argo. Facts: the Kubernetes API's reviews of subjects and of access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from argo.backends.kubernetes.api import Cluster
from argo.errors import ArgosyError, NotFoundError, UsageError
from argo.setup.checks import Check, attempt, of_store, skipped
from argo.setup.rights import ARGO, INGRESSES, POLICIES, SESSIONS, SUBMITTER, Right
from argo.target import ClusterAddress, Target

if TYPE_CHECKING:
    from argo.storage import Store

_OPTIONAL = (
    ("interactive assets", (*SESSIONS, *INGRESSES), "Secrets, tunnels and hosts are allowed"),
    ("extended assets", POLICIES, "NetworkPolicies are allowed"),
)
_REST = (
    "token", "argo", "rights", *(name for name, *_ in _OPTIONAL), "network policies", "controller", "accounts",
    "artifact repository", "gpus", "store",
)  # fmt: skip
_SETUP = "an administrator applies: argosy setup | kubectl apply -f -"


def examine_cluster(target: Target) -> Iterator[Check]:
    """The checks of a cluster."""
    try:
        cluster = Cluster(target.cluster or ClusterAddress(), target.namespace)
    except ArgosyError as error:
        yield Check("cluster", "failed", error.message, error.hint)
        yield from skipped(_REST, "without a cluster")
        return
    with closing(cluster):
        reached = attempt("cluster", lambda: _version(cluster), "kubectl version")
        yield reached
        if reached.state == "failed":
            yield from skipped(_REST, "the cluster was not reached")
        else:
            yield from _inside(cluster, target)


def _inside(cluster: Cluster, target: Target) -> Iterator[Check]:
    token = attempt("token", lambda: _who(cluster), "kubectl auth whoami")
    yield token
    if token.state == "failed":
        yield from skipped(_REST[1:], "the credentials are not taken")
        return
    yield attempt("argo", lambda: _kinds(cluster), "install Argo Workflows with its CRDs, or ask who runs the cluster")
    yield attempt("rights", lambda: _rights(cluster))
    for name, rights, granted in _OPTIONAL:
        yield attempt(name, partial(_optional, cluster, name, rights, granted))
    yield _policies(cluster)
    yield attempt("controller", lambda: _controller(cluster), unseen="Deployments")
    yield attempt("accounts", lambda: _accounts(cluster), unseen="ServiceAccounts")
    yield attempt("artifact repository", lambda: _repository(cluster, target))
    yield attempt("gpus", lambda: _gpus(cluster), unseen="nodes")
    yield from of_store(lambda: _store(cluster, target), cluster.namespace)


def _version(cluster: Cluster) -> str:
    found = cluster.json("GET", "/version", "get version")
    return f"{cluster.host}, Kubernetes {found.get('gitVersion', '?')}, namespace {cluster.namespace}"


def _who(cluster: Cluster) -> str:
    try:
        return f"you are {cluster.user() or '?'}"
    except NotFoundError:
        return "taken (Kubernetes before 1.28 does not say whose it is)"


def _kinds(cluster: Cluster) -> str:
    found = cluster.json("GET", f"/apis/{ARGO}/v1alpha1", "get the kinds of argoproj.io")
    names = {item["name"] for item in found.get("resources") or ()}
    missing = sorted({"workflows", "workflowtemplates", "cronworkflows", "workflowtaskresults"} - names)
    if missing:
        raise NotFoundError(f"the cluster does not know {', '.join(missing)}")
    return f"its {len([name for name in names if '/' not in name])} kinds are known"


def _rights(cluster: Cluster) -> str | Check:
    if missing := _missing(cluster, SUBMITTER):
        return Check("rights", "failed", f"missing: {'; '.join(missing)}", _SETUP)
    return "all that argosy does is allowed"


def _optional(cluster: Cluster, name: str, rights: Sequence[Right], granted: str) -> str | Check:
    """Who uses no assets of a mode needs none of its rights."""
    if missing := _missing(cluster, rights):
        flag = name.partition(" ")[0]
        hint = f"where you use them, an administrator applies: argosy setup --{flag} | kubectl apply -f -"
        return Check(name, "skipped", f"not granted: {'; '.join(missing)}", hint)
    return granted


def _policies(cluster: Cluster) -> Check:
    """Check that network policies bound the runs; whether the cluster's plugin obeys them cannot be seen from here."""
    from argo.backends.kubernetes.policies import WANTED, missing

    if found := missing(cluster):
        return Check("network policies", "warning", "; ".join(found), _SETUP)
    return Check("network policies", "ok", f"{' and '.join(WANTED)} are there; your network plugin must obey them")


def _missing(cluster: Cluster, rights: Sequence[Right]) -> list[str]:
    """The rights that are refused, in words."""
    return [
        f"{'/'.join(refused)} {right.resource} ({right.reason})"
        for right in rights
        if (refused := [verb for verb in right.verbs if not _may(cluster, right.group, right.resource, verb)])
    ]


def _may(cluster: Cluster, group: str, resource: str, verb: str) -> bool:
    name, _, part = resource.partition("/")
    attributes = {"namespace": cluster.namespace, "verb": verb, "group": group, "resource": name, "subresource": part}
    body = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }  # fmt: skip
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    found = cluster.json("POST", path, "create selfsubjectaccessreviews", body)
    return bool((found.get("status") or {}).get("allowed"))


def _controller(cluster: Cluster) -> str | Check:
    for namespace in dict.fromkeys((cluster.namespace, "argo", "argo-workflows")):
        try:
            found = cluster.get("Deployment", "workflow-controller", namespace)
        except NotFoundError:
            continue
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        if not (found.get("status") or {}).get("readyReplicas"):
            hint = f"kubectl -n {namespace} describe deployment workflow-controller"
            return Check("controller", "failed", f"{image} in {namespace} is not ready", hint)
        return f"{image} in {namespace}"
    hint = "a run that stays Pending has no controller: ask who runs the cluster"
    return Check("controller", "warning", "no Deployment workflow-controller was found", hint)


def _accounts(cluster: Cluster) -> str | Check:
    names = sorted(item["metadata"]["name"] for item in cluster.list("ServiceAccount"))
    if not names:
        return Check("accounts", "warning", "there are no ServiceAccounts", _SETUP)
    return f"ServiceAccounts: {', '.join(names)}"


def _repository(cluster: Cluster, target: Target) -> str | Check:
    from argo.backends.kubernetes.stores import store_settings
    from argo.storage.settings import shown

    if found := store_settings(cluster, {"spec": {}}):
        return f"pods use {shown(found)}"
    if target.store:
        return "none in the namespace; manifests name the profile's store"
    return Check("artifact repository", "warning", "neither the namespace nor the profile names one", _SETUP)


def _gpus(cluster: Cluster) -> str | Check:
    nodes = cluster.json("GET", "/api/v1/nodes", "list nodes").get("items") or []
    counts: Counter[str] = Counter()
    for node in nodes:
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        counts.update(
            {name: int(count) for name, count in allocatable.items() if name.endswith("/gpu") or "/mig-" in name}
        )
    if not counts:
        return Check("gpus", "warning", f"{len(nodes)} nodes, none with GPUs", "only what asks for none will run")
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _store(cluster: Cluster, target: Target) -> Store:
    from argo.backends.kubernetes.stores import store_settings
    from argo.storage.settings import s3_store

    settings = target.store or store_settings(cluster, {"spec": {}})
    if not settings:
        raise UsageError("nobody says where artifacts lie", hint="add a `store` to the profile in argosy.yaml")
    return s3_store(settings)
