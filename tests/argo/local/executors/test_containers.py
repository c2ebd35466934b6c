"""Pods of several containers, and their volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from argo.backend import Json
from argo.local.pods import PodOutcome
from tests.argo.local.executors.conftest import Machine, request, shell, until_done


def test_init_containers_and_sidecars(machine: Machine) -> None:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    template = {
        **shell("cat /v/init; while [ ! -e /v/side ]; do sleep 0.02; done; echo side is there", container=mounts),
        "initContainers": [{"name": "first", "command": ["sh", "-c", "echo init > /v/init"], **mounts}],
        "sidecars": [{"name": "side", "command": ["sh", "-c", "touch /v/side; sleep 600"], **mounts}],
    }
    outcome = machine.run(template, volumes=({"name": "v", "emptyDir": {}},))
    assert (outcome.phase, outcome.outputs["result"]) == ("Succeeded", "init\nside is there"), outcome.message
    template["initContainers"][0]["command"] = ["sh", "-c", "exit 2"]
    outcome = machine.run(template, "n2", volumes=({"name": "v", "emptyDir": {}},))
    assert (outcome.phase, outcome.message) == ("Failed", "first: Error (exit code 2)")


def test_main_sees_how_a_sidecar_ended_where_argo_tells_it(machine: Machine) -> None:
    told = "/var/run/argo/ctr"
    template = {
        **shell(f"while [ ! -s {told}/gone/exitcode ] || [ ! -s {told}/done/exitcode ]; do sleep 0.02; done\n"
                f"cat {told}/gone/exitcode; echo; cat {told}/done/exitcode; echo; ls {told}"),
        "sidecars": [
            {"name": "gone", "command": ["argosy-no-such-program"]},
            {"name": "done", "command": ["true"]},
            {"name": "runs", "command": ["sleep", "600"]},
        ],
    }  # fmt: skip
    outcome = machine.run(template)
    assert outcome.outputs["result"] == "64\n0\ndone\ngone", outcome.message
    assert (outcome.phase, outcome.message.partition("):")[0]) == ("Failed", "gone: Error (exit code 64")


def test_container_set(machine: Machine) -> None:
    def step(name: str, source: str, *dependencies: str) -> dict[str, Any]:
        return {"name": name, "command": ["sh", "-c"], "args": [source], "dependencies": list(dependencies)}

    template = {
        "name": "set",
        "containerSet": {
            "volumeMounts": [{"name": "w", "mountPath": "/workspace"}],
            "containers": [
                step("main", "cat /workspace/*; cp /workspace/b /tmp/out", "a", "b"),
                step("a", "echo a > /workspace/a"),
                step("b", "cat /workspace/a > /workspace/b", "a"),
            ],
        },
        "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/workspace/b"}}]},
    }
    volumes = ({"name": "w", "emptyDir": {}},)
    outcome = machine.run(template, volumes=volumes)
    assert (outcome.phase, outcome.outputs["result"]) == ("Succeeded", "a\na"), outcome.message
    assert outcome.outputs["parameters"][0]["value"] == "a"
    assert {name: item["phase"] for name, item in outcome.containers.items()} == dict.fromkeys(
        ("main", "a", "b"), "Succeeded"
    )
    template["containerSet"]["containers"][2]["args"] = ["exit 4"]  # type: ignore[index]  # of mixed types
    outcome = machine.run(template, "n2", volumes=volumes)
    assert outcome.phase == "Failed"
    assert [outcome.containers[name]["exitCode"] for name in ("a", "b", "main")] == [0, 4, 64]
    assert outcome.containers["b"]["message"] == "Error (exit code 4)"


def test_a_container_of_a_set_is_started_again(machine: Machine) -> None:
    count = "n=$(cat /work/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > /work/n; echo $n; exit $((n < 3))"
    container = {"name": "a", "command": ["sh", "-c"], "args": [count],
                 "volumeMounts": [{"name": "work", "mountPath": "/work"}]}  # fmt: skip
    after = {"name": "b", "command": ["true"], "dependencies": ["a"]}
    volumes = ({"name": "work", "emptyDir": {}},)

    def run(node: str, **strategy: Any) -> PodOutcome:
        group = {"containers": [container, after], "retryStrategy": strategy}
        return machine.run({"name": "set", "containerSet": group}, node, volumes=volumes)

    assert run("n1", retries=3, duration="10ms").phase == "Succeeded"
    assert machine.log("n1", "a") == "1\n2\n3\n"
    outcome = run("n2", retries="2")
    assert outcome.phase == "Failed"
    assert outcome.containers["a"]["exitCode"] == 1
    assert machine.log("n2", "a") == "1\n2\n"
    assert run("n3", retries=2, duration="soon").message.endswith("unable to parse soon as a duration")


def test_a_file_of_etc_is_there_to_be_put_out(machine: Machine) -> None:
    outputs = {"parameters": [{"name": "h", "valueFrom": {"path": "/etc/passwd"}}]}
    outcome = machine.run(shell("grep -c root /etc/passwd", outputs=outputs))
    assert outcome.outputs["parameters"][0]["value"] == Path("/etc/passwd").read_text().strip()
    other = machine.run(shell("echo mine > /etc/passwd", outputs=outputs), "n2")
    assert other.outputs["parameters"][0]["value"] == "mine"
    assert "root" in Path("/etc/passwd").read_text()


@pytest.mark.parametrize("location", [{"http": {"url": ""}}, {"s3": {"key": ""}}])
def test_an_optional_artifact_without_a_place(machine: Machine, location: Json) -> None:
    artifact = {"name": "a", "path": "/work/a", "optional": True, **location}
    assert machine.run(shell("test ! -e /work/a", inputs={"artifacts": [artifact]})).phase == "Succeeded"


def test_volumes(machine: Machine, tmp_path: Path) -> None:
    machine.objects.config_maps["files"] = {"data": {"a.txt": "A", "b.txt": "B"}, "binaryData": {"c": "/wA="}}
    machine.objects.secrets["keys"] = {"id": b"private"}
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "h").write_text("H")
    template = shell(
        "cat /cfg/a.txt /etc/argosy-none/renamed /keys/id /host/h; echo kept > /claim/file;"
        "echo s > /scratch/s; cat /one",
        container={
            "volumeMounts": [
                {"name": "files", "mountPath": "/cfg"},
                {"name": "picked", "mountPath": "/etc/argosy-none"},
                {"name": "keys", "mountPath": "/keys"},
                {"name": "host", "mountPath": "/host"},
                {"name": "claim", "mountPath": "/claim", "subPath": "deep"},
                {"name": "scratch", "mountPath": "/scratch"},
                {"name": "files", "mountPath": "/one", "subPath": "b.txt"},
            ]
        },
        outputs={"parameters": [{"name": "s", "valueFrom": {"path": "/scratch/s"}}]},
    )
    volumes = (
        {"name": "files", "configMap": {"name": "files"}},
        {"name": "picked", "configMap": {"name": "files", "items": [{"key": "b.txt", "path": "renamed"}]}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "host", "hostPath": {"path": str(tmp_path / "host"), "type": "Directory"}},
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "scratch", "emptyDir": {}},
    )
    outcome = machine.run(template, volumes=volumes)
    assert outcome.phase == "Succeeded", outcome.message
    assert outcome.outputs["result"] == "ABprivateHB"
    assert outcome.outputs["parameters"][0]["value"] == "s"
    assert (machine.path / "claims" / "data" / "deep" / "file").read_text() == "kept\n"
    assert not (machine.path / "pods" / "n1" / "secrets").exists()
    unknown = machine.run(shell("true", container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]}), "n2")
    assert (unknown.phase, unknown.message) == ("Error", 'volumeMounts: no volume "x"')


def test_a_claim_of_the_run_lies_with_the_run(machine: Machine) -> None:
    mounts = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
    fields: dict[str, Any] = {
        "volumes": ({"name": "work", "persistentVolumeClaim": {"claimName": "wf-work"}},),
        "own_claims": ("wf-work",),
    }
    pods = machine.pods(claims=machine.path / "shared")
    for node, command in (("n1", "echo 1 > /work/f"), ("n2", "cat /work/f")):
        pods.create(request(shell(command, container=mounts), node, **fields))
        assert until_done(pods)[node].phase == "Succeeded"
    assert machine.log("n2") == "1\n"
    assert (machine.path / "claims" / "wf-work" / "f").read_text() == "1\n"
    assert not (machine.path / "shared").exists()


def test_output_on_a_shared_volume_is_this_pods(machine: Machine) -> None:
    mounts = {"volumeMounts": [{"name": "claim", "mountPath": "/claim"}]}
    outputs = {"artifacts": [{"name": "a", "path": "/claim/f", "archive": {"none": {}}, "s3": {"key": "a"}}]}
    volumes = ({"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},)
    assert (
        machine.run(shell("echo 1 > /claim/f", container=mounts, outputs=outputs), volumes=volumes).phase == "Succeeded"
    )
    machine.run(shell("echo 2 > /claim/f", container=mounts), "n2", volumes=volumes)
    assert machine.stored("a") == b"1\n"


def test_input_into_a_volume(machine: Machine) -> None:
    template = shell(
        "cat /data/in.txt; echo more >> /data/in.txt",
        container={"volumeMounts": [{"name": "v", "mountPath": "/data"}]},
        inputs={"artifacts": [{"name": "i", "path": "/data/in.txt", "mode": 0o600, "raw": {"data": "x\n"}}]},
        outputs={"artifacts": [{"name": "o", "path": "/data/in.txt", "archive": {"none": {}}, "s3": {"key": "o"}}]},
    )
    outcome = machine.run(template, volumes=({"name": "v", "emptyDir": {}},))
    assert outcome.outputs["result"] == "x", outcome.message
    assert machine.stored("o") == b"x\nmore\n"
