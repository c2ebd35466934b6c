"""Logs of a run's pods: streams that break, pods that are not there yet or not any more. No kubelet is needed."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from argo.backend import Json, LogLine, RunRef
from argo.backends.kubernetes.errors import BrokenError
from argo.backends.kubernetes.logs import Logs
from argo.errors import ArgosyError, AuthError, NotFoundError, StoreError, UsageError
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.test_submit import submission
from tests.waiting import until

EXECUTOR = 'time="2026-01-01T00:00:00.000Z" level=info msg="sub-process exited" argo=true error="<nil>"'


def pod(number: int, phase: str, name: str = "work", **more: Any) -> Json:
    return {
        "id": f"a-{number}", "name": f"a.{name}", "displayName": name, "type": "Pod", "phase": phase,
        "templateName": name, "startedAt": f"2026-01-01T00:00:0{number}Z", **more,
    }  # fmt: skip


def run(phase: str, *nodes: Json, templates: list[Json] | None = None) -> Json:
    return {
        "metadata": {"name": "a", "uid": "u"},
        "spec": {"templates": templates or []},
        "status": {"phase": phase, "nodes": {node["id"]: node for node in nodes}},
    }


class Cluster:
    """Gives for each call of a pod's log what comes next: lines, then the error, if any. The last one comes again."""

    patience = 0.01

    def __init__(self, **logs: list[tuple[list[str], ArgosyError | None]]) -> None:
        self.logs = {name.replace("_", "-"): given for name, given in logs.items()}
        self.asked: list[tuple[str, str]] = []

    def log(self, name: str, container: str, *, follow: bool) -> Iterator[str]:
        self.asked.append((name, container))
        given = self.logs[name]
        lines, error = given.pop(0) if len(given) > 1 else given[0]
        yield from lines
        if error is not None:
            raise error


class Archive:
    def __init__(self, **objects: bytes) -> None:
        self.objects = objects

    def open(self, key: str, start: int = 0, length: int | None = None) -> io.BytesIO:
        if key not in self.objects:
            raise StoreError(f"no object {key}")
        return io.BytesIO(self.objects[key])


def logs(cluster: Cluster, pictures: list[Json], archive: Archive | None = None) -> Logs:
    """Each look sees the next picture, the last one again and again."""

    def read() -> Json:
        return pictures.pop(0) if len(pictures) > 1 else pictures[0]

    kept: Any = archive or Archive()
    given: Any = cluster
    return Logs(given, RunRef("a", "n", "u"), read, lambda _workflow: kept)


def texts(lines: Iterator[LogLine]) -> list[str]:
    return [line.text for line in lines]


def kept(number: int, phase: str, key: str = "log") -> Json:
    return pod(number, phase, outputs={"artifacts": [{"name": "main-logs", "s3": {"key": key}}]})


def test_tasks_come_in_the_order_of_their_start_without_the_executors_lines() -> None:
    cluster = Cluster(a_one_1=[(["1", EXECUTOR, "", "2"], None)], a_two_2=[(["3"], None)])
    found = list(logs(cluster, [run("Running", pod(2, "Running", "two"), pod(1, "Succeeded", "one"))]).lines(None))
    assert found == [LogLine("one", "main", "1"), LogLine("one", "main", ""), LogLine("one", "main", "2"),
                     LogLine("two", "main", "3")]  # fmt: skip


def test_all_containers_of_the_user_are_read() -> None:
    templates: list[Json] = [
        {"name": "work", "containerSet": {"containers": [{"name": "x"}, {"name": "y"}]}},
        {"name": "other", "container": {}, "sidecars": [{"name": "side"}]},
    ]
    cluster = Cluster(a_work_1=[([], None)], a_other_2=[([], None)])
    nodes = (pod(1, "Succeeded"), pod(2, "Succeeded", "other"))
    list(logs(cluster, [run("Succeeded", *nodes, templates=templates)]).lines(None))
    assert cluster.asked == [("a-work-1", "x"), ("a-work-1", "y"), ("a-other-2", "main"), ("a-other-2", "side")]


def test_pods_named_after_their_nodes() -> None:
    workflow = run("Succeeded", pod(1, "Succeeded"))
    workflow["metadata"]["annotations"] = {"workflows.argoproj.io/pod-name-format": "v1"}
    assert texts(logs(Cluster(a_1=[(["1"], None)]), [workflow]).lines(None)) == ["1"]


def test_a_pod_that_is_gone_has_its_log_archived() -> None:
    cluster = Cluster(a_work_1=[([], NotFoundError("pods a-work-1 not found"))])
    archive = Archive(log=b"1\n" + EXECUTOR.encode() + b"\n2\n")
    workflow = run("Succeeded", kept(1, "Succeeded"))
    assert texts(logs(cluster, [workflow], archive).lines(None)) == ["1", "2"]
    assert texts(logs(cluster, [workflow], archive).follow(None)) == ["1", "2"]


def test_a_followed_stream_that_breaks_goes_on_without_repeating() -> None:
    broken = BrokenError("the log broke off")
    cluster = Cluster(a_work_1=[(["1"], broken), ([], broken), (["1", EXECUTOR, "2"], broken), (["1", "2", "3"], None)])
    pictures = [run("Running", pod(1, "Running"))] * 3 + [run("Succeeded", pod(1, "Succeeded"))]
    assert texts(logs(cluster, pictures).follow(None)) == ["1", "2", "3"]


def test_a_stream_that_ends_before_its_task_is_read_again() -> None:
    cluster = Cluster(a_work_1=[(["1"], None), (["1", "2"], None)])
    pictures = [run("Running", pod(1, "Running"))] * 3 + [run("Succeeded", pod(1, "Succeeded"))]
    assert texts(logs(cluster, pictures).follow(None)) == ["1", "2"]


def test_who_stops_following_leaves_no_reader() -> None:
    cluster = Cluster(a_work_1=[(["1"], None)])
    followed = logs(cluster, [run("Running", pod(1, "Running"))]).follow(None)
    before = set(threading.enumerate())
    assert next(followed).text == "1"
    followed.close()  # type: ignore[attr-defined]
    until(lambda: set(threading.enumerate()) <= before, "the reader ends")


def test_a_container_that_has_not_begun_is_waited_for() -> None:
    waiting = UsageError('container "main" in pod "a-work-1" is waiting to start: ContainerCreating')
    cluster = Cluster(a_work_1=[([], waiting), ([], waiting), (["1"], None)])
    pictures = [run("Running", pod(1, "Running"))] * 4 + [run("Succeeded", pod(1, "Succeeded"))]
    assert texts(logs(cluster, pictures).follow(None)) == ["1"]


def test_a_pod_that_goes_while_it_is_read_is_read_on_from_the_archive() -> None:
    cluster = Cluster(a_work_1=[(["1", "2"], BrokenError("broke off")), ([], NotFoundError("not found"))])
    pictures = [run("Running", pod(1, "Running"))] * 2 + [run("Succeeded", kept(1, "Succeeded"))]
    assert texts(logs(cluster, pictures, Archive(log=b"1\n2\n3\n")).follow(None)) == ["1", "2", "3"]


def test_more_containers_than_streams_are_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argo.backends.kubernetes.logs.STREAMS", 2)
    most, now, lock = 0, 0, threading.Lock()
    given: dict[str, list[tuple[list[str], ArgosyError | None]]]
    given = {f"a_work_{number}": [([f"{number}"], None)] for number in range(7)}
    cluster = Cluster(**given)
    read = cluster.log

    def counted(name: str, container: str, *, follow: bool) -> Iterator[str]:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        yield from read(name, container, follow=follow)
        with lock:
            now -= 1

    monkeypatch.setattr(cluster, "log", counted)
    workflow = run("Succeeded", *(pod(number, "Succeeded") for number in range(7)))
    assert sorted(texts(logs(cluster, [workflow]).follow(None))) == [str(number) for number in range(7)]
    assert most <= 2


@pytest.mark.parametrize("error", [AuthError("not allowed: pods/log"), StoreError("no object log")])
def test_what_a_follower_cannot_read_it_says(error: ArgosyError) -> None:
    given = error if isinstance(error, AuthError) else NotFoundError("not found")
    cluster = Cluster(a_work_1=[([], given)])
    with pytest.raises(type(error), match=error.message):
        list(logs(cluster, [run("Succeeded", kept(1, "Succeeded"))]).follow(None))


def test_an_unknown_task() -> None:
    with pytest.raises(NotFoundError, match="no task named wok"):
        list(logs(Cluster(), [run("Succeeded", pod(1, "Succeeded"))]).lines("wok"))
    with pytest.raises(NotFoundError, match="no task named wok"):
        list(logs(Cluster(), [run("Running", pod(1, "Running")), run("Failed", pod(1, "Failed"))]).follow("wok"))


def test_what_the_real_server_says_of_pods_without_a_log(place: Place) -> None:
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    body = {"metadata": {"name": "a-work-1"}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
    place.server.call("POST", f"/api/v1/namespaces/{place.namespace}/pods", body)
    root = {"id": "a", "name": "a", "displayName": "a", "type": "DAG", "phase": "Running"}
    nodes = {node["id"]: node for node in (root, pod(1, "Running"), pod(2, "Succeeded", "gone"))}
    place.status("a", {"phase": "Running", "nodes": nodes})
    assert list(backend.logs(ref)) == [], "one has not begun, one is gone and was not archived"
