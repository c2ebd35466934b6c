"""The calls of imla-k8s-api's clients: a job-config, dotenv files, a job's state, the files that it leaves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import yaml

from tests.argo.serve.workflow_api.serving import Served

pytestmark = pytest.mark.parametrize("anywhere", ["cluster"], indirect=True)
IMAGE = "registry.example.com/gx4ki/carla:0.9.15"
JOB = """\
kind: ComputeAsset
name: job
version: 1.0.0
mode: extended
command: [sh, -c]
args:
  - |
    echo working
    printf "$TOWN-$NOTE" > "$FOLDER/run.txt"
    mkdir -p "$FOLDER/deep"
    printf '\\000\\377\\r\\n' > "$FOLDER/deep/run.bag"
    exit "${CODE:-0}"
bounds: {registries: [registry.example.com/gx4ki], digest: false, command: false, gpu: 1, timeout: 1h}
inputs: {env: {kind: env, optional: true}}
volumes: {results: {empty: 1Gi, path: /output}}
outputs: {result: {kind: directory, path: /output, mount: false}}
"""


@pytest.fixture
def jobs(anywhere: Served) -> Served:
    """A service that takes job-configs; over a cluster, since what is brought is not run as a mere process."""
    (anywhere.folder / "assets" / "job.yaml").write_text(JOB)
    file = anywhere.folder / "argosy.yaml"
    project = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**project, "service": {"jobConfigs": "job"}}))
    return anywhere.start()


def deploy(client: httpx.Client, config: str, *refs: str) -> httpx.Response:
    files = {"config_data": ("job.env", config.encode())}
    return client.post("/job/deploy/", params={"config_map_ref": ",".join(refs)}, files=files)


def resource(client: httpx.Client, text: str) -> str:
    answer = client.post("/resource/env/", files={"env_file": ("my.env", text.encode())})
    assert answer.json()["filename"] == "my.env", answer.text
    return str(answer.json()["resource_id"])


def waited(served: Served, client: httpx.Client, job: str) -> Any:
    """As their demo waits."""

    def look() -> Any:
        info = client.get(f"/job/{job}").json()
        states = info["container_states"]
        return info if states and states["dummy-job"]["terminated"] is not None else None

    return served.until(look, "the job's container is terminated")


def test_a_job_with_its_results(jobs: Served) -> None:
    client, other = jobs.client(jobs.consumer("a")), jobs.client(jobs.consumer("b"))
    first = resource(client, "TOWN=Town04\nNOTE=old\nFOLDER=/output\n")
    second = resource(client, 'NOTE="a \\"note\\" # \\n"\n')
    config = f"WORKER_IMAGE={IMAGE}\nGPU=false\n"
    answer = deploy(client, config, first, second)
    assert (answer.status_code, answer.json()["status"]) == (200, "job deployed"), answer.text
    job = answer.json()["job_uuid"]
    assert client.get(f"/job/{job}").json()["pod.status.phase"] in ("Pending", "Running")
    info = waited(jobs, client, job)
    assert info["pod.status.phase"] == "Succeeded"
    assert info["container_states"]["dummy-job"]["terminated"]["exit_code"] == 0
    assert client.post(f"/job/{job}/result/store/").json() == {}
    assert sorted(client.get(f"/job/{job}/result/list").json()) == ["deep/run.bag", "run.txt"]
    got = client.get(f"/job/{job}/result", params={"file": "deep/run.bag"})
    assert (got.content, got.headers["content-type"]) == (b"\0\xff\r\n", "application/octet-stream")
    assert client.get(f"/job/{job}/result", params={"file": "run.txt"}).text == 'Town04-a "note" # \n'
    for file in ("../run.txt", "none", "/output/run.txt", ""):
        assert client.get(f"/job/{job}/result", params={"file": file}).status_code == 404
    for method, path in (
        ("GET", ""), ("DELETE", ""), ("POST", "/result/store/"), ("GET", "/result/list"),
        ("GET", "/result?file=run.txt"),
    ):  # fmt: skip
        assert other.request(method, f"/job/{job}{path}").status_code == 404
    assert other.delete(f"/resource/env/{first}").status_code == 404
    assert deploy(other, config, first).status_code == 422
    assert deploy(other, config, first, second).status_code == 422
    assert client.delete(f"/resource/env/{first}").json() == {}
    assert client.delete(f"/job/{job}").status_code == 200
    assert client.get(f"/job/{job}").status_code == 404


def test_what_a_job_left_is_looked_into_within_limits(jobs: Served) -> None:
    jobs.end()
    file = jobs.folder / "argosy.yaml"
    project = yaml.safe_load(file.read_text())
    project["service"]["limits"] = {"files": 2}
    file.write_text(yaml.safe_dump(project))
    client = jobs.start().client(jobs.consumer("a"))
    ref = resource(client, "TOWN=a\nFOLDER=/output\n")
    job = deploy(client, f"WORKER_IMAGE={IMAGE}\n", ref).json()["job_uuid"]
    waited(jobs, client, job)
    for path in ("list", "?file=none"):
        answer = client.get(f"/job/{job}/result/list" if path == "list" else f"/job/{job}/result{path}")
        assert (answer.status_code, answer.json()["error"]) == (413, "too-large")
    assert client.get(f"/v1/runs/{job}/outputs/result").status_code == 200


def test_a_folder_of_its_own_and_a_job_that_fails(jobs: Served) -> None:
    client = jobs.client(jobs.consumer("a"))
    there = str(jobs.folder / "opt" / "rosbag")
    config = f"WORKER_IMAGE={IMAGE}\nRESULT_DIRECTORY={there}\n"
    good, bad = (resource(client, f"TOWN=a\nFOLDER={there}\nCODE={code}\n") for code in (0, 7))
    ran, failed = (deploy(client, config, ref).json()["job_uuid"] for ref in (good, bad))
    waited(jobs, client, ran)
    assert sorted(client.get(f"/job/{ran}/result/list").json()) == ["deep/run.bag", "run.txt"]
    info = waited(jobs, client, failed)
    assert info["pod.status.phase"] == "Failed"
    assert info["container_states"]["dummy-job"]["terminated"]["exit_code"] == 7, info
    for path in ("store/", "list"):
        answer = client.request("POST" if path == "store/" else "GET", f"/job/{failed}/result/{path}")
        assert (answer.status_code, "failed" in answer.json()["detail"]) == (409, True)


def test_what_is_refused(jobs: Served) -> None:
    client = jobs.client(jobs.consumer("a"))
    for config, error in (
        ("GPU=true\n", "invalid"),
        ("WORKER_IMAGE=evil.example/x:1\n", "bounds:registry"),
        (f"WORKER_IMAGE={IMAGE}\nGPU=perhaps\n", "invalid"),
        (f"WORKER_IMAGE={IMAGE}\nRESULT_DIRECTORY=/etc/x\n", "bounds:results"),
        (f"WORKER_IMAGE={IMAGE}\nRESULT_DIRECTORY=/a/../etc\n", "bounds:results"),
        ("nothing of the kind", "invalid"),
    ):
        answer = deploy(client, config)
        assert (answer.status_code, answer.json()["error"]) == (422, error), config
    assert client.post("/job/deploy/").status_code == 422
    assert client.post("/resource/env/", files={"env_file": ("x", b"no dotenv")}).status_code == 422
    assert httpx.get(f"{jobs.url}/job/x").status_code == 401
    assert httpx.get(f"{jobs.url}/health").json()["health"] == "alive"
    assert client.get("/v1/runs").json() == {"runs": []}


def test_a_running_job_is_removed(jobs: Served) -> None:
    client = jobs.client(jobs.consumer("a"))
    text = (jobs.folder / "assets" / "job.yaml").read_text()
    (jobs.folder / "assets" / "job.yaml").write_text(
        text.replace("echo working", "sleep 600").replace("1.0.0", "1.0.1")
    )
    jobs.until(lambda: client.get("/v1/assets/job").json()["version"] == "1.0.1", "the asset is read again")
    job = deploy(client, f"WORKER_IMAGE={IMAGE}\n").json()["job_uuid"]
    jobs.until(lambda: client.get(f"/job/{job}").json()["pod.status.phase"] == "Running", "the job runs")
    assert client.delete(f"/job/{job}").status_code == 200
    assert client.get(f"/job/{job}").status_code == 404
    jobs.until(lambda: 'argosy_runs{state="running"}' not in client.get("/metrics").text, "it has ended")
