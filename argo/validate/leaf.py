"""Templates that run pods: containers, sets of containers, scripts, resources.

Facts: Argo workflow/validate/validate.go (validateLeaf), container_set_template_types.go (Validate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from argo.validate.library import Context
from argo.validate.names import check_names, field_name
from argo.validate.place import Place
from argo.validate.scope import Scope, unresolved
from argo.workflow.kinds import LEAVES, PODS, TYPES, type_of
from compiler.diagnostics import Diagnostic
from compiler.order import cycles
from compiler.positions import safe_loader

_RESERVED = re.compile(r"wait|supervisor|artifact-plugin-.*")
_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_POLICIES = ("Always", "OnError", "OnFailure", "OnTransientError")
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_POD_RESOURCE = re.compile(r"cpu|memory|hugepages-.+")
_ALL = frozenset({*TYPES, ""})
_MISPLACED: Sequence[tuple[str, frozenset[str], str]] = (  # fields, and the kinds of templates that cannot have them
    ("timeout", _ALL - LEAVES, "{kind} template doesn't support timeout field"),
    ("pendingTimeout", _ALL - LEAVES, "{kind} template doesn't support pendingTimeout field"),
    ("resourceClaims", _ALL - PODS, "resourceClaims is not supported for {kind} templates, which do not create a pod"),
    ("podResources", frozenset({"http", "plugin"}), "podResources is not supported for {kind} templates"),
    ("activeDeadlineSeconds", frozenset({"steps", "dag"}), "activeDeadlineSeconds is only valid for leaf templates"),
    ("parallelism", LEAVES | {"suspend"}, "parallelism is only valid for steps and dag templates"),
)


def check_any(template: Place) -> Iterator[Diagnostic]:
    """Check what holds for templates of every type."""
    kind = type_of(template)
    for container in template.items("initContainers"):
        if not container.get("name"):
            yield container.problem("A725", "initContainers must all have container name", key=True)
    for field, kinds, message in _MISPLACED:
        if kind in kinds and template.get(field) not in (None, "", []):
            yield template.child(field).problem("A726", message.format(kind=kind), key=True)
    if kind in LEAVES and re.fullmatch(r"[+-]?\d+", str(template.get("timeout", ""))):
        yield template.child("timeout").problem("A726", "invalid duration format in timeout: it needs a unit")
    policy = template.child("retryStrategy").child("retryPolicy")
    yield from policy.among(_POLICIES, f"{policy.value} is not a valid RetryPolicy")
    yield from check_pod_resources(template.child("podResources"))
    for metric in template.items("metrics", "prometheus"):
        yield from _metric(metric)


def check_leaf(template: Place, context: Context, scope: Scope) -> Iterator[Diagnostic]:
    """A template that is neither steps nor dag."""
    yield from unresolved(template, scope)
    for kind in ("container", "script"):
        if template.get(kind) is not None:
            yield from _image(template.child(kind), context, kind)
    if template.get("container") is not None:
        yield from _mounts(template)
    if template.get("containerSet") is not None:
        yield from _container_set(template)
    for sidecar in template.items("sidecars"):
        if _RESERVED.fullmatch(str(sidecar.get("name", ""))):
            yield sidecar.child("name").problem("A725", f"{sidecar.get('name')} is a reserved Argo container name")
    if template.get("resource") is not None:
        yield from _resource(template.child("resource"))
    yield from _limits(template)


def _image(container: Place, context: Context, kind: str) -> Iterator[Diagnostic]:
    default = context.spec.child("templateDefaults").child(kind).get("image")
    if not container.get("image") and not default:
        yield container.problem("A726", f"{kind}.image may not be empty", key=True)


def _mounts(template: Place) -> Iterator[Diagnostic]:
    """Two things at one path."""
    seen: dict[str, str] = {}
    mounts = [(place.child("mountPath"), f"volumeMounts.{place.get('name')}")
              for place in template.items("container", "volumeMounts")]  # fmt: skip
    artifacts = [(place.child("path"), f"inputs.artifacts.{place.get('name')}")
                 for place in template.items("inputs", "artifacts")]  # fmt: skip
    for place, what in (*mounts, *artifacts):
        path = str(place.value or "")
        if path in seen:
            yield place.problem("A721", f"'{path}' already mounted in {seen[path]}")
        seen.setdefault(path, what)


def has_main(template: Place) -> bool:
    """True where the containerSet has a container named main."""
    return any(container.get("name") == "main" for container in template.items("containerSet", "containers"))


def _container_set(template: Place) -> Iterator[Diagnostic]:
    group = template.child("containerSet")
    containers = list(group.items("containers"))
    if not containers:
        yield group.problem("A724", "containers must have at least one container", key=True)
    yield from check_names(containers, "container", field_name)
    names = {str(container.get("name")) for container in containers}
    for container in containers:
        name = str(container.get("name", ""))
        if _RESERVED.fullmatch(name):
            yield container.child("name").problem("A725", f"{name} is a reserved Argo container name")
        for dependency in container.items("dependencies"):
            if dependency.value not in names:
                yield dependency.problem("A720", f"dependency '{dependency.value}' of {name} not defined")
    for circle in cycles({str(place.get("name")): place.get("dependencies", []) for place in containers})[:1]:
        yield group.problem("A721", f"dependency cycle detected: {'->'.join(circle)}", key=True)
    moves = [template.child("inputs").child("artifacts"), *map(template.child("outputs").child, _MOVES)]
    if any(place.value for place in moves) and not has_main(template):
        yield group.problem("A720", 'containers must have a container named "main" for input or output', key=True)


_MOVES = ("parameters", "artifacts")


def _resource(resource: Place) -> Iterator[Diagnostic]:
    action = str(resource.get("action", ""))
    if "{{" not in action and action not in _ACTIONS:
        yield resource.child("action").problem("A726", f"action must be one of: {', '.join(_ACTIONS)}")
    if action in ("get", "delete"):
        return
    given = [name for name in ("manifest", "manifestFrom") if resource.get(name)]
    if len(given) != 1:
        yield resource.problem("A724", "exactly one of manifest and manifestFrom must be specified", key=True)
    if given == ["manifest"] and not _is_yaml(str(resource.get("manifest"))):
        yield resource.child("manifest").problem("A726", "manifest must be a valid yaml", key=True)


def _is_yaml(manifest: str) -> bool:
    """True where a manifest can be read as YAML, variables standing for anything."""
    import yaml

    try:
        list(yaml.parse(re.sub(r"\{\{.*?\}\}", "x", manifest), safe_loader()))
    except yaml.YAMLError:
        return False
    return True


def _limits(template: Place) -> Iterator[Diagnostic]:
    deadline = template.get("activeDeadlineSeconds")
    if deadline is not None and not re.fullmatch(r"\+?\d+|.*\{\{.*\}\}.*", str(deadline)):
        message = "activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        yield template.child("activeDeadlineSeconds").problem("A726", message)


def check_pod_resources(resources: Place) -> Iterator[Diagnostic]:
    """Check the resources for a whole pod as Kubernetes does."""
    if resources.get("claims"):
        yield resources.child("claims").problem("A726", "claims is not supported for pod-level resources", key=True)
    for kind in ("limits", "requests"):
        for name in resources.get(kind, {}):
            if not _POD_RESOURCE.fullmatch(name):
                message = f"{name} is not a valid pod-level resource, only cpu, memory and hugepages-* are supported"
                yield resources.child(kind).child(name).problem("A726", message, key=True)


def _metric(metric: Place) -> Iterator[Diagnostic]:
    for place in (metric.child("name"), *(label.child("key") for label in metric.items("labels"))):
        if not _METRIC.fullmatch(str(place.value or "")):
            yield place.problem("A725", f"metric name or label '{place.value}' is invalid")
    if not metric.get("help"):
        yield metric.problem("A726", "a metric must contain a help string under 'help: ' field", key=True)
    for kind in ("gauge", "counter", "histogram"):
        value = metric.child(kind)
        if value.value is not None and not value.get("value"):
            yield value.problem("A726", f"missing {kind}.value", key=True)
    gauge = metric.child("gauge")
    if gauge.get("realtime") and "resourcesDuration." in str(gauge.get("value")):
        yield gauge.child("value").problem("A726", "'resourcesDuration.*' metrics cannot be used in real-time")
