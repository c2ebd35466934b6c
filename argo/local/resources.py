"""Counts what pods ask for and what this machine has, in Kubernetes' names: processors, memory, devices."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePosixPath

from argo.local.pods import PodSpec
from compiler.labels import BOUNDS
from compiler.manifest_types import Container, Template
from compiler.quantities import quantity

NONE = Decimal(0)
SHARE = Decimal("0.25")  # processors: what a pod counts for that asks for none
PODS = Decimal(110)  # Kubernetes' default for a node
_SLICES = 10  # pods that share one GPU as `nvidia.com/gpu.shared`

# Which variable shows a program only some of the devices.
_VISIBLE = {
    "nvidia.com": "CUDA_VISIBLE_DEVICES",
    "amd.com": "ROCR_VISIBLE_DEVICES",
    "gpu.intel.com": "ZE_AFFINITY_MASK",
}


def is_device(name: str) -> bool:
    """True where a resource is an extended one, such as `nvidia.com/gpu`: of whole, distinct devices."""
    return "/" in name


def asked(container: Container | PodSpec) -> dict[str, Decimal]:
    """Return what a container requests: processors, bytes of memory, devices; a limit stands for a request that is not
    there. Raises ValueError."""
    resources = container.get("resources") or {}
    amounts = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(value) for name, value in amounts.items() if name in ("cpu", "memory") or is_device(name)}


def containers_of(template: Template) -> list[Container]:
    """The containers of a template that run side by side, the main ones first."""
    main = template.get("script") or template.get("container")
    mains = [main] if main else (template.get("containerSet") or {}).get("containers") or []
    return [*mains, *(template.get("sidecars") or ())]


def wanted(template: Template, pod: PodSpec) -> dict[str, Decimal]:
    """Return what a pod counts for: its containers' sum, at least each init container, or what `pod` says of the whole.

    Raises ValueError. Source: Kubernetes, effective requests of a pod.
    """
    total: dict[str, Decimal] = {}
    for container in containers_of(template):
        for name, amount in asked(container).items():
            total[name] = total.get(name, NONE) + amount
    for container in template.get("initContainers") or ():
        for name, amount in asked(container).items():
            total[name] = max(total.get(name, NONE), amount)
    total |= {name: amount for name, amount in asked(pod).items() if not is_device(name)}
    return {"cpu": SHARE, "pods": Decimal(1), **{name: amount for name, amount in total.items() if amount}}


def disk(template: Template) -> int | None:
    """The bytes that all containers of an extended asset may have on disk; None for any other template.

    Raises ValueError.
    """
    if BOUNDS not in ((template.get("metadata") or {}).get("annotations") or {}):
        return None
    limits = [(item.get("resources") or {}).get("limits") or {} for item in containers_of(template)]
    return int(sum((quantity(limit.get("ephemeral-storage") or 0) for limit in limits), NONE))


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources that can be handed out: amounts by name, devices by name, each with its identity."""

    amounts: Mapping[str, Decimal]
    devices: Mapping[str, tuple[str, ...]] | None = None  # None: what is found here, when it is asked for

    def limited(self, pods: int) -> Machine:
        """The machine for so many pods at once."""
        return replace(self, amounts={**self.amounts, "pods": Decimal(pods)})

    def ids(self, name: str) -> tuple[str, ...]:
        """The devices of one kind."""
        return devices(name) if self.devices is None else self.devices.get(name, ())

    def has(self, name: str) -> Decimal:
        """How much there is in all."""
        return Decimal(len(self.ids(name))) if is_device(name) else self.amounts.get(name, NONE)

    def missing(self, amounts: Mapping[str, Decimal]) -> list[str]:
        """The devices of which more are asked for than there are at all."""
        return [name for name, amount in amounts.items() if is_device(name) and amount > self.has(name)]


@cache
def this_machine() -> Machine:
    """Measure what this process may use of the machine, as far as its control group lets it."""
    cores = Decimal(len(os.sched_getaffinity(0)))
    memory = Decimal(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for quota, period in (text for text in _limits("cpu.max") if len(text) == 2):
        if quota != "max":
            cores = min(cores, Decimal(quota) / Decimal(period))
    for text in _limits("memory.max"):
        if text != ["max"]:
            memory = min(memory, Decimal(text[0]))
    return Machine({"cpu": cores, "memory": memory, "pods": PODS})


@cache
def devices(name: str) -> tuple[str, ...]:
    """The machine's devices that an extended resource names, as the vendor's tools name them."""
    vendor, _, kind = name.partition("/")
    if vendor == "nvidia.com":
        return _nvidia(kind)
    if name == "amd.com/gpu":
        nodes = Path("/sys/class/kfd/kfd/topology/nodes").glob("*/gpu_id")
        return _numbered(_read(node) not in ("", "0") for node in nodes)
    if name in ("gpu.intel.com/i915", "gpu.intel.com/xe"):
        cards = Path("/sys/class/drm").glob("renderD*/device/vendor")
        return _numbered(_read(card) == "0x8086" for card in cards)
    return ()


def visible(granted: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """The variables that show a program the devices it was given, and no others of their kind."""
    vendors = ((name.partition("/")[0], ids) for name, ids in granted.items())
    found = {_VISIBLE[vendor]: ",".join(ids) for vendor, ids in vendors if vendor in _VISIBLE}
    if "CUDA_VISIBLE_DEVICES" in found:
        found["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # in which nvidia-smi counts them
    return found


def _nvidia(kind: str) -> tuple[str, ...]:
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    listed = "" if given is not None and not kind.startswith("mig-") else _nvidia_smi()
    if kind.startswith("mig-"):
        return tuple(re.findall(rf"^\s+MIG {re.escape(kind[4:])}\s.*\(UUID: (\S+)\)", listed, re.MULTILINE))
    if given is not None:
        found = [part.strip() for part in given.split(",") if part.strip() not in ("", "-1")]
    else:
        found = re.findall(r"^GPU (\d+):", listed, re.MULTILINE)
    if kind == "gpu":
        return tuple(found)
    return tuple(found * _SLICES) if kind == "gpu.shared" else ()


@cache
def _nvidia_smi() -> str:
    try:
        done = subprocess.run(["nvidia-smi", "-L"], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _numbered(found: Iterable[bool]) -> tuple[str, ...]:
    return tuple(str(number) for number in range(sum(found)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _limits(name: str) -> Iterator[list[str]]:
    """Read the files of that name in the control groups of this process and those around them (version 2)."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            group = PurePosixPath(line[3:])
            for folder in (group, *group.parents):
                text = _read(Path("/sys/fs/cgroup", *folder.parts[1:], name))
                if text:
                    yield text.split()


def hand_out(container: Container, left: dict[str, list[str]], *, keep: bool = False) -> dict[str, list[str]]:
    """The devices that a container asks for, taken from what is left of its pod's; with `keep` they stay there."""
    given: dict[str, list[str]] = {}
    for name, amount in asked(container).items():
        if amount and name in left:
            given[name] = left[name][: int(amount)]
            left[name] = left[name] if keep else left[name][int(amount) :]
    return given
