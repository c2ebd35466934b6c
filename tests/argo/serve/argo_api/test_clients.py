"""Hera's client works on the API of this machine as it does on an Argo Server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hera.workflows import (
    Container,
    CronWorkflow,
    Parameter,
    Step,
    Steps,
    Suspend,
    Workflow,
    WorkflowsService,
    WorkflowTemplate,
)
from hera.workflows.models import (
    CronWorkflowSuspendRequest,
    SubmitOpts,
    WorkflowLintRequest,
    WorkflowResubmitRequest,
    WorkflowResumeRequest,
    WorkflowRetryRequest,
    WorkflowStopRequest,
    WorkflowSubmitRequest,
    WorkflowSuspendRequest,
    WorkflowTerminateRequest,
)  # fmt: skip

from argo.local.backend import LocalBackend
from argo.local.home import Home
from argo.serve.argo_api.admission import creator
from argo.workflow.commands import user
from argo.workflow.gates import gate_of
from tests.argo.cli.manifests import GATE
from tests.argo.serve.argo_api.serving import Server, serving
from tests.waiting import until

NS = "team"
# Hera's own.
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("hera") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def service(server: Server) -> WorkflowsService:
    return WorkflowsService(host=server.url, token=f"Bearer {server.token}", namespace=NS)


def say(service: WorkflowsService, kind: Any = Workflow, **more: Any) -> Any:
    with kind(
        generate_name="say-", entrypoint="main", workflows_service=service, namespace=NS,
        arguments=[Parameter(name="text", value="hi")], **more,
    ) as workflow:  # fmt: skip
        line = Container(
            name="line", image="busybox", command=["sh", "-c"], args=["echo {{inputs.parameters.text}}"],
            inputs=[Parameter(name="text")],
        )  # fmt: skip
        with Steps(name="main"):
            Step(name="a", template=line, arguments={"text": "{{workflow.parameters.text}}"})
    return workflow


def gated(service: WorkflowsService) -> Any:
    with Workflow(generate_name="gate-", entrypoint="main", workflows_service=service, namespace=NS) as workflow:
        gate = Suspend(name="gate")
        with Steps(name="main"):
            Step(name="ask", template=gate)
    return workflow


def ended(service: WorkflowsService, name: str) -> Any:
    def over() -> Any:
        workflow = service.get_workflow(name)
        return workflow if workflow.status and workflow.status.phase in ("Succeeded", "Failed", "Error") else None

    return until(over, f"{name} ends")


def running(service: WorkflowsService, name: str) -> None:
    def waits() -> bool:
        nodes = getattr(service.get_workflow(name).status, "nodes", None) or {}
        return any(n.type == "Suspend" and n.phase == "Running" for n in nodes.values())

    until(waits, f"{name} waits")


def test_create_wait_list_delete(service: WorkflowsService) -> None:
    made = say(service).create(wait=True, poll_interval=1)
    assert made.status.phase == "Succeeded"
    name = made.metadata.name
    assert name in [item.metadata.name for item in service.list_workflows().items or ()]
    assert [n.display_name for n in made.status.nodes.values() if n.type == "Pod"] == ["a"]
    service.delete_workflow(name)
    with pytest.raises(Exception, match="not found"):
        service.get_workflow(name)


def test_lint(service: WorkflowsService) -> None:
    assert say(service).lint().metadata.generate_name == "say-"
    wrong = say(service)
    wrong.entrypoint = "nowhere"
    with pytest.raises(Exception, match="nowhere"):
        service.lint_workflow(WorkflowLintRequest(workflow=wrong.build()))


def test_suspend_resume_stop_terminate(service: WorkflowsService) -> None:
    first, second, third = (gated(service).create().metadata.name for _ in range(3))
    for name in (first, second, third):
        running(service, name)
    service.suspend_workflow(first, WorkflowSuspendRequest(name=first, namespace=NS))
    assert service.get_workflow(first).spec.suspend is True
    service.resume_workflow(first, WorkflowResumeRequest(name=first, namespace=NS))
    resumed = ended(service, first).status
    assert resumed.phase == "Succeeded"
    done, total = resumed.progress.split("/")
    assert done == total, "a gate that was passed counts"
    service.stop_workflow(second, WorkflowStopRequest(name=second, namespace=NS, message="enough"))
    assert ended(service, second).status.phase == "Failed"
    service.terminate_workflow(third, WorkflowTerminateRequest(name=third, namespace=NS))
    assert ended(service, third).status.phase == "Failed"


def test_a_gate_tells_what_was_decided_by_whom_and_why(server: Server) -> None:
    gated_, told = yaml.safe_load(GATE.replace("published?", "published")), {}
    who = {"by-command": user(), "by-client": creator()}
    for name in who:
        body = {"workflow": {**gated_, "metadata": {"name": name}}}
        assert server("POST", f"/api/v1/workflows/{NS}", body=body).status == 200
    until(lambda: all(_gate(server, name)[0].get("phase") == "Running" for name in who))
    with closing(LocalBackend(Home.open(server.home))) as backend:
        backend.reject(backend.find("by-command"), "gate", "too dark")
    # As Argo's UI does: the value first, then on.
    chosen = {"nodeFieldSelector": "displayName=gate"}
    values = {**chosen, "outputParameters": '{"decision": "reject"}'}
    assert server("PUT", f"/api/v1/workflows/{NS}/by-client/set", body=values).status == 200
    assert server("PUT", f"/api/v1/workflows/{NS}/by-client/resume", body=chosen).status == 200
    for name, by in who.items():
        server.wait(NS, name, "Succeeded")
        told[name], decided = _gate(server, name)
        assert (decided.decision, decided.by, decided.question) == ("rejected", by, "Shall it be published")
        assert {"name": "decision", "value": "reject"}.items() <= told[name]["outputs"]["parameters"][0].items()
    assert told["by-command"]["message"] == f"rejected by {user()}: too dark"
    assert creator() in told["by-client"]["message"]


def _gate(server: Server, name: str) -> tuple[Any, Any]:
    """The node of the gate as the API has it, and as Argosy reads it."""
    workflow = server("GET", f"/api/v1/workflows/{NS}/{name}").json()
    nodes = (workflow.get("status") or {}).get("nodes") or {}
    node: Any = next((node for node in nodes.values() if node["displayName"] == "gate"), {})
    return node, gate_of(workflow, node)


def test_the_newest_run_has_an_alias(server: Server, service: WorkflowsService) -> None:
    name = say(service).create().metadata.name
    assert service.get_workflow("@latest").metadata.name == name
    query = {"listOptions.fieldSelector": "metadata.name=@latest", "listOptions.resourceVersion": "0"}
    with server.open("GET", f"/api/v1/workflow-events/{NS}", query) as stream:
        assert name in stream.readline().decode()
    ended(service, name)
    assert server("GET", "/api/v1/workflows/nobodys/@latest").status == 404


def test_a_run_that_is_not_there_is_not_waited_for(server: Server) -> None:
    query = {"listOptions.fieldSelector": "metadata.name=nosuch"}
    assert server("GET", f"/api/v1/workflow-events/{NS}", query).status == 404


def test_a_dry_run_tells_the_name(server: Server, service: WorkflowsService) -> None:
    body = {"workflow": say(service).to_dict(), "serverDryRun": True}
    made = server("POST", f"/api/v1/workflows/{NS}", body=body).json()["metadata"]
    assert made["name"].startswith("say-")
    assert server("GET", f"/api/v1/workflows/{NS}/{made['name']}").status == 404


def test_retry_and_resubmit(service: WorkflowsService) -> None:
    name = gated(service).create().metadata.name
    running(service, name)
    service.terminate_workflow(name, WorkflowTerminateRequest(name=name, namespace=NS))
    ended(service, name)
    service.retry_workflow(name, WorkflowRetryRequest(name=name, namespace=NS))
    running(service, name)
    again = str(service.resubmit_workflow(name, WorkflowResubmitRequest(name=name, namespace=NS)).metadata.name)
    assert again != name
    running(service, again)
    for one in (name, again):
        service.terminate_workflow(one, WorkflowTerminateRequest(name=one, namespace=NS))


def test_templates_and_schedules(service: WorkflowsService) -> None:
    template = say(service, WorkflowTemplate)
    template.generate_name, template.name = None, "say"
    template.create()
    assert [item.metadata.name for item in service.list_workflow_templates().items or ()] == ["say"]
    made = service.submit_workflow(
        WorkflowSubmitRequest(
            namespace=NS, resource_kind="WorkflowTemplate", resource_name="say",
            submit_options=SubmitOpts(parameters=["text=of the template"]),
        )
    )  # fmt: skip
    assert ended(service, str(made.metadata.name)).status.phase == "Succeeded"
    template.update()
    service.delete_workflow_template("say")
    schedule = say(service, CronWorkflow, schedules=["0 3 * * *"])
    schedule.generate_name, schedule.name = None, "nightly"
    schedule.create()
    assert service.get_cron_workflow("nightly").spec.schedules == ["0 3 * * *"]
    service.suspend_cron_workflow("nightly", CronWorkflowSuspendRequest(name="nightly", namespace=NS))
    service.delete_cron_workflow("nightly")
    assert not service.list_cron_workflows().items


def test_logs_info_and_version(service: WorkflowsService, tmp_path: Path) -> None:
    assert service.get_version().version
    service.get_info()
    assert service.get_user_info().subject


def test_argosy_draws_a_run_of_a_server(server: Server, service: WorkflowsService, tmp_path: Path) -> None:
    name = say(service).create().metadata.name
    ended(service, name)
    environment = {
        **os.environ, "ARGO_SERVER": server.url, "ARGO_TOKEN": f"Bearer {server.token}", "ARGO_NAMESPACE": NS,
        "ARGOSY_HOME": str(tmp_path / "home"),
    }  # fmt: skip

    def graph(subject: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "argo.cli", "graph", subject]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    drawn = graph(name)
    assert "classDef Succeeded" in drawn.stdout, drawn.stderr
    unknown = graph("nothing")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no run, file or DAG named nothing" in unknown.stderr
