"""Commands on a real Kubernetes API, against runs that stand there as a real controller left them."""

from __future__ import annotations

import copy
import json
import os
from typing import Any

import pytest

from argo.backend import FINISHED, Json
from argo.errors import ConflictError
from argo.workflow.hydrate import compress
from argo.workflow.retry import reset
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.backends.kubernetes.test_submit import submission
from tests.files import contents
from tests.fixtures_kubernetes import kubernetes as kubernetes
from tests.system.conftest import ROOT, Argosy

OUTCOMES = ROOT.parent / "shared" / "argo" / "outcomes"
FILES = sorted(OUTCOMES.rglob("*.json"))


def status(run: str, outcome: Json) -> Json:
    """The status of a run with this outcome; ids are made of the nodes' names."""
    names = [name.replace("$WF", run) for name in outcome["nodes"]]
    ids = {name: run if name == run else f"{run}-{number}" for number, name in enumerate(names, 1)}
    nodes = {}
    for name, given in outcome["nodes"].items():
        own = name.replace("$WF", run)
        nodes[ids[own]] = {
            "id": ids[own], "name": own, "displayName": own.rpartition(".")[2], "type": given["type"],
            "phase": given["phase"], "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z",
            **({"templateName": given["template"]} if given.get("template") else {}),
            **({"boundaryID": run} if own != run else {}),
            "children": [ids[child.replace("$WF", run)] for child in given.get("children", ())],
        }  # fmt: skip
    return {
        "phase": outcome["phase"], "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z",
        "nodes": nodes,
    }  # fmt: skip


@pytest.mark.shared
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_recorded_outcomes_are_read_and_tried_again(place: Place, packed: bool) -> None:
    """`retry` leaves on the cluster what the same edit makes of the same Workflow here; successes are refused."""
    backend = place.backend()
    refused = 0
    for number, file in enumerate(FILES):
        name = f"o{number}"
        ref = backend.submit(submission(name, f"k{number}", config_map=False)).ref
        given = status(name, json.loads(file.read_text(encoding="utf-8")))
        assert given["phase"] in FINISHED
        written = {**given, "nodes": None, "compressedNodes": compress(given["nodes"])} if packed else given
        place.status(name, {key: value for key, value in written.items() if value is not None})
        before = backend.get(ref)
        assert {key: node["phase"] for key, node in before["status"]["nodes"].items()} == {
            key: node["phase"] for key, node in given["nodes"].items()
        }, file
        assert [*backend.watch(ref)][-1].workflow["status"]["phase"] == given["phase"], file
        expected = copy.deepcopy(before)
        try:
            reset(expected, ())
        except ConflictError:
            with pytest.raises(ConflictError, match="only what has failed"):
                backend.retry(ref)
            refused += 1
            continue
        backend.retry(ref)
        now = backend.get(ref)
        assert shape(now) == shape(expected), file
        assert bool(place.workflow(name)["status"].get("compressedNodes")) is packed
        backend.stop(ref)
        assert place.workflow(name)["spec"]["shutdown"] == "Stop"
    assert 0 < refused < len(FILES)


def shape(workflow: Json) -> Any:
    nodes = workflow["status"]["nodes"]
    return workflow["status"]["phase"], {
        key: (node["phase"], node.get("finishedAt"), node.get("children") or []) for key, node in nodes.items()
    }


@pytest.mark.shared
def test_the_command_on_a_cluster(place: Place, argosy: Argosy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as people type it: submit, list, status, suspend, resume, retry, delete."""
    monkeypatch.setenv("KUBECONFIG", str(place.kubeconfig))
    manifest = argosy.cwd / "run.yaml"
    workflow: Json = submission("unused").workflow
    workflow["metadata"] = {"generateName": "hello-"}
    workflow["spec"].pop("arguments")
    manifest.write_text(json.dumps(workflow), encoding="utf-8")
    first = argosy.json("submit", manifest, "--once=mine")
    again = argosy.json("submit", manifest, "--once=mine")
    assert (first["new"], again["new"]) == (True, False)
    assert first["uid"] == again["uid"]
    name = first["name"]
    said = argosy("suspend", name).stderr
    assert place.server.url in said, "the target is named"
    assert place.namespace in said
    assert place.workflow(name)["spec"]["suspend"] is True
    argosy("resume", name)
    place.status(name, status(name, {"phase": "Failed", "nodes": {"$WF": {"type": "Pod", "phase": "Failed"}}}))
    assert argosy.json("status", name, code=None)["phase"] == "Failed"
    assert name in argosy("list").stdout
    argosy("retry", name)
    assert place.workflow(name)["status"]["phase"] == "Running"
    place.status(name, status(name, {"phase": "Succeeded", "nodes": {"$WF": {"type": "Pod", "phase": "Succeeded"}}}))
    argosy("delete", name)
    assert place.workflows() == []
    gone = argosy("status", name, code=2)
    assert f"no run named {name}" in gone.stderr
    assert [path for path, text in contents(argosy.home) if place.server.token.encode() in text] == []
    assert os.environ["KUBECONFIG"] == str(place.kubeconfig)
