"""A pod to run: the bound template with final places, volumes, deadlines and patches.

Facts: Argo workflow/controller/workflowpod.go.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import argo.local.controller.artifacts as artifacts
from argo.expressions.gojson import marshal
from argo.local.controller.deadlines import STEP_DEADLINE
from argo.local.controller.errors import ReconcileError
from argo.local.controller.fields import duration, number, replace
from argo.local.controller.nodes import pod_name, started_at, template_name
from argo.local.controller.patch import merge
from argo.local.controller.scope import input_values
from argo.local.controller.state import Options, State
from argo.local.pods import ACTIVE_MESSAGE, PodRequest, PodSpec
from argo.workflow.kinds import type_of
from compiler.labels import OUTPUTS_RESULT
from compiler.manifest_types import NodeStatus, Template, Volume
from compiler.quantities import amount

_POD_FIELDS = (
    "affinity", "automountServiceAccountToken", "hostAliases", "nodeSelector", "priorityClassName",
    "schedulerName", "securityContext", "serviceAccountName", "tolerations",
)  # fmt: skip
_WORKFLOW_FIELDS = (*_POD_FIELDS, "dnsConfig", "dnsPolicy", "hostNetwork", "imagePullSecrets")
_LISTS = ("containers", "initContainers", "volumes")


def build(
    state: State, node: NodeStatus, template: Template, options: Options, wants_result: bool
) -> PodRequest | None:
    """The request for a node's pod; None when the workflow's deadline has passed. Raises ReconcileError."""
    limits = _deadlines(state, node, template, options)
    moment, message = min(limits, key=lambda limit: limit[0]) if limits else (None, "")
    if moment is not None and moment <= state.now and message == STEP_DEADLINE:
        return None
    name = pod_name(state.name, node["name"], template_name(node) or str(template.get("name", "")))
    values = {**state.globals, "pod.name": name, **input_values(template)}
    repository = artifacts.archive_location(template, values, name)
    template = artifacts.place_outputs(artifacts.place_inputs(template, repository), repository, name)
    claims = _claims(state)
    declared = [*(state.spec.get("volumes") or ()), *claims, *(template.get("volumes") or ())]
    volumes = replace(declared, values)
    template, pod_spec = _patched(state, template, volumes, values)
    metadata = replace(template.get("metadata") or {}, values)
    labels = {"workflows.argoproj.io/workflow": state.name, **(metadata.get("labels") or {})}
    if options.on_exit:
        labels["workflows.argoproj.io/on-exit"] = "true"
    notes = {**(metadata.get("annotations") or {}), OUTPUTS_RESULT: "true" if wants_result else "false"}
    active = template.get("activeDeadlineSeconds")
    return PodRequest(
        node_id=node["id"],
        node_name=node["name"],
        pod_name=name,
        namespace=state.namespace,
        workflow_name=state.name,
        workflow_uid=state.uid,
        template=template,
        volumes=tuple(pod_spec.pop("volumes")),
        own_claims=tuple(claim["persistentVolumeClaim"]["claimName"] for claim in claims),
        labels=labels,
        annotations=notes,
        pod_spec=pod_spec,
        deadline=None if moment is None else moment.timestamp(),
        deadline_message=message or ACTIVE_MESSAGE,
        active_seconds=None if active is None else number(active, "activeDeadlineSeconds"),
    )


def _claims(state: State) -> list[Volume]:
    """The volumes of the workflow's own claims (Argo: createPVCs)."""
    names = [claim["metadata"]["name"] for claim in state.spec.get("volumeClaimTemplates") or ()]
    return [{"name": name, "persistentVolumeClaim": {"claimName": f"{state.name}-{name}"}} for name in names]


def _deadlines(state: State, node: NodeStatus, template: Template, options: Options) -> list[tuple[datetime, str]]:
    """Every moment past which the pod must not run, with the message to give ("" is the kubelet's)."""
    limits: list[tuple[datetime, str]] = []
    if template.get("timeout"):
        limits.append((started_at(node) + duration(template["timeout"], "invalid timeout format "), ""))
    if options.deadline is not None:
        limits.append((options.deadline, STEP_DEADLINE))
    if state.deadline is not None and not options.on_exit:
        limits.append((state.deadline, STEP_DEADLINE))
    return limits


def _patched(
    state: State, template: Template, volumes: list[Volume], values: Mapping[str, object]
) -> tuple[Template, PodSpec]:
    """The template and pod spec after the workflow's and the template's podSpecPatch."""
    spec: PodSpec = {field: state.spec.get(field) for field in _WORKFLOW_FIELDS if state.spec.get(field) is not None}
    spec.update({field: template.get(field) for field in _POD_FIELDS if template.get(field) is not None})
    resources = template.get("podResources") or state.spec.get("podResources")
    if resources:
        spec["resources"] = resources
    spec["containers"] = _containers(template)
    spec["initContainers"] = list(template.get("initContainers") or ())
    spec["volumes"] = volumes
    spec = replace(spec, values)
    for patch in (state.spec.get("podSpecPatch"), template.get("podSpecPatch")):
        if patch:
            spec = merge(spec, _parse_patch(replace(patch, values)))
    template = _with_containers(template, spec.pop("containers", []))
    if spec.get("initContainers"):
        template = {**template, "initContainers": spec.pop("initContainers")}
    spec.pop("initContainers", None)
    return template, spec


def _parse_patch(patch: str) -> PodSpec:
    import yaml

    try:
        parsed = json.loads(patch) if patch.lstrip().startswith("{") else yaml.safe_load(patch)
    except (ValueError, yaml.YAMLError) as error:
        raise ReconcileError(f"Error applying PodSpecPatch: {error}") from error
    if not isinstance(parsed, dict) or not _is_pod_spec(parsed):
        raise ReconcileError(f"Error applying PodSpecPatch: invalid podSpecPatch {marshal(patch)}")
    return parsed


def _is_pod_spec(patch: PodSpec) -> bool:
    """True where the lists of a patch are lists of objects, and its amounts are amounts."""
    for field in _LISTS:
        entries = patch.get(field)
        if entries is not None and not (isinstance(entries, list) and all(isinstance(item, dict) for item in entries)):
            return False
    containers = [*(patch.get("containers") or ()), *(patch.get("initContainers") or ())]
    return all(_is_amounts(container.get("resources")) for container in containers)


def _is_amounts(resources: Any) -> bool:
    kinds = [resources.get(kind) for kind in ("limits", "requests")] if isinstance(resources, dict) else [resources]
    given = [kind for kind in kinds if kind is not None]
    values = [value for kind in given if isinstance(kind, dict) for value in kind.values() if value is not None]
    return all(isinstance(kind, dict) for kind in given) and all(amount(value) is not None for value in values)


def _containers(template: Template) -> list[Mapping[str, object]]:
    kind = type_of(template)
    if kind == "containerSet":
        return [*(template["containerSet"].get("containers") or ()), *(template.get("sidecars") or ())]
    main = None if kind == "resource" else template.get(kind)
    return [{**(main if isinstance(main, dict) else {}), "name": "main"}, *(template.get("sidecars") or ())]


def _with_containers(template: Template, containers: list[Any]) -> Template:
    kind = type_of(template)
    sidecars = {entry["name"] for entry in template.get("sidecars") or ()}
    result: Template = {**template}
    if sidecars:
        result["sidecars"] = [entry for entry in containers if entry.get("name") in sidecars]
    own = [entry for entry in containers if entry.get("name") not in sidecars]
    if kind == "containerSet":
        result["containerSet"] = {**template["containerSet"], "containers": own}
    main: Any = next((entry for entry in own if entry.get("name") == "main"), {})
    if kind == "container":
        result["container"] = main
    elif kind == "script":
        result["script"] = main
    return result
