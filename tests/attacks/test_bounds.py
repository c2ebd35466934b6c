"""Consumers of extended assets go beyond the bounds: by what the bounds leave out, by references, by the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from argo.errors import ArgosyError, ConflictError, UsageError
from argo.setup.doctor import examine
from argo.setup.render import SetupOptions, render
from argo.submission.subject import subject_of
from argo.target import ClusterAddress, Target
from argo.workflow import bounds
from compiler import pipeline
from compiler.extend import Extension
from compiler.models.project import Profile
from tests.argo.backends.kubernetes.conftest import Place
from tests.argo.backends.kubernetes.conftest import place as place
from tests.argo.serve.workflow_api.serving import ROOT, Served
from tests.fixtures_kubernetes import kubernetes as kubernetes

DIGEST = "sha256:" + "b" * 64
GIVEN = {"image": f"registry.example.com/partners/job@{DIGEST}", "command": ["sh"]}
BRING = """\
kind: ComputeAsset
name: {name}
version: 1.0.0
mode: extended
bounds: {{registries: [registry.example.com/partners], {bounds}}}
parameters: {{size: {{default: 900Gi}}}}
outputs: {{result: {{kind: file, path: /out/result}}}}
{more}
"""
ASSETS = {
    "bare": ("", ""),
    "named": ("cpu: 2, memory: 1Gi, processes: 64, egress: [0.0.0.0/0, '::/0']", ""),
    "addresses": ("egress: [10.0.0.0/8]", ""),
    "half": ("egress: [0.0.0.0/0]", ""),
    "beside": ("", "sidecars: {log: {image: 'registry.example.com/log:1'}}"),
}
# Writes down what it is asked for, and writes the output where it is mounted.
PLAYED = """#!/bin/sh
here=$(dirname "$0")
case $1 in
info) cat "$here/info";;
run)
  for word; do
    printf '%s\\n' "$word"
    case $word in *target=/out) folder=${word#*source=}; echo done > "${folder%%,*}/result";; esac
  done > "$here/arguments.new"
  mv "$here/arguments.new" "$here/arguments";;
esac
"""
INFO: dict[str, Any] = {
    "host": {"cgroupVersion": "v2", "cgroupControllers": ["cpu", "memory", "pids"], "security": {"rootless": True}}
}


def bring(name: str, bounds_: str = "", more: str = "") -> str:
    return BRING.format(name=name, bounds=bounds_, more=more)


def played(folder: Path, name: str = "podman", info: Any = None) -> dict[str, str]:
    """The variables with which a runtime that is played is found."""
    folder.mkdir()
    (folder / "info").write_text(json.dumps(INFO if info is None else info))
    (folder / name).write_text(PLAYED)
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "ARGOSY_EXECUTOR": name}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "assets").mkdir()
    for name, texts in ASSETS.items():
        (folder / "assets" / f"{name}.yaml").write_text(bring(name, *texts))
    served = Served(folder, variables=played(folder / "played"), arguments=("assets",)).start()
    yield served
    served.close()


@pytest.fixture(scope="module")
def token(service: Served) -> str:
    return service.consumer("mallory")


def asked(service: Served, token: str, asset: str, **given: Any) -> dict[str, str]:
    """What the runtime was asked for by a run."""
    client = service.client(token)
    answer = client.post("/v1/runs", json={"asset": asset, "extension": {**GIVEN, **given}})
    assert answer.status_code == 202, answer.text
    run = service.ended(client, answer.json()["id"])
    assert run["state"] == "succeeded", run["message"]
    words = (service.folder / "played" / "arguments").read_text().splitlines()
    return {flag: value for flag, value in pairwise(words) if flag.startswith("--")}


def test_what_the_bounds_leave_out_is_limited_all_the_same(service: Served, token: str) -> None:
    flags = asked(service, token, "bare")
    assert flags["--cpus"] == "1"
    assert flags["--memory"] == flags["--memory-swap"] == str(1 << 30)
    assert flags["--pids-limit"] == "1024"
    assert flags["--network"] == "none"


def test_what_the_bounds_name_is_the_most_and_what_a_run_gets(service: Served, token: str) -> None:
    flags = asked(service, token, "named")
    assert (flags["--cpus"], flags["--memory"], flags["--pids-limit"]) == ("2", str(1 << 30), "64")
    assert "--network" not in flags, "every address is allowed, the host's own network is not"
    assert asked(service, token, "named", cpu="500m", memory="64Mi")["--memory-swap"] == str(64 << 20)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"memory": "${{ params.size }}"}, "memory"),
        ({"cpu": "${{ params.size }}"}, "cpu"),
        ({"memory": "2Gi"}, "memory"),
    ],
)
def test_a_reference_is_not_a_way_beyond_the_bounds(
    service: Served, token: str, given: dict[str, str], rule: str
) -> None:
    answer = service.client(token).post("/v1/runs", json={"asset": "bare", "extension": {**GIVEN, **given}})
    assert (answer.status_code, answer.json()["error"]) == (422, f"bounds:{rule}")


@pytest.mark.parametrize("asset", ["addresses", "half", "beside"])
def test_a_network_that_the_runtime_cannot_bound_is_refused(service: Served, token: str, asset: str) -> None:
    answer = service.client(token).post("/v1/runs", json={"asset": asset, "extension": GIVEN})
    assert (answer.status_code, answer.json()["error"]) == (409, "bounds:egress")
    ready = service.client(token).get("/health/ready").json()
    assert any(f"podman does not keep these bounds of {asset}: egress" in text for text in ready["unkept"])
    assert f"these bounds of {asset}" in service.log, "and says so when it starts"


@pytest.mark.parametrize(
    ("name", "info", "rules"),
    [
        ("podman", {"host": {"cgroupVersion": "v2", "cgroupControllers": ["memory"]}}, "cpu, processes"),
        ("podman", {"host": {**INFO["host"], "cgroupVersion": "v1"}}, "cpu, memory, processes"),
        ("docker", {"MemoryLimit": True, "CpuCfsQuota": True, "PidsLimit": False}, "processes"),
        ("docker", "it does not answer", "cpu, memory, processes"),
    ],
)
def test_a_runtime_that_ignores_limits_is_refused(tmp_path: Path, name: str, info: Any, rules: str) -> None:
    (tmp_path / "bring.yaml").write_text(
        bring("bring", "processes: 9", "image: registry.example.com/x:1\ncommand: [x]")
    )
    done = argosy(tmp_path, "run", "bring.yaml", **played(tmp_path / "played", name, info))
    assert (done.returncode, f"{name} does not keep these bounds of bring: {rules}\n" in done.stderr) == (2, True), done
    assert not (tmp_path / "played" / "arguments").exists()


def test_the_process_executor_keeps_no_bounds_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "bring.yaml").write_text(bring("bring", "", "image: registry.example.com/x:1\ncommand: [touch, ran]"))
    done = argosy(tmp_path, "run", "bring.yaml", ARGOSY_EXECUTOR="process")
    assert done.returncode == 2
    assert (
        "the process executor does not keep these bounds of bring: cpu, memory, disk, egress to nothing" in done.stderr
    )
    assert json.loads(argosy(tmp_path, "list", "-o", "json").stdout) == []


def argosy(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ARGOSY_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "argo.cli", *arguments], cwd=folder, env={**environment, **variables}, text=True,
        capture_output=True, timeout=300,
    )  # fmt: skip


def has(image: str) -> bool:
    return subprocess.run(["podman", "image", "exists", image], capture_output=True).returncode == 0


@pytest.mark.slow
def test_a_real_podman_holds_processes_disk_and_network(tmp_path: Path) -> None:
    image = "docker.io/library/alpine:3"
    if shutil.which("podman") is None or not has(image):
        pytest.skip("no podman with alpine:3 works here")
    attack = {
        "forks": "for i in $(seq 1 200); do sleep 100 & done",
        "disk": "while :; do dd if=/dev/zero bs=1M count=16 >> /out/result 2>/dev/null; done",
        "layer": "while :; do dd if=/dev/zero bs=1M count=16 >> /tmp/x 2>/dev/null; done",
        "network": "test $(ls /sys/class/net) = lo && echo none > /out/result",
        "memory": 'tail /dev/zero; echo "ended with $?" > /out/result',
    }
    documents = []
    for name, script in attack.items():
        value = yaml.safe_load(bring(name, "processes: 32, memory: 64Mi, disk: 64Mi"))
        documents.append({**value, "image": image, "command": ["sh", "-c", script], "imagePullPolicy": "Never"})
    tasks = {name: {"asset": name} for name in attack}
    documents.append({"kind": "Dag", "name": "attack", "tasks": tasks})
    (tmp_path / "attack.yaml").write_text(yaml.safe_dump_all(documents))
    done = argosy(tmp_path, "run", "attack.yaml", "--name", "attack", ARGOSY_EXECUTOR="podman")
    assert done.returncode == 1, done.stderr
    told = json.loads(argosy(tmp_path, "status", "attack", "-o", "json").stdout)
    nodes = told["tasks"]
    assert nodes["network"]["phase"] == "Succeeded", nodes["network"]
    full = f"Pod ephemeral local storage usage exceeds the total limit of containers {64 << 20}. "
    assert nodes["disk"]["message"] == nodes["layer"]["message"] == full
    assert nodes["forks"]["phase"] == "Failed"
    assert "can't fork" in argosy(tmp_path, "logs", "attack").stdout
    assert nodes["memory"]["phase"] == "Succeeded", nodes["memory"]


# On a cluster: what is made is looked at in a real API server.


def compiled(folder: Path, text: str, **profile: Any) -> Any:
    """The Workflow of an extended asset, as the service submits it."""
    (folder / "bring.yaml").write_text(text)
    project = {"kind": "Project", "default": "p", "profiles": {"p": profile}}
    (folder / "argosy.yaml").write_text(yaml.safe_dump(project))
    result = pipeline.compile_asset(
        [folder / "bring.yaml"], "bring", "1.0.0", extension=Extension(GIVEN["image"], ("sh",)),  # type: ignore[arg-type]
        profile="p", project_file=folder / "argosy.yaml",
    )  # fmt: skip
    assert [item for item in result.diagnostics if item.severity == "error"] == []
    return result.objects()


def submitted(place: Place, objects: Any, name: str) -> Any:
    from argo.submission.request import Request, draft

    backend = place.backend()
    backend.submit(draft(Request(subject_of(objects), name=name), backend).submission(lambda *_: None))
    return place.workflow(name)


def policies(place: Place) -> dict[str, Any]:
    path = f"/apis/networking.k8s.io/v1/namespaces/{place.namespace}/networkpolicies"
    return {item["metadata"]["name"]: item for item in place.server.call("GET", path)["items"]}


def test_a_cluster_has_the_policy_before_the_run_goes_on(place: Place, tmp_path: Path) -> None:
    objects = compiled(tmp_path, bring("bring", "egress: [192.0.2.0/24]"), executorEgress=["10.96.0.1/32"])
    workflow = submitted(place, objects, "first")
    (template,) = [item for item in workflow["spec"]["templates"] if "container" in item]
    (policy,) = policies(place).values()
    assert policy["spec"]["podSelector"]["matchLabels"] == template["metadata"]["labels"]
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in policy["spec"], "nobody reaches its pods"
    names, addresses = policy["spec"]["egress"]
    assert [to["ipBlock"]["cidr"] for to in addresses["to"]] == ["10.96.0.1/32", "192.0.2.0/24"]
    assert all(names["to"]), "port 53 of anybody is a way out"
    assert "ownerReferences" not in policy["metadata"], "it outlives the run, whose pods may still be ending"
    limits = template["container"]["resources"]["limits"]
    assert limits == {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "10Gi"}
    submitted(place, objects, "second")
    other = compiled(tmp_path, bring("bring", "egress: [198.51.100.0/24]"), executorEgress=["10.96.0.1/32"])
    submitted(place, other, "third")
    assert len(policies(place)) == 2, "one of another version adds nothing to what the first may reach"


def test_a_policy_that_somebody_opened_is_refused(place: Place, tmp_path: Path) -> None:
    objects = compiled(tmp_path, bring("bring", "egress: [192.0.2.0/24]"))
    submitted(place, objects, "first")
    (name,) = policies(place)
    path = f"/apis/networking.k8s.io/v1/namespaces/{place.namespace}/networkpolicies/{name}"
    place.server.call("PATCH", path, {"spec": {"egress": [{}]}})
    with pytest.raises(ConflictError, match="was changed"):
        submitted(place, objects, "second")
    assert [item["metadata"]["name"] for item in place.workflows()] == ["first"]


@pytest.mark.parametrize(
    ("text", "rule"), [("processes: 64, egress: [10.0.0.0/8]", "processes"), ("cpu: 1", "egress to nothing")]
)
def test_what_no_field_of_a_pod_says_is_refused_unless_the_cluster_keeps_it(
    place: Place, tmp_path: Path, text: str, rule: str
) -> None:
    with pytest.raises(UsageError, match=f"Kubernetes does not keep these bounds of bring: {rule}"):
        submitted(place, compiled(tmp_path, bring("bring", text)), "refused")
    assert place.workflows() == []
    assert policies(place) == {}
    sworn = compiled(tmp_path, bring("bring", text), enforces=["processes", "egress"])
    assert submitted(place, sworn, "taken")


def test_an_argo_server_which_makes_no_policies_is_refused(tmp_path: Path) -> None:
    workflow = next(o for o in compiled(tmp_path, bring("bring", "egress: [10.0.0.0/8]")) if o["kind"] == "Workflow")
    with pytest.raises(UsageError, match="an Argo Server does not keep these bounds of bring: egress to addresses"):
        bounds.require(bounds.bounded(workflow), "an Argo Server")


def test_who_may_make_no_policies_starts_nothing(place: Place, tmp_path: Path) -> None:
    from argo.setup.rights import POLICIES, SUBMITTER, rules

    objects = compiled(tmp_path, bring("bring", "egress: [10.0.0.0/8]"))
    weak = place.server.account(place.namespace, "weak", rules(SUBMITTER))
    place.kubeconfig = place.server.kubeconfig(place.namespace, weak)
    with pytest.raises(ArgosyError):
        submitted(place, objects, "refused")
    assert place.workflows() == []
    able = place.server.account(place.namespace, "able", rules((*SUBMITTER, *POLICIES)))
    place.kubeconfig = place.server.kubeconfig(place.namespace, able)
    assert submitted(place, objects, "taken")


def test_the_service_says_which_policy_is_missing_as_it_starts(place: Place, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "bring.yaml").write_text(bring("bring"))
    engine = {"context": place.namespace, "kubeconfig": str(place.kubeconfig)}
    profile = {"engine": engine, "namespace": place.namespace, "enforces": ["egress"]}
    project = {"kind": "Project", "default": "k8s", "profiles": {"k8s": profile}}
    (tmp_path / "argosy.yaml").write_text(yaml.safe_dump(project))
    served = Served(tmp_path, arguments=("assets",)).start()

    def unkept() -> Any:
        return httpx.get(f"{served.url}/health/ready").json()["unkept"]

    try:
        served.until(unkept, "the service has looked")
        runs, bounded = unkept()
        assert f"the NetworkPolicy argosy-runs is missing in {place.namespace}" in runs
        assert f"the NetworkPolicy argosy-bounded is missing in {place.namespace}" in bounded
        assert '"message": "bounds are not kept"' in served.log
        assert runs in served.log
        assert bounded in served.log
        apply_policies(place, "argosy-runs")
        served.end()
        served.start()
        served.until(unkept, "the service has looked again")
        assert unkept() == [bounded]
    finally:
        served.close()


def apply_policies(place: Place, *names: str) -> None:
    """Those of `argosy setup`; of all the named ones alone, where some are."""
    for value in yaml.safe_load_all(render(Profile.model_validate({"namespace": place.namespace}), SetupOptions())):
        if value and value["kind"] == "NetworkPolicy" and (not names or value["metadata"]["name"] in names):
            path = f"/apis/networking.k8s.io/v1/namespaces/{place.namespace}/networkpolicies"
            place.server.call("POST", path, value)


def test_doctor_says_which_policy_is_missing(place: Place) -> None:
    from argo.backends.kubernetes.policies import missing

    target = Target(namespace=place.namespace, cluster=ClusterAddress(None, place.kubeconfig))

    def said() -> tuple[str, str]:
        (check,) = [check for check in examine(target) if check.name == "network policies"]
        return check.state, check.found

    state, text = said()
    assert state == "warning"
    assert "argosy-runs is missing" in text
    assert "argosy-bounded is missing" in text
    apply_policies(place)
    assert said()[0] == "ok"
    assert missing(place.backend().cluster) == []
    closed = policies(place)["argosy-bounded"]["spec"]
    assert (closed["policyTypes"], closed.get("egress"), closed.get("ingress")) == (["Ingress", "Egress"], None, None)
