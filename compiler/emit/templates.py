"""Templates of a plan -> Argo's templates."""

from __future__ import annotations

from typing import Any

from compiler import plan
from compiler.emit.pods import fields, pod, retry

Object = dict[str, Any]


def template(model: plan.Template, store: plan.Store | None) -> Object:
    body = model.body
    if isinstance(body, plan.GateTemplate):
        return _gate(model.name, body)
    made = {"name": model.name} | _interface(body.interface)
    if isinstance(body, plan.PodTemplate):
        return made | pod(body)
    if isinstance(body, plan.ChildTemplate):
        return made | {"resource": _child(body)}
    made |= fields(retryStrategy=body.retry and retry(body.retry), parallelism=body.parallelism)
    return made | {"dag": {"tasks": [_task(task, store) for task in body.tasks]}}


def artifact_argument(model: plan.ArtifactArgument, store: plan.Store | None) -> Object:
    location = {} if model.location is None else _location(model.location, store)
    return {"name": model.name, **_artifact(model), **location}


def _artifact(model: plan.ArtifactArgument | plan.OutputArtifact) -> Object:
    """Make the fields that artifacts of arguments and of outputs share: optional, from, archive."""
    archive: Object = {model.archive: {}} if model.archive else {}
    return fields(**{"optional": model.optional, "from": model.source, "archive": archive})


def s3(store: plan.Store, key: str, bucket: str = "") -> Object:
    """A whole location: Argo takes an artifact's bucket only together with its endpoint (ArtifactLocation.Relocate)."""
    made: Object = {"endpoint": store.endpoint, "bucket": bucket or store.bucket}
    made |= fields(region=store.region, insecure=store.insecure)
    if store.secret is not None:
        name, access, secret = store.secret
        made |= {"accessKeySecret": {"name": name, "key": access}, "secretKeySecret": {"name": name, "key": secret}}
    else:
        made["useSDKCreds"] = True
    return made | {"key": key}


def _gate(name: str, body: plan.GateTemplate) -> Object:
    """Suspended until the output is supplied; expiry and a bare resume give it its default
    (workflow/util/util.go: OverrideOutputParametersWithDefault)."""
    asked = {"name": "decision", "default": "reject", "enum": ["approve", "reject"]} | fields(description=body.message)
    return {
        "name": name,
        "inputs": {"parameters": [asked]},
        "outputs": {"parameters": [{"name": "decision", "valueFrom": {"supplied": {}, "default": "reject"}}]},
        "suspend": {} if body.timeout is None else {"duration": f"{body.timeout}s"},
    }


def _child(body: plan.ChildTemplate) -> Object:
    """A resource that the executor creates and follows (workflow/executor/resource.go: WaitResource)."""
    return {
        "action": "create",
        "setOwnerReference": True,
        "successCondition": "status.phase == Succeeded",
        "failureCondition": "status.phase in (Failed, Error)",
        "manifest": body.manifest,
    }


def _interface(interface: plan.Interface) -> Object:
    parameters = [
        {"name": p.name} if p.default is None else {"name": p.name, "default": p.default} for p in interface.parameters
    ]
    artifacts = [fields(name=name, path=path, optional=optional) for name, path, optional in interface.artifacts]
    values = list(map(_output_parameter, interface.output_parameters))
    stored = list(map(_output_artifact, interface.output_artifacts))
    return fields(
        inputs=fields(parameters=parameters, artifacts=artifacts), outputs=fields(parameters=values, artifacts=stored)
    )


def _output_parameter(model: plan.OutputParameter) -> Object:
    taken = "parameter" if model.reference.startswith("{{") else "expression"
    source: Object = {"path": model.path} if model.path else {taken: model.reference}
    if model.json_path:
        source = {"jsonPath": model.json_path}
    if model.default is not None:
        source["default"] = model.default
    exported = {"globalName": model.name} if model.exported else {}
    return {"name": model.name, **exported, "valueFrom": source}


def _output_artifact(model: plan.OutputArtifact) -> Object:
    key = {"key": model.key} if model.key else {}
    return fields(name=model.name, path=model.path) | _artifact(model) | fields(s3=key)


def _location(model: plan.Location, store: plan.Store | None) -> Object:
    if model.raw is not None:
        return {"raw": {"data": model.raw}}
    if not model.bucket:
        return {"s3": {"key": model.key}}
    return {"s3": s3(store, model.key, model.bucket) if store else {"bucket": model.bucket, "key": model.key}}


def _task(model: plan.DagTask, store: plan.Store | None) -> Object:
    items, listed = model.loop or ((), "")
    return fields(
        name=model.name,
        template=model.template,
        depends=model.depends,
        dependencies=[] if model.depends else list(model.dependencies),
        when=model.when,
        continueOn=fields(failed=model.continue_on_failed, error=model.continue_on_error),
        withItems=list(map(dict, items)),
        withParam="" if items else listed,
        arguments=fields(
            parameters=[{"name": name, "value": value} for name, value in model.parameters],
            artifacts=[artifact_argument(artifact, store) for artifact in model.artifacts],
        ),
    )
