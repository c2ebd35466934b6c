"""Lowers what a container needs: resources, GPUs in all their forms, placement."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler.plan import Pairs, Toleration
from compiler.quantities import amount
from compiler.refs import OPEN

if TYPE_CHECKING:
    from compiler.models.hardware import Gpu, Placement, Resources
    from compiler.models.hardware import Toleration as TolerationModel
    from compiler.models.project import Profile

_MEMORY_LABEL: Final = "nvidia.com/gpu.memory"  # of gpu-feature-discovery, in MiB
_RESERVED: Final = 0.94  # firmware and error correction take a part of what is on the label of the box


class Needs:
    """A container's resource requests and limits; `patched` are those known only in the run, by section."""

    __slots__ = ("limits", "patched", "requests")

    def __init__(self) -> None:
        self.requests: dict[str, str] = {}
        self.limits: dict[str, str] = {}
        self.patched: dict[str, dict[str, str]] = {}

    @property
    def sections(self) -> tuple[Pairs, Pairs]:
        """The requests and the limits, sorted."""
        return tuple(sorted(self.requests.items())), tuple(sorted(self.limits.items()))

    def put(self, name: str, value: str, expression: Callable[[str], str], *sections: str) -> None:
        for section in sections:
            if OPEN in value:
                self.patched.setdefault(section, {})[name] = late(expression(value))
            else:
                (self.requests if section == "requests" else self.limits)[name] = value


def needs(resources: Resources | None, profile: Profile, expression: Callable[[str], str]) -> Needs:
    """CPU is requested; memory and disk are requested and limited; a GPU is limited (Kubernetes requests it then)."""
    found = Needs()
    if resources is None:
        return found
    if resources.cpu is not None:
        found.put("cpu", resources.cpu, expression, "requests")
    if resources.memory is not None:
        found.put("memory", resources.memory, expression, "requests", "limits")
    if resources.disk is not None:
        found.put("ephemeral-storage", resources.disk, expression, "requests", "limits")
    if resources.gpu is not None:
        found.put(gpu_resource(resources.gpu, profile), str(resources.gpu.count), expression, "limits")
    return found


def gpu_resource(gpu: Gpu, profile: Profile) -> str:
    """The extended resource: the profile's, a MIG slice's, a shared GPU's, or the vendor's own."""
    entry = profile.gpu.get(gpu.product) if gpu.product else None
    if entry is not None and entry.resource:
        return entry.resource
    if gpu.mig:
        return f"nvidia.com/mig-{gpu.mig}"
    from compiler.gpus import RESOURCE  # a large table, for those who ask for GPUs

    return RESOURCE[gpu.vendor] + (".shared" if gpu.shared else "")


class PodPlacement(NamedTuple):
    node_selector: Pairs = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: str = ""


def placed(gpu: Gpu | None, placement: Placement | None, profile: Profile) -> PodPlacement:
    """Where the pods may run. Argo takes a template's selector and tolerations in place of the workflow's, so the
    profile's stand in the template again where it has its own (workflow/controller/workflowpod.go)."""
    entry = profile.gpu.get(gpu.product) if gpu and gpu.product else None
    own = [part for part in (placement, entry) if part is not None]
    selector = {name: value for part in reversed(own) for name, value in part.node_selector.items()}
    tolerations = [toleration(item) for part in own for item in part.tolerations]
    affinity: dict[str, Any] = json.loads(json.dumps(placement.affinity or {})) if placement else {}
    if gpu is not None and entry is None:
        from compiler.gpus import RESOURCE

        tolerations.append(Toleration(RESOURCE[gpu.vendor].replace("/i915", "/gpu"), "Exists", "", "NoSchedule"))
        _require(affinity, _expressions(gpu))
    if selector:
        selector = {**profile.node_selector, **selector}
    if tolerations:
        tolerations = [*map(toleration, profile.tolerations), *tolerations]
    text = json.dumps(affinity, sort_keys=True, ensure_ascii=False) if affinity else ""
    return PodPlacement(tuple(sorted(selector.items())), tuple(dict.fromkeys(tolerations)), text)


def toleration(model: TolerationModel) -> Toleration:
    return Toleration(model.key or "", model.operator, model.value or "", model.effect or "", model.toleration_seconds)


def _expressions(gpu: Gpu) -> list[dict[str, Any]]:
    """Make the node affinity of a GPU's product and memory; a product that is not known is `check`'s to report."""
    from compiler.gpus import PRODUCT_LABEL, find

    memory = amount(gpu.memory) or 0
    if gpu.product:
        product = find(gpu.product)
        labels = product.labels(math.ceil(memory / 2**30)) if product else ()
        if gpu.shared:
            labels = (*labels, *(f"{label}-SHARED" for label in labels))
        return [{"key": PRODUCT_LABEL[gpu.vendor], "operator": "In", "values": list(labels)}] if labels else []
    if memory and gpu.vendor == "nvidia":
        return [{"key": _MEMORY_LABEL, "operator": "Gt", "values": [str(int(memory / 2**20 * _RESERVED))]}]
    return []


def _require(affinity: dict[str, Any], expressions: list[dict[str, Any]]) -> None:
    """Adds the expressions to each alternative of the node affinity, so that all of them hold."""
    if not expressions:
        return
    node = affinity.setdefault("nodeAffinity", {})
    required = node.setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    required["nodeSelectorTerms"] = required.get("nodeSelectorTerms") or [{}]
    for term in required["nodeSelectorTerms"]:
        term.setdefault("matchExpressions", []).extend(expressions)


def late(expression: str) -> str:
    """A value that is known only in the run, marked as such in what `patch` takes."""
    return f"\0{expression}\0"


def patch(containers: Mapping[str, Mapping[str, Mapping[str, str]]], volumes: Mapping[str, Mapping[str, str]]) -> str:
    """A podSpecPatch for what is known only in the run; "" where there is nothing of the kind.

    Argo pastes a variable's text in between the patch's own: each value is made JSON there, lest it could say more.
    """
    spec: dict[str, Any] = {}
    if any(containers.values()):
        spec["containers"] = [{"name": name, "resources": patched} for name, patched in containers.items() if patched]
    if volumes:
        spec["volumes"] = [{"name": name, "emptyDir": source} for name, source in sorted(volumes.items())]
    parts = json.dumps(spec, sort_keys=True, ensure_ascii=False).split("\\u0000") if spec else []
    for index in range(1, len(parts), 2):
        expression = json.loads('"' + parts[index] + '"')
        parts[index] = "{{=toJson(" + expression + ")}}"
        parts[index - 1], parts[index + 1] = parts[index - 1][:-1], parts[index + 1][1:]  # without the quotes
    return "".join(parts)
