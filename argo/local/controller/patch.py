"""Strategic merge patches on JSON data, for the lists that templates and pod specs have.

Facts: k8s.io/apimachinery/pkg/util/strategicpatch, and the patchMergeKey tags of PodSpec and Template.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "sidecars": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "parameters": "name",
    "artifacts": "name",
    "templates": "name",
}
_DIRECTIVE = "$patch"


def merge(base: T, patch: object) -> T:
    """`base` with `patch` laid over it; neither is changed. null deletes; keyed lists merge by their key."""
    merged: T = _merge(base, patch)
    return merged


def _merge(base: Any, patch: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(patch, dict):
        return patch
    if patch.get(_DIRECTIVE) == "replace":
        return {key: value for key, value in patch.items() if key != _DIRECTIVE}
    result = {key: value for key, value in base.items() if key not in patch or patch[key] is not None}
    for key, value in patch.items():
        if value is not None and not key.startswith("$"):
            result[key] = _merge_field(key, base.get(key), value)
    return result


def _merge_field(key: str, base: Any, patch: Any) -> Any:
    if key in _MERGE_KEYS and isinstance(base, list) and isinstance(patch, list):
        return _merge_list(base, patch, _MERGE_KEYS[key])
    return _merge(base, patch) if isinstance(base, dict) else _without_nulls(patch)


def _merge_list(base: list[Any], patch: list[Any], key: str) -> list[Any]:
    if not all(isinstance(entry, dict) for entry in [*base, *patch]):
        return patch
    if any(entry.get(_DIRECTIVE) == "replace" for entry in patch):
        return [entry for entry in patch if _DIRECTIVE not in entry]
    merged = {entry.get(key): entry for entry in base}
    new: list[Any] = []
    for entry in patch:
        identity = entry.get(key)
        if entry.get(_DIRECTIVE) == "delete":
            merged.pop(identity, None)
        elif identity in merged:
            merged[identity] = _merge(merged[identity], entry)
        else:
            new.append(_without_nulls(entry))
    return [*merged.values(), *new]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    return value
