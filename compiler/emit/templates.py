"""Templates of a plan -> Argo's templates."""

from __future__ import annotations

from typing import Any

from compiler.emit.pods import pod, retry
from compiler.plan import (
    ArtifactArgument,
    ChildTemplate,
    DagTask,
    GateTemplate,
    Interface,
    Location,
    OutputArtifact,
    OutputParameter,
    PodTemplate,
    Store,
    Template,
)

Object = dict[str, Any]

_DECISIONS = ["approve", "reject"]


def template(model: Template, store: Store | None) -> Object:
    body = model.body
    if isinstance(body, GateTemplate):
        return _gate(model.name, body)
    made: Object = {"name": model.name}
    _interface(body.interface, made)
    if isinstance(body, PodTemplate):
        return made | pod(body)
    if isinstance(body, ChildTemplate):
        return made | {"resource": _child(body)}
    if body.retry is not None:
        made["retryStrategy"] = retry(body.retry)
    if body.parallelism is not None:
        made["parallelism"] = body.parallelism
    made["dag"] = {"tasks": [_task(task, store) for task in body.tasks]}
    return made


def artifact_argument(model: ArtifactArgument, store: Store | None) -> Object:
    location = {} if model.location is None else _location(model.location, store)
    return {"name": model.name, **_artifact(model), **location}


def _artifact(model: ArtifactArgument | OutputArtifact) -> Object:
    """Make the fields that artifacts of arguments and of outputs share: optional, from, archive."""
    made: Object = {}
    if model.optional:
        made["optional"] = True
    if model.source:
        made["from"] = model.source
    if model.archive:
        made["archive"] = {model.archive: {}}
    return made


def s3(store: Store, key: str, bucket: str = "") -> Object:
    """A whole location: Argo takes an artifact's bucket only together with its endpoint (ArtifactLocation.Relocate)."""
    made: Object = {"endpoint": store.endpoint, "bucket": bucket or store.bucket}
    if store.region:
        made["region"] = store.region
    if store.insecure:
        made["insecure"] = True
    if store.secret is not None:
        name, access, secret = store.secret
        made["accessKeySecret"] = {"name": name, "key": access}
        made["secretKeySecret"] = {"name": name, "key": secret}
    else:
        made["useSDKCreds"] = True
    made["key"] = key
    return made


def _gate(name: str, body: GateTemplate) -> Object:
    """Suspended until the output is supplied; expiry and a bare resume give it its default
    (workflow/util/util.go: OverrideOutputParametersWithDefault)."""
    asked: Object = {"name": "decision", "default": "reject", "enum": _DECISIONS}
    if body.message:
        asked["description"] = body.message
    return {
        "name": name,
        "inputs": {"parameters": [asked]},
        "outputs": {"parameters": [{"name": "decision", "valueFrom": {"supplied": {}, "default": "reject"}}]},
        "suspend": {} if body.timeout is None else {"duration": f"{body.timeout}s"},
    }


def _child(body: ChildTemplate) -> Object:
    """A resource that the executor creates and follows (workflow/executor/resource.go: WaitResource)."""
    return {
        "action": "create",
        "setOwnerReference": True,
        "successCondition": "status.phase == Succeeded",
        "failureCondition": "status.phase in (Failed, Error)",
        "manifest": body.manifest,
    }


def _interface(interface: Interface, made: Object) -> None:
    inputs: Object = {}
    if interface.parameters:
        inputs["parameters"] = [
            {"name": p.name} if p.default is None else {"name": p.name, "default": p.default}
            for p in interface.parameters
        ]
    if interface.artifacts:
        inputs["artifacts"] = [
            {"name": a.name} | ({"path": a.path} if a.path else {}) | ({"optional": True} if a.optional else {})
            for a in interface.artifacts
        ]
    outputs: Object = {}
    if interface.output_parameters:
        outputs["parameters"] = [_output_parameter(output) for output in interface.output_parameters]
    if interface.output_artifacts:
        outputs["artifacts"] = [_output_artifact(output) for output in interface.output_artifacts]
    if inputs:
        made["inputs"] = inputs
    if outputs:
        made["outputs"] = outputs


def _output_parameter(model: OutputParameter) -> Object:
    taken = "parameter" if model.reference.startswith("{{") else "expression"
    source: Object = {"path": model.path} if model.path else {taken: model.reference}
    if model.json_path:
        source = {"jsonPath": model.json_path}
    if model.default is not None:
        source["default"] = model.default
    exported = {"globalName": model.name} if model.exported else {}
    return {"name": model.name, **exported, "valueFrom": source}


def _output_artifact(model: OutputArtifact) -> Object:
    path = {"path": model.path} if model.path else {}
    key = {"s3": {"key": model.key}} if model.key else {}
    return {"name": model.name, **path, **_artifact(model), **key}


def _location(model: Location, store: Store | None) -> Object:
    if model.raw is not None:
        return {"raw": {"data": model.raw}}
    if not model.bucket:
        return {"s3": {"key": model.key}}
    return {"s3": s3(store, model.key, model.bucket) if store else {"bucket": model.bucket, "key": model.key}}


def _task(model: DagTask, store: Store | None) -> Object:
    made: Object = {"name": model.name, "template": model.template}
    if model.depends:
        made["depends"] = model.depends
    elif model.dependencies:
        made["dependencies"] = list(model.dependencies)
    if model.when:
        made["when"] = model.when
    if model.continue_on_failed or model.continue_on_error:
        ways = {"failed": model.continue_on_failed, "error": model.continue_on_error}
        made["continueOn"] = {way: True for way, meant in ways.items() if meant}
    if model.loop is not None:
        if model.loop.items:
            made["withItems"] = [dict(item) for item in model.loop.items]
        else:
            made["withParam"] = model.loop.expression
    arguments: Object = {}
    if model.parameters:
        arguments["parameters"] = [{"name": name, "value": value} for name, value in model.parameters]
    if model.artifacts:
        arguments["artifacts"] = [artifact_argument(artifact, store) for artifact in model.artifacts]
    if arguments:
        made["arguments"] = arguments
    return made
