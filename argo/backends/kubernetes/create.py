"""Creates a run on a cluster: the Workflow is made suspended, then what it owns (ConfigMaps, …), then it goes on.

Each step may be repeated, by whoever finds the run of the same key half made.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from argo.backend import RunRef, Submission, Submitted
from argo.backends.kubernetes.api import OWNED, Cluster, owners
from argo.backends.kubernetes.runs import edit
from argo.backends.remote import make_once
from argo.backends.summaries import ref_of
from argo.errors import ArgosyError, AuthError, ConflictError, NotFoundError, UsageError
from argo.workflow import bounds
from compiler.labels import KEY, OWNER, PREPARING
from compiler.manifest_types import Object, ObjectMeta, OwnerReference, Workflow


def create_run(cluster: Cluster, submission: Submission) -> Submitted:
    """As `Backend.submit`."""
    bounds.require(bounds.bounded(submission.workflow, submission.objects), "Kubernetes")
    owned = [o for o in submission.objects if o["kind"] in OWNED]
    for policy in (o for o in submission.objects if o["kind"] == "NetworkPolicy"):
        _keep(cluster, policy)
    prepared = _prepared(submission, owned)
    made, new = make_once(
        prepared,
        lambda: cluster.create(prepared, once=True),
        lambda: _there(cluster, submission.workflow["metadata"]["name"]),
        cluster.patience,
    )
    try:
        _complete(cluster, made, owned)
    except (UsageError, AuthError) as error:  # refused for good: nothing stays of it
        if new:
            error.known = _discard(cluster, ref_of(made))
        raise
    return Submitted(ref_of(made), new)


def _prepared(submission: Submission, owned: Sequence[Object]) -> Workflow:
    """The Workflow as it is made first: suspended, where it has to wait for what it owns."""
    workflow: Workflow = {**submission.workflow, "spec": {**submission.workflow["spec"]}}
    metadata = workflow["metadata"] = {**workflow["metadata"]}
    metadata["labels"] = {**(metadata.get("labels") or {}), KEY: submission.key}
    if owned:
        wanted = "suspended" if workflow["spec"].get("suspend") else "running"
        metadata["annotations"] = {**(metadata.get("annotations") or {}), PREPARING: wanted}
        workflow["spec"]["suspend"] = True
    return workflow


def _there(cluster: Cluster, name: str) -> Workflow | None:
    """The Workflow of a name, if there is one that is not about to go."""
    try:
        found = cluster.get("Workflow", name)
    except NotFoundError:
        return None
    return None if "deletionTimestamp" in found["metadata"] else found


def _complete(cluster: Cluster, workflow: Workflow, owned: Sequence[Object]) -> None:
    """Make the owned objects that are missing, then let a Workflow go on that waits for them."""
    if PREPARING not in (workflow["metadata"].get("annotations") or {}):
        return
    ref = ref_of(workflow)
    owner: OwnerReference = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": ref.name, "uid": ref.uid,
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip
    for given in owned:
        labels = {**(given["metadata"].get("labels") or {}), OWNER: ref.name}
        metadata: ObjectMeta = {**given["metadata"], "labels": labels, "ownerReferences": [owner]}
        _create_owned(cluster, {**given, "metadata": metadata}, ref)
    edit(cluster, ref, _release)


def _create_owned(cluster: Cluster, value: Object, ref: RunRef) -> None:
    """Make an object that the run owns; what an earlier attempt made stays as it is."""
    kind, name = value["kind"], value["metadata"]["name"]
    try:
        cluster.create(value)
    except ConflictError:
        if ref.uid not in owners(cluster.get(kind, name)):
            raise ConflictError(
                f"there is a {kind} {name} already, which is not this run's", hint="choose another --name"
            ) from None


def _keep(cluster: Cluster, policy: Object) -> None:
    """Have a NetworkPolicy there before any pod is. It belongs to no run: its end would be seen by pods that still end.

    Raises ConflictError for one of its name that says something else.
    """
    name = policy["metadata"]["name"]
    try:
        cluster.create(policy)
    except ConflictError:
        if cluster.get("NetworkPolicy", name).get("spec") != policy["spec"]:
            raise ConflictError(
                f"the NetworkPolicy {name} was changed, and may not keep the bounds",
                known="nothing was started",
                hint=f"kubectl delete networkpolicy {name}; it is made anew",
            ) from None


def _release(workflow: Workflow) -> None:
    """Let a prepared Workflow be what was wanted."""
    wanted = (workflow["metadata"].get("annotations") or {}).pop(PREPARING, "")
    if wanted == "running":
        workflow["spec"].pop("suspend", None)


def _discard(cluster: Cluster, ref: RunRef) -> str:
    """Take back what was made of a submission that was refused; what is known then."""
    try:
        cluster.delete("Workflow", ref.name, ref.uid)
    except ArgosyError as error:
        return f"nothing was started; {ref.name} is still there, suspended: {error.message}"
    with suppress(ArgosyError):  # whose owner is gone; the cluster collects those, too
        for config_map in cluster.config_maps(ref):
            cluster.delete("ConfigMap", config_map["metadata"]["name"])
    return "nothing was started, nothing was left"
