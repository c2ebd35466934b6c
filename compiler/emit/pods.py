"""Pod templates of a plan -> Argo's container and script templates."""

from __future__ import annotations

import json
from typing import Any

from compiler import plan

Object = dict[str, Any]


def pod(template: plan.PodTemplate) -> Object:
    """Make the fields of a pod's template other than its name, inputs and outputs."""
    made = fields(
        metadata=fields(labels=dict(template.labels), annotations=dict(template.annotations)),
        retryStrategy=template.retry and retry(template.retry),
        memoize=template.memoize and _memoize(template.memoize),
        activeDeadlineSeconds=None if template.deadline is None else str(template.deadline),
        nodeSelector=dict(template.node_selector),
        tolerations=list(map(toleration, template.tolerations)),
        affinity=json.loads(template.affinity) if template.affinity else None,
        schedulerName=template.scheduler,
        priorityClassName=template.priority_class,
        securityContext=template.security and pod_security(template.security),
        automountServiceAccountToken=template.service_account_token,
        podSpecPatch=template.patch,
        volumes=list(map(_volume, template.volumes)),
    )
    made["container" if template.container.source is None else "script"] = container(template.container)
    if template.sidecars:
        made["sidecars"] = [
            {"name": sidecar.name, **container(sidecar.container), **fields(mirrorVolumeMounts=sidecar.mirror_volumes)}
            for sidecar in template.sidecars
        ]
    return made


def fields(**given: Any) -> Object:
    """The fields that say something: nothing, false and what is empty are the default of each (zero is not)."""
    return {name: value for name, value in given.items() if value or type(value) is int}


def retry(model: plan.Retry) -> Object:
    made: Object = {"limit": str(model.limit), "retryPolicy": model.policy} | fields(expression=model.expression)
    if model.first is not None:
        made["backoff"] = {"duration": f"{model.first}s", "factor": str(model.factor)}
        if model.maximum is not None:
            made["backoff"]["maxDuration"] = f"{model.maximum}s"
    return made


def pod_security(model: plan.PodSecurity) -> Object:
    """Pod Security "restricted", or what the asset declares in its place."""
    return {
        "runAsNonRoot": not model.root,
        "runAsUser": model.user,
        "runAsGroup": model.user,
        "fsGroup": model.user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def toleration(model: plan.Toleration) -> Object:
    return fields(
        key=model.key,
        operator=model.operator,
        value=model.value,
        effect=model.effect,
        tolerationSeconds=model.seconds,
    )


def container(model: plan.Container) -> Object:
    made: Object = {"image": model.image} | fields(
        imagePullPolicy=model.pull_policy, command=list(model.command), args=list(model.args)
    )
    if model.source is not None:
        made["source"] = model.source
    made |= fields(
        workingDir=model.working_dir,
        ports=[{"name": port.name, "containerPort": port.port, "protocol": port.protocol} for port in model.ports],
        env=list(map(_variable, model.env)),
        envFrom=[{"configMapRef": {"name": name}} for name in model.env_from],
        resources=fields(requests=dict(model.requests), limits=dict(model.limits)),
        volumeMounts=list(map(_mount, model.mounts)),
    )
    made["securityContext"] = _security(model.security)
    return made


def _mount(model: plan.Mount) -> Object:
    return {"name": model.volume, "mountPath": model.path} | fields(subPath=model.sub_path, readOnly=model.read_only)


def _memoize(model: plan.Memoize) -> Object:
    """No age is every age (workflow/controller/cache: an empty maxAge is not looked at)."""
    age = "" if model.max_age is None else f"{model.max_age}s"
    return {"key": model.key, "maxAge": age, "cache": {"configMap": {"name": model.config_map}}}


def _variable(model: plan.EnvVar) -> Object:
    if model.secret is None:
        return {"name": model.name, "value": model.value}
    name, key, optional = model.secret
    return {"name": model.name, "valueFrom": {"secretKeyRef": {"name": name, "key": key} | fields(optional=optional)}}


def _volume(model: plan.Volume) -> Object:
    match model.kind:
        case "claim":
            source = {"persistentVolumeClaim": {"claimName": model.source} | fields(readOnly=model.read_only)}
        case "configMap":
            source = {"configMap": {"name": model.source} | fields(optional=model.optional)}
        case "secret":
            source = {"secret": {"secretName": model.source} | fields(optional=model.optional)}
        case _:
            medium = "Memory" if model.kind == "memory" else ""
            source = {"emptyDir": fields(medium=medium, sizeLimit=model.size)}
    return {"name": model.name, **source}


def _security(model: plan.Security) -> Object:
    capabilities = {"drop": ["ALL"]} | fields(add=list(model.capabilities))
    made: Object = {"allowPrivilegeEscalation": model.escalation, "capabilities": capabilities}
    return made | fields(privileged=model.privileged, readOnlyRootFilesystem=model.read_only_root)
