"""Checks a Workflow that a client sends against what the engine takes; gives it its identity and defaults."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import argo.local.state.kept as kept
from argo.errors import UsageError
from argo.local.backend import LocalBackend
from argo.local.supported.engine import check
from argo.serve.argo_api.errors import ApiError, not_found
from argo.submission.request import Request
from argo.submission.subject import Start, Subject, kind_named, subject_of
from argo.workflow.commands import user
from argo.workflow.manifests import parse
from compiler.labels import PARAMETERS
from compiler.manifest_schema import check_object
from compiler.manifest_types import Object, Workflow
from compiler.source import SourceFile

PLURALS = {
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
    "Workflow": "workflows",
}
CREATOR = "workflows.argoproj.io/creator"
SOURCE = "the API"


@cache
def creator() -> str:
    """Who uses this machine, as a label's value."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", user())[:63].strip("-_.") or "user"


def sent(body: Mapping[str, Any], field: str, kind: str, namespace: str) -> Object:
    """The object of a request, of that kind and namespace; unknown fields are dropped, as an Argo Server does.

    Raises ApiError for what is none.
    """
    value = body.get(field)
    if not isinstance(value, dict):
        raise ApiError(3, f"{field} was not found in the request body")
    metadata, spec = value.get("metadata"), value.get("spec", {})
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise ApiError(3, f"{field} is not an object of the kind {kind}")
    if metadata.get("namespace") not in (None, "", namespace):
        raise ApiError(3, f"the namespace of the {kind} is not that of the request")
    labels = {**(metadata.get("labels") or {}), CREATOR: creator()}
    about = {**metadata, **({"namespace": namespace} if namespace else {}), "labels": labels}
    made = {**value, "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": about, "spec": spec}
    made.pop("status", None)
    for problem in [problem for problem in check_object(made) if problem.key]:
        parent: Any = made
        for part in problem.path[:-1]:
            parent = parent[part]
        parent.pop(problem.path[-1], None)
    return cast("Object", made)


def admit(backend: LocalBackend, value: Workflow | Object, code: int) -> None:
    """Raises ApiError with `code` where the engine would not run the object, or the templates it refers to lack."""
    namespace = value["metadata"].get("namespace") or ""
    documents, found = parse(SourceFile("request", json.dumps(value)))
    for kind, place in (("WorkflowTemplate", namespace), ("ClusterWorkflowTemplate", "")):
        for other in kept.listed(backend.state, kind, place):
            if (kind, other["metadata"]["name"]) != (value["kind"], value["metadata"].get("name")):
                documents += parse(SourceFile(f"{kind} {other['metadata']['name']}", json.dumps(other)))[0]
    found += [item for item in check(documents) if item.span is None or item.span.file == "request"]
    errors = [item for item in found if item.severity == "error"]
    if errors:
        raise ApiError(code, "; ".join(item.message for item in errors))


def request_of(backend: LocalBackend, workflow: Object) -> Request:
    """The request for a Workflow that a client made itself: its values are held against their rules, too, but for
    those with references, which only their writer's own Workflow has."""
    subject = Subject(workflow, [], known=_templates(backend, workflow))
    ruled = subject.annotation(PARAMETERS)
    own = (workflow["spec"].get("arguments") or {}).get("parameters") or ()
    given = {entry["name"]: str(entry["value"]) for entry in own if entry["name"] in ruled and "value" in entry}
    values = {name: value for name, value in given.items() if "{{" not in value}
    return Request(subject, values, source=SOURCE)


def of_template(backend: LocalBackend, namespace: str, kind: str, name: str, options: Mapping[str, Any]) -> Request:
    """The request that `submit` makes of a template, schedule or ended Workflow. Raises ApiError.

    `options` are Argo's SubmitOpts: name, generateName, parameters ("a=b"), labels, annotations ("a=b,c=d"),
    entryPoint, serviceAccount.
    """
    source = _source(backend, namespace, kind, name)
    try:
        subject = subject_of([source], start=Start(entrypoint=options.get("entryPoint") or ""))
    except UsageError as error:
        raise ApiError(3, error.message) from error
    workflow = subject.workflow
    metadata = workflow["metadata"]
    for field in ("name", "generateName"):
        if options.get(field):
            metadata.pop("name", None)
            metadata.pop("generateName", None)
            metadata[field] = options[field]
    metadata["namespace"] = namespace
    for field in ("labels", "annotations"):
        given = dict(pair.split("=", 1) for pair in (options.get(field) or "").split(",") if "=" in pair)
        if given:
            metadata[field] = {**(metadata.get(field) or {}), **given}
    metadata.setdefault("labels", {})[CREATOR] = creator()
    if options.get("serviceAccount"):
        workflow["spec"]["serviceAccountName"] = options["serviceAccount"]
    values = dict(pair.split("=", 1) for pair in options.get("parameters") or () if "=" in pair)
    return Request(Subject(workflow, [], known=[source, *_templates(backend, workflow)]), values, source=SOURCE)


def _templates(backend: LocalBackend, workflow: Object) -> list[Object]:
    """The template that a Workflow refers to, where it is kept here."""
    reference = workflow["spec"].get("workflowTemplateRef") or {}
    kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
    namespace = "" if reference.get("clusterScope") else workflow["metadata"].get("namespace") or ""
    found = kept.get(backend.state, kind, namespace, str(reference.get("name") or ""))
    return [] if found is None else [found]


def stamp(value: Object) -> Object:
    """A new object that is kept, with its identity."""
    import uuid

    metadata = value["metadata"]
    if not metadata.get("name"):
        raise ApiError(3, "name is required")
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["generation"] = 1
    return value


def _source(backend: LocalBackend, namespace: str, kind: str, name: str) -> Object:
    wanted = kind_named(kind.replace("-", ""))
    if wanted in (None, "Workflow"):
        raise ApiError(3, f'resource kind "{kind}" is not supported for submitting')
    found = kept.get(backend.state, wanted, "" if wanted.startswith("Cluster") else namespace, name)
    if found is None:
        raise not_found(PLURALS[wanted], name)
    return found
