"""Pod templates of a plan -> Argo's container and script templates."""

from __future__ import annotations

import json
from typing import Any

from compiler.plan import (
    Container,
    EnvVar,
    Memoize,
    Mount,
    PodSecurity,
    PodTemplate,
    Retry,
    Security,
    Toleration,
    Volume,
)

Object = dict[str, Any]


def pod(template: PodTemplate) -> Object:
    """Make the fields of a pod's template other than its name, inputs and outputs."""
    metadata = _given(labels=dict(template.labels), annotations=dict(template.annotations))
    made = _given(
        metadata=metadata,
        retryStrategy=template.retry and retry(template.retry),
        memoize=template.memoize and _memoize(template.memoize),
        activeDeadlineSeconds=None if template.deadline is None else str(template.deadline),
        nodeSelector=dict(template.node_selector),
        tolerations=[toleration(item) for item in template.tolerations],
        affinity=json.loads(template.affinity) if template.affinity else None,
        schedulerName=template.scheduler,
        priorityClassName=template.priority_class,
        securityContext=template.security and pod_security(template.security),
        automountServiceAccountToken=template.service_account_token,
        podSpecPatch=template.patch,
        volumes=[_volume(volume) for volume in template.volumes],
    )
    made["container" if template.container.source is None else "script"] = container(template.container)
    if template.sidecars:
        made["sidecars"] = [
            {"name": sidecar.name, **container(sidecar.container), **_given(mirrorVolumeMounts=sidecar.mirror_volumes)}
            for sidecar in template.sidecars
        ]
    return made


def _given(**fields: Any) -> Object:
    """The fields that say something; nothing, false and what is empty are the default of each."""
    return {name: value for name, value in fields.items() if value}


def retry(model: Retry) -> Object:
    made: Object = {"limit": str(model.limit), "retryPolicy": model.policy}
    if model.expression:
        made["expression"] = model.expression
    if model.first is not None:
        made["backoff"] = {"duration": f"{model.first}s", "factor": str(model.factor)}
        if model.maximum is not None:
            made["backoff"]["maxDuration"] = f"{model.maximum}s"
    return made


def pod_security(model: PodSecurity) -> Object:
    """Pod Security "restricted", or what the asset declares in its place."""
    return {
        "runAsNonRoot": not model.root,
        "runAsUser": model.user,
        "runAsGroup": model.user,
        "fsGroup": model.user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def toleration(model: Toleration) -> Object:
    made: Object = {"key": model.key} if model.key else {}
    made["operator"] = model.operator
    if model.value:
        made["value"] = model.value
    if model.effect:
        made["effect"] = model.effect
    if model.seconds is not None:
        made["tolerationSeconds"] = model.seconds
    return made


def container(model: Container) -> Object:
    made: Object = {"image": model.image} | _given(
        imagePullPolicy=model.pull_policy, command=list(model.command), args=list(model.args)
    )
    if model.source is not None:
        made["source"] = model.source
    made |= _given(
        workingDir=model.working_dir,
        ports=[{"name": port.name, "containerPort": port.port, "protocol": port.protocol} for port in model.ports],
        env=[_variable(variable) for variable in model.env],
        envFrom=[{"configMapRef": {"name": name}} for name in model.env_from],
        resources=_given(requests=dict(model.requests), limits=dict(model.limits)),
        volumeMounts=[_mount(mount) for mount in model.mounts],
    )
    made["securityContext"] = _security(model.security)
    return made


def _mount(model: Mount) -> Object:
    return {"name": model.volume, "mountPath": model.path} | _given(subPath=model.sub_path, readOnly=model.read_only)


def _memoize(model: Memoize) -> Object:
    """No age is every age (workflow/controller/cache: an empty maxAge is not looked at)."""
    age = "" if model.max_age is None else f"{model.max_age}s"
    return {"key": model.key, "maxAge": age, "cache": {"configMap": {"name": model.config_map}}}


def _variable(model: EnvVar) -> Object:
    if model.secret is None:
        return {"name": model.name, "value": model.value}
    reference: Object = {"name": model.secret.name, "key": model.secret.key}
    if model.secret.optional:
        reference["optional"] = True
    return {"name": model.name, "valueFrom": {"secretKeyRef": reference}}


def _volume(model: Volume) -> Object:
    if model.kind == "claim":
        claim: Object = {"claimName": model.source}
        if model.read_only:
            claim["readOnly"] = True
        return {"name": model.name, "persistentVolumeClaim": claim}
    if model.kind == "configMap":
        return {"name": model.name, "configMap": {"name": model.source} | _given(optional=model.optional)}
    if model.kind == "secret":
        return {"name": model.name, "secret": {"secretName": model.source} | _given(optional=model.optional)}
    empty: Object = {"medium": "Memory"} if model.kind == "memory" else {}
    if model.size:
        empty["sizeLimit"] = model.size
    return {"name": model.name, "emptyDir": empty}


def _security(model: Security) -> Object:
    made: Object = {"allowPrivilegeEscalation": model.escalation, "capabilities": {"drop": ["ALL"]}}
    if model.capabilities:
        made["capabilities"]["add"] = list(model.capabilities)
    if model.privileged:
        made["privileged"] = True
    if model.read_only_root:
        made["readOnlyRootFilesystem"] = True
    return made
