"""A container's environment: a clean base, `envFrom`, `env`, and Argo's own variables."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping

from argo.expressions.gojson import marshal
from argo.local.executors.errors import PodError
from argo.local.pods import PodRequest, RunObjects
from compiler.manifest_types import Container, EnvFromSource, EnvVarSource, SecretKeySelector, Template

PROGRESS_FILE = "/argo/progress"
# Bytes of a value: execve(2) takes no string longer than 128 KiB, the variable's name and a terminating zero included.
_LONGEST = 128 * 1024 - len("ARGO_TEMPLATE=") - 1
_KEPT = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE"} | {
    "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"
}  # fmt: skip
_KEPT_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "HSA_")
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_FIELD = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def base_environment(host: Mapping[str, str]) -> dict[str, str]:
    """Return the part of the engine's environment that a container sees: programs, language, devices, network."""
    kept = {name: value for name, value in host.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return {"HOME": "/", "LANG": "C.UTF-8", **kept, "PATH": _programs(host.get("PATH", os.defpath))}


def _programs(path: str) -> str:
    """A PATH without the virtual environment that Argosy runs in, whose Python has Argosy's packages and not the
    user's; with the Python that it was made from at the end, for a machine that has no other.
    """
    if sys.prefix == sys.base_prefix:
        return path
    own, base = (f"{prefix}/bin" for prefix in (sys.prefix, sys.base_prefix))
    entries = path.split(os.pathsep)
    others = [entry for entry in entries if os.path.realpath(entry) != os.path.realpath(own)]
    if len(others) < len(entries) and base not in others:
        others.append(base)
    return os.pathsep.join(others)


def environment(container: Container, request: PodRequest, objects: RunObjects) -> dict[str, str]:
    """The variables of one container, its image's (here: the engine's) left out: Kubernetes expands none of these.

    Raises PodError for a reference that leads nowhere and is not optional.
    """
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        result.update(_from(source, objects))
    for item in container.get("env") or ():
        if item.get("valueFrom"):
            value = _value(item["valueFrom"], request, objects)
            if value is not None:
                result[item["name"]] = value
        else:
            result[item["name"]] = expand(str(item.get("value") or ""), result)
    return result | _argo(container, request)  # they stand last in the pod


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Kubernetes' `$(NAME)` in commands, arguments and variables: unknown names stay, `$$` is a dollar sign.

    Facts: third_party/forked/golang/expansion.
    """

    def found(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else variables.get(name, match.group())

    return _REFERENCE.sub(found, text)


def of_template(text: str, template: Template) -> str:
    """A text that Argo's executor reads from its pod's template: Kubernetes expands the variable that brings it.

    A template that is too long for a variable comes in a ConfigMap, as it is. Facts: workflow/controller/workflowpod.go
    (ARGO_TEMPLATE), workflow/common/common.go (MaxEnvVarLen).
    """
    return expand(text, {}) if "$$" in text and _as_variable(template) is not None else text


def _as_variable(template: Template) -> str | None:
    """A pod's template as the value of a variable; None where it is too long for one."""
    value = marshal(template, sort=False)
    return value if len(value.encode()) <= _LONGEST else None


def config_map_data(name: str, objects: RunObjects, *, optional: bool = False) -> dict[str, bytes]:
    """All keys of a ConfigMap, binary ones too."""
    import base64

    config_map = objects.config_map(name)
    if config_map is None:
        if optional:
            return {}
        raise _config_error(f'configmap "{name}" not found')
    data = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    return data | {key: base64.b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}


def secret_data(name: str, objects: RunObjects, *, optional: bool = False) -> dict[str, bytes]:
    """All keys of a Secret."""
    values = {key: objects.secret(name, key) for key in objects.secret_keys(name) or ()}
    if not values and not optional:
        raise _config_error(f'secret "{name}" not found')
    return {key: value for key, value in values.items() if value is not None}


def field_value(path: str, request: PodRequest) -> str:
    """Return the value of a pod's field as the downward API gives it."""
    known: dict[str, str] = {
        "metadata.name": request.pod_name,
        "metadata.namespace": request.namespace,
        "metadata.uid": request.node_id,
        "spec.nodeName": "localhost",
        "spec.serviceAccountName": "default",
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    if path in known:
        return known[path]
    match = _FIELD.fullmatch(path)
    if match:
        values = request.labels if match.group(1) == "labels" else request.annotations
        return values.get(match.group(2), "")
    raise _config_error(f"field {path} is not known here")


def _config_error(what: str) -> PodError:
    # Kubernetes' reason; Argo shows it thus (workflow/controller/operator.go, inferFailedReason).
    return PodError(f"Pod failed before main container starts due to CreateContainerConfigError: {what}")


def _argo(container: Container, request: PodRequest) -> dict[str, str]:
    result = {
        "ARGO_CONTAINER_NAME": container.get("name") or "main",
        "ARGO_NODE_ID": request.node_id,
        "ARGO_POD_NAME": request.pod_name,
        "ARGO_POD_UID": request.node_id,
        "ARGO_WORKFLOW_NAME": request.workflow_name,
        "ARGO_WORKFLOW_UID": request.workflow_uid,
        "ARGO_PROGRESS_FILE": PROGRESS_FILE,
    }
    template = _as_variable(request.template)
    return result if template is None else {**result, "ARGO_TEMPLATE": template}


def _from(source: EnvFromSource, objects: RunObjects) -> Iterator[tuple[str, str]]:
    readers = ((source.get("configMapRef"), config_map_data), (source.get("secretRef"), secret_data))
    for reference, read in readers:
        if reference:
            data = read(reference["name"], objects, optional=bool(reference.get("optional")))
            for key, value in data.items():
                yield f"{source.get('prefix') or ''}{key}", value.decode(errors="replace")


def _value(source: EnvVarSource, request: PodRequest, objects: RunObjects) -> str | None:
    if "fieldRef" in source:
        return field_value(source["fieldRef"]["fieldPath"], request)
    if "configMapKeyRef" in source:
        return _key_value("configMapKeyRef", source["configMapKeyRef"], objects)
    if "secretKeyRef" in source:
        return _key_value("secretKeyRef", source["secretKeyRef"], objects)
    raise _config_error(f"valueFrom {', '.join(source)} is not supported here")


def _key_value(kind: str, reference: SecretKeySelector, objects: RunObjects) -> str | None:
    name, key, optional = reference["name"], reference["key"], bool(reference.get("optional"))
    if kind == "secretKeyRef":
        value = objects.secret(name, key)
        what = f'secret "{name}" with key {key}'
    else:
        value = config_map_data(name, objects, optional=optional).get(key)
        what = f'key {key} in configmap "{name}"'
    if value is None and not optional:
        raise _config_error(f"{what} not found")
    return None if value is None else value.decode(errors="replace")
