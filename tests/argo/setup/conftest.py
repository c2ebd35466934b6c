"""A kind that Argo's executor writes, as far as a test of rights needs it."""

from __future__ import annotations

import urllib.error
from contextlib import suppress
from typing import Any

import pytest

from tests.fixtures_kubernetes import Kubernetes
from tests.waiting import until

_NAME = "workflowtaskresults"


@pytest.fixture
def task_results(kubernetes: Kubernetes) -> None:
    version: dict[str, Any] = {
        "name": "v1alpha1", "served": True, "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }  # fmt: skip
    names = {"kind": "WorkflowTaskResult", "listKind": "WorkflowTaskResultList", "plural": _NAME}
    spec = {"group": "argoproj.io", "names": names, "scope": "Namespaced", "versions": [version]}
    body = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{_NAME}.argoproj.io"}, "spec": spec,
    }  # fmt: skip
    with suppress(urllib.error.HTTPError):  # it is there
        kubernetes.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)

    def served() -> bool:
        with suppress(urllib.error.HTTPError):
            kubernetes.call("GET", kubernetes.argo("default", _NAME))
            found = kubernetes.call("GET", "/apis/argoproj.io/v1alpha1")["resources"]
            return any(item["name"] == _NAME for item in found)
        return False

    until(served, "the kind is served")
