"""Whatever is sent to the routes that the OpenAPI document names: no answer is the service's own failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.argo.serve.workflow_api.serving import Served, write_assets
from tests.argo.serve.workflow_api.test_imla import JOB
from tests.waiting import HANG


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("service")
    write_assets(folder / "assets")
    (folder / "assets" / "job.yaml").write_text(JOB)
    (folder / "argosy.yaml").write_text("service: {jobConfigs: job}\n")
    service = Served(folder, arguments=("assets",)).start()
    yield service
    service.close()
    assert "Traceback" not in service.log


@pytest.fixture(scope="module")
def token(served: Served) -> str:
    scopes = ("assets", "inputs", "runs", "outputs", "edc")
    return served.consumer("a", *(word for scope in scopes for word in ("--scope", scope)))


@pytest.mark.slow
def test_no_request_makes_the_service_fail(served: Served, token: str) -> None:
    document = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    operations: list[Any] = [_operation(found) for found in document.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @settings(
            max_examples=40,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            _deepen(case, token)
            answer = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=HANG)
            assert answer.status_code < 500, (case.method, case.path, answer.status_code, answer.text)

        send()


def _operation(found: Any) -> Any:
    return found.ok()


def _deepen(case: Any, token: str) -> None:
    """Names that are there, for half of the requests: deeper than the first 404."""
    for name, value in (("asset", "echo"), ("sid", "echo"), ("name", "echo"), ("key", token)):
        if name in case.path_parameters and (name == "key" or len(str(case.path_parameters[name])) % 2):
            case.path_parameters[name] = value
