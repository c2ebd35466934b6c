"""Offers in a data space, as written and as posted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.argo.cli.conftest import Command
from tests.argo.cli.conftest import argosy as argosy
from tests.argo.serve.workflow_api.serving import ECHO
from tests.http_servers import answer, answering

NS = "https://w3id.org/edc/v0.0.1/ns/"
OFFER = """\
offer:
  id: hello-offer
  title: Hello
  policy: {permission: [{action: use, constraint: {leftOperand: spatial, operator: eq, rightOperand: DE}}]}
  mediaType: text/markdown
  output: said
  properties: {domain: greeting}
"""
PLACE = "https://argosy.example.com/"


@dataclass
class Api:
    """A connector's management API that keeps what it gets."""

    url: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def api() -> Iterator[Api]:
    known = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._take(409)

        def do_PUT(self) -> None:
            self._take(None)

        def _take(self, there: int | None) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.asked.append(f"{self.command} {self.path}")
            key = body.get("@id") or body.get("dataplaneId")
            status = 401 if self.headers["x-api-key"] != "planted-key" else 200
            if status == 200 and there and key in known.kept:
                status = there
            elif status == 200:
                known.kept[key] = body
            answer(self, status)

    with answering(Handler) as url:
        known.url = f"{url}/management"
        yield known


@pytest.fixture
def project(argosy: Command) -> Command:
    (argosy.cwd / "assets").mkdir()
    (argosy.cwd / "assets" / "echo.yaml").write_text(ECHO.format(version="1.0.0") + OFFER)
    (argosy.cwd / "key").write_text("planted-key\n")
    return argosy


def test_v3(project: Command) -> None:
    asset, policy, contract = json.loads(project("edc", "register", "echo", "--service", PLACE).stdout)
    assert asset == {
        "@context": {"@vocab": NS}, "@id": "hello-offer",
        "properties": {"name": "Hello", "version": "1.0.0", "description": "", "contenttype": "text/markdown",
                       "domain": "greeting"},
        "privateProperties": {},
        "dataAddress": {"type": "ProvisionHttp", "baseUrl": "https://argosy.example.com/edc/-/c2/echo"},
    }  # fmt: skip
    assert (policy["@id"], policy["policy"]["@type"]) == ("hello-offer-policy", "Set")
    assert policy["policy"]["permission"][0]["constraint"]["rightOperand"] == "DE"
    assert contract["accessPolicyId"] == contract["contractPolicyId"] == "hello-offer-policy"
    assert contract["assetsSelector"] == [
        {"@type": "Criterion", "operandLeft": f"{NS}id", "operator": "=", "operandRight": "hello-offer"}
    ]


def test_v4_has_types_everywhere_and_no_empty_permission(project: Command) -> None:
    text = (project.cwd / "assets" / "echo.yaml").read_text()
    (project.cwd / "assets" / "echo.yaml").write_text(text.partition("offer:")[0])
    made = json.loads(project("edc", "register", "echo", "--service", PLACE, "--api", "v4", "--label", "gpu").stdout)
    assert [item["@type"] for item in made] == ["Asset", "PolicyDefinition", "ContractDefinition"]
    assert {json.dumps(item["@context"]) for item in made} == {'["https://w3id.org/edc/connector/management/v2"]'}
    assert made[0]["dataplaneMetadata"]["labels"] == ["gpu"]
    assert made[1]["policy"]["permission"] == [{"action": "use"}]


def test_a_policy_that_is_there_is_named(project: Command) -> None:
    text = (project.cwd / "assets" / "echo.yaml").read_text()
    (project.cwd / "assets" / "echo.yaml").write_text(text.partition("  policy:")[0] + "  policy: members-only\n")
    asset, contract = json.loads(project("edc", "register", "echo", "--service", PLACE).stdout)
    assert contract["accessPolicyId"] == "members-only"
    assert asset["@id"] == "hello-offer"


def test_it_is_posted_and_brought_up_to_date(project: Command, api: Api) -> None:
    command = ("edc", "register", "echo", "--service", PLACE, "--management", api.url)
    refused = project(*command, code=3)
    assert "--api-key-file" in refused.stderr
    done = project(*command, "--api-key-file", "key")
    assert done.stdout.splitlines() == [
        "made assets hello-offer", "made policydefinitions hello-offer-policy",
        "made contractdefinitions hello-offer-contract",
    ]  # fmt: skip
    api.asked.clear()
    again = project.json(*command, "--api-key-file", "key")
    assert {entry["done"] for entry in again} == {"updated"}
    assert api.asked == [
        "POST /management/v3/assets", "PUT /management/v3/assets",
        "POST /management/v3/policydefinitions", "PUT /management/v3/policydefinitions/hello-offer-policy",
        "POST /management/v3/contractdefinitions", "PUT /management/v3/contractdefinitions",
    ]  # fmt: skip
    assert "planted" not in done.stdout + done.stderr + refused.stderr


def test_a_data_plane_is_registered(project: Command, api: Api, tmp_path: Path) -> None:
    (project.cwd / "token").write_text("planted-token")
    command = ("edc", "dataplane", "--service", PLACE, "--management", api.url, "--api-key-file", "key")
    project(*command, "--label", "gpu", "--token-file", "token")
    assert api.asked == ["PUT /management/v4/dataplanes"]
    assert api.kept["argosy"] == {
        "dataplaneId": "argosy", "endpoint": "https://argosy.example.com/edc/planted-token/c3",
        "transferTypes": ["HttpData-PULL"], "labels": ["gpu"],
    }  # fmt: skip
    described = json.loads(project("edc", "dataplane", "--service", PLACE).stdout)
    assert described["authorization"] == {"type": "apikey"}


def test_what_cannot_be_offered(project: Command) -> None:
    assert "no asset nothing" in project("edc", "register", "nothing", "--service", PLACE, code=2).stderr
    down = ("--management", "http://127.0.0.1:1/management")
    assert "does not answer" in project("edc", "register", "echo", "--service", PLACE, *down, code=3).stderr
    text = (project.cwd / "assets" / "echo.yaml").read_text()
    (project.cwd / "assets" / "echo.yaml").write_text(text.replace("output: said", "output: count"))
    assert (
        "is no output with a file" in project("edc", "register", "assets/echo.yaml", "--service", PLACE, code=2).stderr
    )
