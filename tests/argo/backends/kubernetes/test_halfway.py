"""Submissions that fail, die or race at every step: nothing is lost, nothing is made twice, nothing is left over."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from argo.backend import Submission
from argo.backends.kubernetes.backend import ClusterBackend
from argo.errors import AuthError, ConflictError, NotFoundError, RemoteError
from argo.storage import S3Store
from argo.target import ClusterAddress, Target
from compiler.labels import OWNER, PREPARING, RUN
from tests.argo.backends.kubernetes.conftest import Place, breaks
from tests.argo.backends.kubernetes.test_runs import ROOT, status
from tests.argo.backends.kubernetes.test_submit import DATA, submission
from tests.fixtures_minio import Minio
from tests.fixtures_minio import minio as minio
from tests.waiting import HANG

RULES = {
    "workflows": ["create", "get", "update", "delete", "list"],
    "configmaps": ["create", "get", "list", "delete"],
}


def several(name: str, key: str = "k1") -> Submission:
    """A run with three ConfigMaps."""
    given = submission(name, key)
    objects: Any = [{**given.objects[0], "metadata": {"name": f"{name}-{part}"}} for part in ("env", "files", "more")]
    return Submission(given.workflow, objects, "test", key)


def finished(place: Place, name: str = "a") -> None:
    workflow = place.workflow(name)
    assert "suspend" not in workflow["spec"]
    assert PREPARING not in (workflow["metadata"].get("annotations") or {})
    made = place.config_maps()
    assert set(made) == {f"{name}-env", f"{name}-files", f"{name}-more"}
    for config_map in made.values():
        assert config_map["data"] == DATA
        assert [owner["uid"] for owner in config_map["metadata"]["ownerReferences"]] == [workflow["metadata"]["uid"]]


class Dead(BaseException):
    """The process has ended."""


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(6), ids=["workflow", "env", "files", "more", "get", "release"])
def test_who_comes_after_one_that_died_finishes(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: int, answered: bool
) -> None:
    """The first submitter ends for good at each of its calls, before or after that is carried out."""
    dying = place.backend()
    send, calls = dying.cluster._send, [0]

    def dies(*arguments: Any, **more: Any) -> Any:
        number, calls[0] = calls[0], calls[0] + 1
        if number == step and not answered:
            raise Dead
        found = send(*arguments, **more)
        if number == step:
            raise Dead
        return found

    monkeypatch.setattr(dying.cluster, "_send", dies)
    with pytest.raises(Dead):
        dying.submit(several("a"))
    begun = [w["metadata"]["uid"] for w in place.workflows()]
    made = place.backend().submit(several("a"))
    assert made.new is (begun == [])
    assert begun in ([], [made.ref.uid])
    finished(place)


@pytest.mark.parametrize("denied", ["create workflows", "create configmaps", "update workflows"])
def test_who_lacks_a_right_leaves_nothing(place: Place, denied: str) -> None:
    verb, plural = denied.split()
    backend = place.backend(allowed(place, {**RULES, plural: [v for v in RULES[plural] if v != verb]}))
    with pytest.raises(AuthError, match=f'cannot {verb} resource "{plural}"') as refused:
        backend.submit(several("a"))
    if plural != "workflows" or verb != "create":
        assert refused.value.known == "nothing was started, nothing was left"
    assert place.workflows() == []
    assert place.config_maps() == {}


def test_what_cannot_be_taken_back_is_said_to_be_there(place: Place) -> None:
    backend = place.backend(allowed(place, {"workflows": ["create", "get"], "configmaps": []}))
    with pytest.raises(AuthError) as refused:
        backend.submit(several("a"))
    assert refused.value.known.startswith("nothing was started; a is still there, suspended: not allowed")
    assert place.workflow("a")["spec"]["suspend"] is True


def test_the_rights_are_enough(place: Place) -> None:
    backend = place.backend(allowed(place, RULES))
    ref = backend.submit(several("a")).ref
    finished(place)
    place.status("a", status("Succeeded", ROOT))
    backend.delete(ref)
    assert (place.workflows(), place.config_maps()) == ([], {})


def test_a_submission_that_attaches_takes_nothing_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who made the Workflow still works on it."""
    with monkeypatch.context() as patch:
        patch.setattr("argo.backends.kubernetes.create._create_owned", breaks)
        with pytest.raises(RemoteError):
            place.backend().submit(several("a"))
    other = place.backend(allowed(place, {**RULES, "configmaps": []}))
    with pytest.raises(AuthError):
        other.submit(several("a"))
    assert place.workflow("a")["spec"]["suspend"] is True


def test_a_suspension_of_the_users_own_is_not_lifted(place: Place) -> None:
    backend = place.backend()
    ref = backend.submit(several("a")).ref
    place.status("a", status("Running", ROOT))
    backend.suspend(ref)
    assert not place.backend().submit(several("a")).new
    assert place.workflow("a")["spec"]["suspend"] is True


def race(kubeconfig: Path, namespace: str, start: Any, results: Any) -> None:
    target = Target(namespace=namespace, cluster=ClusterAddress(None, kubeconfig))
    backend = ClusterBackend(target, 0.2)
    start.wait(HANG)
    results.put(backend.submit(several("a")))
    backend.close()


def test_processes_that_race_make_one_run(place: Place) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(4), context.Queue()
    racers = [context.Process(target=race, args=(place.kubeconfig, place.namespace, start, results)) for _ in range(4)]
    for racer in racers:
        racer.start()
    made = [results.get(timeout=HANG) for _ in racers]
    for racer in racers:
        racer.join()
    assert len({one.ref for one in made}) == 1
    assert sum(one.new for one in made) == 1
    assert len(place.workflows()) == 1
    finished(place)


def test_delete_leaves_what_is_not_the_runs_own(place: Place) -> None:
    backend = place.backend()
    ref = backend.submit(several("a")).ref
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    place.server.call("POST", path, {"metadata": {"name": "other", "labels": {OWNER: "a"}}, "data": {}})
    place.status("a", status("Succeeded", ROOT))
    backend.delete(ref)
    assert list(place.config_maps()) == ["other"]
    with pytest.raises(NotFoundError):
        backend.delete(ref)


def test_delete_is_of_that_run_not_of_the_next_of_its_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else deletes it and makes another one between the look and the deletion."""
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    place.status("a", status("Succeeded", ROOT))
    delete = backend.cluster.delete

    def later(*arguments: Any) -> None:
        place.server.call("DELETE", place.server.argo(place.namespace, name="a"))
        place.backend().submit(submission("a", "k2", config_map=False))
        delete(*arguments)

    monkeypatch.setattr(backend.cluster, "delete", later)
    backend.delete(ref)
    assert place.workflow("a")["metadata"]["uid"] != ref.uid


def test_delete_takes_child_workflows_along(place: Place) -> None:
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    given = submission("child", "k2", config_map=False)
    given.workflow["metadata"]["labels"] = {RUN: "a"}
    backend.submit(given)
    place.status("a", status("Succeeded", ROOT))
    backend.delete(ref)
    assert place.workflows() == []


def test_delete_with_results_removes_what_the_run_stored(
    place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    store: S3Store = minio.store("results")
    settings = {"endpoint": minio.endpoint, "bucket": "results", "insecure": True}
    target = Target(namespace=place.namespace, cluster=ClusterAddress(None, place.kubeconfig), store=settings)
    backend = ClusterBackend(target)
    place.made.append(backend)
    ref = backend.submit(submission("a")).ref
    mine, others = f"runs/{ref.namespace}/a/{ref.uid}/work/x", f"runs/{ref.namespace}/a/{'0' * 8}/work/x"
    for key in (mine, others):
        store.put_bytes(key, b"x")
    with pytest.raises(ConflictError, match="still runs"):
        backend.delete(ref, results=True)
    assert len([*store.list("runs/")]) == 2
    place.status("a", status("Failed", ROOT))
    backend.delete(ref, results=True)
    assert [info.key for info in store.list("runs/")] == [others]


def allowed(place: Place, rules: dict[str, list[str]]) -> Path:
    """A kubeconfig of an account that may do that and nothing else."""
    listed = [
        {"apiGroups": ["argoproj.io" if plural == "workflows" else ""], "resources": [plural], "verbs": verbs}
        for plural, verbs in rules.items()
        if verbs
    ]
    return place.server.kubeconfig(place.namespace, place.server.account(place.namespace, rules=listed))
