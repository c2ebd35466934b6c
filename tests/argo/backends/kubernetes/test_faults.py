"""Submit and watch through a proxy that breaks calls and streams: one run, its ConfigMaps its own, the right end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from argo.backend import RunRef
from argo.backends.kubernetes.backend import ClusterBackend
from argo.errors import RemoteError
from argo.http import NoAnswerError
from argo.target import ClusterAddress, Target
from compiler.labels import KEY, PREPARING
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.test_runs import DONE, GATE, POD, ROOT, status
from tests.argo.backends.kubernetes.test_submit import DATA, submission
from tests.faults import FAULTS, STREAM_FAULTS, Faults, proxy
from tests.kills import KILLS

SEEDS = range(2 * KILLS)
STALL = 0.6  # seconds, longer than the client waits here


@pytest.mark.slow
def test_a_run_is_submitted_once_and_followed_to_its_end(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argo.http.READ", STALL / 2)
    monkeypatch.setattr("argo.backends.kubernetes.api._SLACK", STALL / 2)
    monkeypatch.setattr("argo.backends.kubernetes.api._WATCH", 1)
    with proxy(place.server.url, place.server.authority, STALL) as (url, faults):
        config = tmp_path / "config"
        config.write_text(place.kubeconfig.read_text().replace(place.server.url, url))
        for seed in SEEDS:
            trial(place, faults, config, seed)
    assert {kind for kind, count in faults.met.items() if count} == {*FAULTS, *STREAM_FAULTS}


def trial(place: Place, faults: Faults, config: Path, seed: int) -> None:
    name, end = f"run-{seed}", ("Succeeded", "Failed", "Error")[seed % 3]
    backend = ClusterBackend(Target(namespace=place.namespace, cluster=ClusterAddress(None, config)), 0.02)
    controller = threading.Thread(target=play, args=(place, name, end))
    try:
        faults.begin(seed, share=0.4, most=12)
        ref = sent(backend, name, f"key-{seed}")
        controller.start()
        phase = ""
        for snapshot in backend.watch(ref):
            phase = (snapshot.workflow.get("status") or {}).get("phase") or ""
        controller.join()
        made = place.server.call("GET", f"{place.server.argo(place.namespace)}?labelSelector={KEY}%3Dkey-{seed}")
        (workflow,) = made["items"]
        assert (workflow["metadata"]["name"], workflow["metadata"]["uid"]) == (name, ref.uid), seed
        assert "suspend" not in workflow["spec"], seed
        assert PREPARING not in (workflow["metadata"].get("annotations") or {}), seed
        config_map = place.config_maps()[f"{name}-env"]
        assert config_map["data"] == DATA, seed
        assert [owner["uid"] for owner in config_map["metadata"]["ownerReferences"]] == [ref.uid], seed
        assert phase == end, seed
        place.server.call("DELETE", place.server.argo(place.namespace, name=name))
    finally:
        backend.close()


def sent(backend: ClusterBackend, name: str, key: str) -> RunRef:
    """As somebody does it who repeats the command with the same key until it says that the run is there."""
    for _ in range(10):
        try:
            return backend.submit(submission(name, key)).ref
        except RemoteError:
            continue
    raise AssertionError("never submitted")


def play(place: Place, name: str, end: str) -> None:
    """A controller: it goes through the phases of a run that is not suspended."""
    place.status(name, status("Running", ROOT))
    time.sleep(0.02)
    place.status(name, status("Running", ROOT, GATE))
    time.sleep(0.02)
    place.status(name, status(end, {**ROOT, "phase": end}, POD, DONE))


def test_a_change_whose_answer_is_lost_is_made_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Approving twice is refused: that the first try was carried out has to be found out."""
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    place.status("a", status("Running", ROOT, GATE))
    lose(backend, monkeypatch)
    backend.approve(ref, "gate", "fine")
    node = place.workflow("a")["status"]["nodes"]["a-1"]
    assert (node["phase"], node["outputs"]["parameters"][0]["value"]) == ("Succeeded", "approve")


def test_a_retry_whose_answer_is_lost_is_made_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    place.status("a", status("Failed", {**ROOT, "phase": "Failed", "finishedAt": "2026-01-01T00:00:01Z"}, POD, DONE))
    lose(backend, monkeypatch)
    backend.retry(ref)
    assert place.workflow("a")["status"]["phase"] == "Running"


def test_a_lost_answer_after_which_others_changed_the_run_is_said_to_be_unknown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = place.backend()
    ref = backend.submit(submission("a")).ref
    place.status("a", status("Running", ROOT, GATE))
    lose(backend, monkeypatch, then=lambda: place.status("a", status("Succeeded", {**ROOT, "phase": "Succeeded"})))
    with pytest.raises(RemoteError, match="the answer to a change of a was lost") as unknown:
        backend.approve(ref, "gate")
    assert unknown.value.known == "the change may have been made"


def lose(backend: ClusterBackend, monkeypatch: pytest.MonkeyPatch, then: Any = None) -> None:
    """The first call that writes is carried out, but its answer is lost."""
    from urllib3.exceptions import ProtocolError

    send = backend.cluster._send
    lost: list[str] = []

    def losing(method: str, *arguments: Any, **more: Any) -> Any:
        answer = send(method, *arguments, **more)
        if method == "PUT" and not lost:
            lost.append(method)
            if then is not None:
                then()
            raise NoAnswerError(ProtocolError("Connection aborted"))
        return answer

    monkeypatch.setattr(backend.cluster, "_send", losing)
