"""Whose fault a failure is: a table of what Argo and Kubernetes say, and runs that fail in each way."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import yaml

from argo.workflow.faults import DEFINITION, MACHINE, PROGRAM, SOMEBODY, STORE, TIME, explained, last
from argo.workflow.tree import state
from compiler.manifest_types import NodeStatus
from tests.system.conftest import Argosy
from tests.system.conftest import argosy as argosy

NO_FILE = "wait: Error (exit code 64): output artifact 'x': /out/x no such file or directory"

NO_PROGRAM = 'failed to find name in PATH: exec: "nosuch": executable file not found in $PATH'
GPUS = "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
FULL = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "


@pytest.mark.parametrize(
    ("phase", "message", "whose", "why", "hint"),
    [
        ("Error", NO_FILE, PROGRAM, "has not written its output x", "path"),
        ("Error", "wait: Error (exit code 64): output parameter 'n': /n: no such file or directory", PROGRAM, "n", ""),
        ("Failed", "main: Error (exit code 137)", PROGRAM, "killed (SIGKILL); most often because memory", "memory"),
        ("Failed", "OOMKilled (exit code 137)", PROGRAM, "more memory than its limit", "memory"),
        ("Failed", "main: Error (exit code 139)", PROGRAM, "SIGSEGV", "logs"),
        ("Failed", "main: Error (exit code 143)", PROGRAM, "SIGTERM", ""),
        ("Failed", "main: Error (exit code 134)", PROGRAM, "SIGABRT", ""),
        ("Failed", "main: Error (exit code 126)", PROGRAM, "cannot be executed", ""),
        ("Failed", "main: Error (exit code 127)", PROGRAM, "no such program", ""),
        ("Failed", "main: Error (exit code 3)", PROGRAM, "", ""),
        ("Failed", "main: Error (exit code 255)", PROGRAM, "", ""),
        ("Failed", "Pod was active on the node longer than the specified deadline", TIME, "timeout of 2 s", "raise"),
        ("Failed", "Step exceeded its deadline", TIME, "whole run", "raise"),
        ("Failed", "Max duration limit exceeded", TIME, "retries", "raise"),
        ("Failed", "workflow shutdown with strategy:  Terminate", SOMEBODY, "", ""),
        (
            "Error", f"main: Error (exit code 64): {NO_PROGRAM}", DEFINITION, "no program nosuch: the process executor",
         "--executor podman",
        ),
        (
            "Error", 'CreateContainerConfigError: secret "carla" with key token not found', DEFINITION,
            "Secret carla has no key token", "ARGOSY_HOME/secrets/carla/token, mode 0600",
        ),
        ("Pending", "CreateContainerConfigError: couldn't find key token in Secret ns/carla", DEFINITION, "carla", ""),
        ("Pending", 'ImagePullBackOff: Back-off pulling image "x"', DEFINITION, "its image cannot be had", "image"),
        ("Failed", "The node was low on resource: memory. Threshold quantity: 100Mi", MACHINE, "ran out of memory", ""),
        ("Failed", FULL, PROGRAM, "disk", ""),
        ("Pending", "Unschedulable: 0/1 nodes are available: 1 Insufficient cpu.", MACHINE, "let go of cpu", "itself"),
        ("Pending", "Unschedulable: 0/1 nodes are available: 1 Too many pods.", MACHINE, "too many run", ""),
        ("Pending", GPUS, MACHINE, "nvidia.com/gpu", ""),
        ("Pending", "Unschedulable: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity.", MACHINE,
         "kind", ""),
        ("Pending", "PodInitializing", MACHINE, "being prepared", ""),
        ("Error", "pod deleted", MACHINE, "taken away", "retry"),
        ("Error", "init: Error (exit code 64): artifact i failed to load: k does not exist", DEFINITION, "input", ""),
        ("Error", "wait: Error (exit code 64): failed to put file: Access Denied.", STORE, "credentials", "doctor"),
        ("Error", "wait: Error (exit code 64): failed to put: refused", STORE, "could not be stored", ""),
    ],
)  # fmt: skip
def test_whose_fault_it_is(phase: str, message: str, whose: str, why: str, hint: str) -> None:
    workflow: Any = {"spec": {"templates": [{"name": "t", "activeDeadlineSeconds": "2"}]}}
    fault = explained({"type": "Pod", "phase": phase, "message": message, "templateName": "t"}, workflow)
    assert fault is not None
    assert fault.whose == whose
    assert why in fault.why
    assert hint in fault.hint
    assert bool(why) == bool(fault.why)


@pytest.mark.parametrize("node", [{"phase": "Succeeded"}, {"phase": "Running"}, {"phase": "Pending"}, {}])
def test_what_is_well_has_no_fault(node: Any) -> None:
    assert explained(cast("NodeStatus", {"type": "Pod", **node}), {}) is None
    assert explained({"type": "DAG", "phase": "Failed", "message": "child 'a' failed"}, {}) is None


def test_of_attempts_that_are_used_up_the_last_one_counts() -> None:
    tries: Any = [
        {"phase": "Failed", "message": "main: Error (exit code 3)"},
        {"phase": "Failed", "message": "main: Error (exit code 137)"},
    ]
    fault = explained(last(tries, {"type": "Retry", "phase": "Failed", "message": "No more retries left"}), {})
    assert fault is not None
    assert "SIGKILL" in fault.why


FAULTS: dict[str, tuple[Any, str, str]] = {
    "nowrite": ({"args": ["echo done"]}, PROGRAM, "has not written its output x"),
    "killed": ({"args": ["kill -9 $$"]}, PROGRAM, "SIGKILL"),
    "missing": ({"command": ["nosuchprogram"], "args": ["x"]}, DEFINITION, "no program nosuchprogram"),
    "late": ({"args": ["sleep 300"], "timeout": "1s"}, TIME, "timeout of 1 s"),
    "secret": ({"args": ["true"], "env": {"T": {"secret": "carla/token"}}}, DEFINITION, "Secret carla"),
    "tries": ({"args": ["kill -9 $$"], "retry": {"limit": 1}}, PROGRAM, "SIGKILL"),
}


def test_each_way_to_fail_says_whose_fault_it_is_in_every_view(argosy: Argosy) -> None:
    tasks = {
        name: {"image": "any:1", "command": ["sh", "-c"], "outputs": {"x": {"kind": "file", "path": "/out/x"}}, **more}
        for name, (more, _, _) in FAULTS.items()
    }
    (argosy.cwd / "fail.yaml").write_text(yaml.safe_dump({"kind": "Dag", "name": "fail", "tasks": tasks}))
    ran = argosy("run", "fail.yaml", "--name", "fail", "--executor", "process", code=1)
    assert "this machine could not run it" not in ran.stdout
    told = json.loads(argosy("status", "fail", "-o", "json").stdout)["tasks"]
    tree = argosy("status", "fail").stdout
    for name, (_, whose, why) in FAULTS.items():
        assert told[name]["fault"]["whose"] == whose, told[name]
        assert why in told[name]["fault"]["why"], told[name]
        assert why in tree
        assert why in ran.stderr, "in the lines that follow the run"
    assert f"  {PROGRAM}: " in ran.stdout
    assert "ARGOSY_HOME/secrets/carla/token" in told["secret"]["fault"]["hint"]


def test_argos_own_words_stay_in_the_status() -> None:
    nodes = {"r": {"id": "r", "name": "r", "displayName": "r", "type": "Pod", "phase": "Failed", "message": NO_FILE}}
    workflow: Any = {"metadata": {"name": "r"}, "spec": {}, "status": {"phase": "Failed", "nodes": nodes}}
    assert state(workflow).tasks["r"]["message"] == NO_FILE
