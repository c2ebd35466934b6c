"""What `argosy setup` writes: exactly this, taken by a real Kubernetes API, and no more rights than are needed."""

from __future__ import annotations

import socket
import threading
import urllib.error
from contextlib import closing
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from argo.backend import RunRef
from argo.backends.kubernetes.backend import ClusterBackend
from argo.backends.kubernetes.tunnel import Tunnel
from argo.errors import ArgosyError, AuthError, UsageError
from argo.setup.render import SetupOptions, objects, render
from argo.setup.rights import EXECUTOR, INGRESSES, SESSIONS, SUBMITTER, Right, rules
from argo.target import ClusterAddress, Target
from compiler.models.project import Profile
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.backends.kubernetes.test_connect import routed, unfinished
from tests.argo.backends.kubernetes.test_runs import DONE, GATE, POD, ROOT, status
from tests.argo.backends.kubernetes.test_submit import submission
from tests.argo.setup.conftest import task_results as task_results
from tests.fixtures_kubernetes import kubernetes as kubernetes
from tests.waiting import HANG

FULL: Any = {
    "namespace": "physics", "serviceAccount": "runner", "imagePullSecrets": ["registry", "other"],
    "store": {
        "endpoint": "s3.example.com", "inClusterEndpoint": "minio.store:9000", "bucket": "results", "region": "eu-1",
        "insecure": True, "secret": {"name": "store-keys", "accessKey": "user", "secretKey": "password"},
    },
}  # fmt: skip


def profile(**fields: Any) -> Profile:
    return Profile.model_validate(fields)


def test_a_full_profile(snapshot: SnapshotAssertion) -> None:
    wanted = SetupOptions(gpus={"nvidia.com/gpu": 4, "amd.com/gpu": 2}, split=True)
    assert render(profile(**FULL), wanted) == snapshot


def test_a_demo(snapshot: SnapshotAssertion) -> None:
    assert render(profile(), SetupOptions(demo=True)) == snapshot


def test_the_least(snapshot: SnapshotAssertion) -> None:
    assert render(profile(namespace="n"), SetupOptions(placeholders=False)) == snapshot


@pytest.mark.parametrize("more", [{}, {"controllerNamespace": "ingress-nginx"}])
def test_hosts_for_interactive_tasks(more: Any, snapshot: SnapshotAssertion) -> None:
    given = profile(namespace="n", sessions={"host": "s.example.com", **more})
    made = objects(render(given, SetupOptions(placeholders=False)))
    assert [value for value in made if value["metadata"]["name"] in ("argosy-sessions", "argosy-submitter")] == snapshot


@pytest.mark.parametrize("wanted", [SetupOptions(gpus={"nvidia.com/gpu": 4}), SetupOptions(demo=True)])
def test_kubernetes_takes_it(place: Place, wanted: SetupOptions) -> None:
    fields = {**FULL, "namespace": place.namespace, "sessions": {"host": "s.example.com"}}
    for value in objects(render(profile(**fields), wanted)):
        group, _, version = value["apiVersion"].rpartition("/")
        plural = {"NetworkPolicy": "networkpolicies"}.get(value["kind"], value["kind"].lower() + "s")
        root = f"/apis/{group}/{version}" if group else "/api/v1"
        path = f"{root}/namespaces/{place.namespace}/{plural}?dryRun=All&fieldValidation=Strict"
        assert value["metadata"]["namespace"] == place.namespace
        made = place.server.call("POST", path, value)
        assert made["metadata"]["name"] == value["metadata"]["name"]


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"namespace": "Not A Namespace"}, {"namespace": "n", "serviceAccount": "a b"},
        {"namespace": "n", "store": {"endpoint": "h:1\nx: y", "bucket": "abc"}},
        {"namespace": "n", "store": {"endpoint": "h:1", "bucket": "{{x}}"}},
        {"namespace": "n", "imagePullSecrets": ["'"]},
        {"namespace": "n", "serviceAccount": "same", "executorServiceAccount": "same"},
    ],
)  # fmt: skip
def test_what_kubernetes_would_not_take_is_refused(fields: Any) -> None:
    with pytest.raises(UsageError) as refused:
        render(profile(**fields), SetupOptions())
    assert refused.value.hint


TEXT = st.text(min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_any_text_is_refused_or_stands_as_it_is(
    namespace: str, account: str, bucket: str, region: str, key: str
) -> None:
    fields = {
        "namespace": namespace, "serviceAccount": account,
        "store": {
            "endpoint": "h:1", "bucket": bucket, "region": region,
            "secret": {"name": "s", "accessKey": key, "secretKey": key},
        },
    }  # fmt: skip
    try:
        made = objects(render(profile(**fields), SetupOptions(placeholders=False)))
    except (UsageError, ValueError):
        return
    assert {value["metadata"]["namespace"] for value in made} == {namespace}
    assert made[0]["metadata"]["name"] == account
    s3 = yaml.safe_load(next(v for v in made if v["kind"] == "ConfigMap")["data"]["default"])["s3"]
    assert (s3["bucket"], s3["region"], s3["accessKeySecret"]["key"]) == (bucket, region, key)


def everything(place: Place, backend: ClusterBackend, run: str) -> None:
    """All calls that argosy makes of a cluster."""
    ref = backend.submit(submission(run)).ref
    assert backend.list()
    backend.suspend(ref)
    backend.resume(ref)
    root = {**ROOT, "id": run, "name": run, "displayName": run}
    gate = {**GATE, "name": f"{run}.gate"}
    failed = status("Failed", {**root, "phase": "Failed"}, {**POD, "name": f"{run}.work"}, DONE)
    place.status(run, status("Running", root, gate))
    backend.approve(ref, "gate")
    version = place.workflow(run)["metadata"]["resourceVersion"]
    place.status(run, failed)
    assert next(backend.cluster.watch(run, version))["object"]
    backend.cluster.get("ConfigMap", f"{run}-env")  # whose it is, when two submit at once
    backend.retry(ref)
    place.status(run, failed)
    logs(backend, ref)
    templated(backend)
    backend.delete(ref)


def logs(backend: ClusterBackend, ref: RunRef) -> None:
    """Of pods that were never there: only a missing right is an error here."""
    try:
        backend.cluster.json("GET", f"/api/v1/namespaces/{ref.namespace}/pods/none/log", "get pods/log none")
    except AuthError:
        raise
    except ArgosyError:
        pass


def templated(backend: ClusterBackend) -> None:
    try:
        backend.cluster.get("WorkflowTemplate", "none")
    except AuthError:
        raise
    except ArgosyError:
        pass


def reached(place: Place, rights: tuple[Right, ...], account: str) -> ClusterBackend:
    token = place.server.account(place.namespace, account, rules(rights))
    config = place.server.kubeconfig(place.namespace, token)
    backend = ClusterBackend(Target(namespace=place.namespace, cluster=ClusterAddress(None, config)), 0.05)
    place.made.append(backend)
    return backend


def test_the_submitter_s_rights_are_enough_and_no_more(place: Place) -> None:
    backend = reached(place, SUBMITTER, "submitter")
    everything(place, backend, "a")
    forbidden = (
        f"/api/v1/namespaces/{place.namespace}/secrets", "/api/v1/nodes", "/api/v1/namespaces",
        f"/api/v1/namespaces/{place.namespace}/pods", "/apis/argoproj.io/v1alpha1/workflows",
        "/apis/argoproj.io/v1alpha1/namespaces/default/workflows",
    )  # fmt: skip
    for path in forbidden:
        with pytest.raises(AuthError):
            backend.cluster.json("GET", path, "look")


NEEDED = [
    (number, verb)
    for number, right in enumerate(SUBMITTER)
    for verb in right.verbs
    if right.resource != "workflows/finalizers"  # only where a cluster enforces it
]


@pytest.mark.parametrize(("number", "verb"), NEEDED)
def test_each_right_is_needed(place: Place, number: int, verb: str) -> None:
    left = tuple(
        Right(r.group, r.resource, tuple(v for v in r.verbs if (n, v) != (number, verb)), r.reason)
        for n, r in enumerate(SUBMITTER)
    )
    backend = reached(place, tuple(right for right in left if right.verbs), "less")
    with pytest.raises((AuthError, ArgosyError)):
        everything(place, backend, "a")


INTERACTIVE = [(number, verb) for number, right in enumerate(SESSIONS) for verb in right.verbs]


@pytest.mark.parametrize("without", [None, *(item for item in INTERACTIVE if item != (1, "create"))])
def test_interactive_assets_take_exactly_these_rights(place: Place, without: tuple[int, str] | None) -> None:
    """But for `create pods/portforward`, which only newer clusters ask for."""
    left = tuple(
        Right(r.group, r.resource, tuple(v for v in r.verbs if (n, v) != without), r.reason)
        for n, r in enumerate(SESSIONS)
    )
    backend = reached(place, (*SUBMITTER, *left), "interactive")
    secret: Any = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"token": "eA=="}}
    failed: list[ArgosyError] = []
    try:
        backend.cluster.create(secret)
        assert backend.cluster.secret("s", "token") == b"x"
    except AuthError as error:
        failed.append(error)
    config = place.server.kubeconfig(place.namespace, place.server.account(place.namespace, "interactive"))
    told = threading.Event()

    def tell(error: ArgosyError) -> None:
        if "403 Forbidden" in error.message:
            failed.append(error)
        told.set()

    tunnel = Tunnel(ClusterAddress(None, config), (place.namespace, "gone", 80), 0, tell)
    with closing(socket.create_connection(("127.0.0.1", tunnel.port))):
        assert told.wait(HANG), "there is no such pod"
    tunnel.close()
    assert bool(failed) == (without is not None), failed


ROUTED = [None, *((number, verb) for number, right in enumerate(INGRESSES) for verb in right.verbs)]


@pytest.mark.parametrize("without", ROUTED)
def test_hosts_take_exactly_these_rights(place: Place, without: tuple[int, str] | None) -> None:
    left = tuple(
        Right(r.group, r.resource, tuple(v for v in r.verbs if (n, v) != without), r.reason)
        for n, r in enumerate(INGRESSES)
    )
    backend = reached(place, (*SUBMITTER, *SESSIONS, *left), "routed")
    failed: list[AuthError] = []
    for _ in range(2):
        try:
            backend.submit(routed("mine"))
        except AuthError as error:
            failed.append(error)
            break
        unfinished(place, "mine")  # as if the first submission had been broken off before its last step
    assert bool(failed) == (without is not None), failed


def test_the_executor_may_tell_what_it_made_and_nothing_else(place: Place, task_results: None) -> None:
    token = place.server.account(place.namespace, "executor", rules(EXECUTOR))
    results = place.server.argo(place.namespace, "workflowtaskresults")
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult", "metadata": {"name": "r"}}
    place.server.call("POST", results, body, token)
    for path in (place.server.argo(place.namespace), f"/api/v1/namespaces/{place.namespace}/secrets", results):
        with pytest.raises(urllib.error.HTTPError):
            place.server.call("GET", path, None, token)
