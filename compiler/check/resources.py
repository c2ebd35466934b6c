"""CPU, memory and GPUs: what no node can give, and what is probably not meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, diagnostic, did_you_mean
from compiler.program import Definition, Origin
from compiler.quantities import amount

if TYPE_CHECKING:
    from compiler.models.hardware import Gpu, Resources

_GIB: Final = 2.0**30
_SMALLEST: Final = 2.0**22  # runc refuses a limit below 4 MiB
_MIG: Final = r"[1-7]g\.\d+gb(?:\+me(?:\.all)?|-me)?"


def check(survey: Survey) -> Iterable[Diagnostic]:
    placed = {name.lower() for name in survey.program.profile.gpu}
    for container in survey.containers:
        if container.model.resources:
            yield from _resources(container.model.resources, container.origin.at("resources"), placed)
        for name, sidecar in container.model.sidecars.items():
            if sidecar.resources:
                yield from _resources(sidecar.resources, container.origin.at("sidecars", name, "resources"), placed)
    for _, task in survey.tasks:
        if isinstance(task.target, Definition) and task.task.resources:
            yield from _resources(task.task.resources, task.origin.at("resources"), placed)


def _resources(resources: Resources, origin: Origin, placed: set[str]) -> Iterator[Diagnostic]:
    cpu = amount(resources.cpu)
    if cpu == 0:
        yield diagnostic(
            "A402", origin.at("cpu"), "a container needs some CPU", hint="write 100m for a tenth of a core"
        )
    elif cpu is not None and cpu > 512:
        hint = (
            f"a thousandth of a core is written m: {resources.cpu}m"
            if cpu.is_integer()
            else "cores, or thousandths as in 500m"
        )
        yield diagnostic("A403", origin.at("cpu"), f"{resources.cpu} cores are more than a node has", hint=hint)
    for name in ("memory", "shm", "disk"):
        yield from _bytes(name, getattr(resources, name), origin)
    memory, shm = amount(resources.memory), amount(resources.shm)
    if memory and shm and shm > memory >= _SMALLEST:
        hint = "what lies in /dev/shm counts as memory of the container"
        yield diagnostic(
            "A402", origin.at("shm"), f"shm {resources.shm} is more than memory {resources.memory}", hint=hint
        )
    if resources.gpu:
        yield from _gpu(resources.gpu, origin.at("gpu"), placed)


def _bytes(name: str, text: str | None, origin: Origin) -> Iterator[Diagnostic]:
    value = amount(text)
    if value is None or value >= _SMALLEST:
        return
    bare = (text or "").rstrip("m")
    hint = f"write {bare}Gi or {bare}Mi" if bare.isdigit() and bare != "0" else "write it like 512Mi or 16Gi"
    message = f"{name} of {text} is {value:g} bytes, less than a container can start with"
    yield diagnostic("A402", origin.at(name), message, hint=hint)


def _gpu(gpu: Gpu, origin: Origin, placed: set[str]) -> Iterator[Diagnostic]:
    if gpu.shared and isinstance(gpu.count, int) and gpu.count > 1:
        message = f"{gpu.count} shares of a shared GPU give no more than one"
        hint = "leave out `count`, or `shared` for whole GPUs"
        yield diagnostic("A403", _part(origin, gpu, "count"), message, hint=hint)
    if gpu.mig is not None:
        yield from _mig(gpu, origin.at("mig"))
    if gpu.product is not None and gpu.product.lower() not in placed:
        yield from _product(gpu, gpu.product, origin)


def _mig(gpu: Gpu, origin: Origin) -> Iterator[Diagnostic]:
    if gpu.vendor != "nvidia":
        yield diagnostic("A404", origin, "only GPUs of NVIDIA are divided by MIG", hint="leave out `mig` or `vendor`")
    elif not re.fullmatch(_MIG, gpu.mig or ""):
        yield diagnostic("A404", origin, f"'{gpu.mig}' is no MIG profile", hint="write it like 1g.10gb")


def _product(gpu: Gpu, name: str, origin: Origin) -> Iterator[Diagnostic]:
    from compiler import gpus

    product = gpus.find(name)
    if product is None:
        hint = did_you_mean(name.upper(), gpus.PRODUCTS) or "name it in the profile: `gpu: {NAME: {nodeSelector: …}}`"
        yield diagnostic("A401", origin.at("product"), f"'{name}' is no GPU product that is known", hint=hint)
        return
    if product.vendor != gpu.vendor:
        hint = f"write vendor: {product.vendor}"
        yield diagnostic(
            "A402", _part(origin, gpu, "vendor", "product"), f"{product.name} is not a GPU of {gpu.vendor}", hint=hint
        )
    if gpu.mig and product.vendor == "nvidia" and gpu.mig.split("+")[0].removesuffix("-me") not in product.mig:
        hint = did_you_mean(gpu.mig, product.mig) or (
            f"it has {', '.join(product.mig)}" if product.mig else "it is not divided"
        )
        yield diagnostic("A404", origin.at("mig"), f"{product.name} has no MIG profile {gpu.mig}", hint=hint)
    memory = amount(gpu.memory)
    largest = max(device.memory for device in product.devices)
    if memory is not None and memory > largest * _GIB:
        message = f"no {product.name} has {gpu.memory} of memory"
        yield diagnostic("A402", origin.at("memory"), message, hint=f"the largest has {largest}Gi")


def _part(origin: Origin, gpu: Gpu, *names: str) -> Origin:
    """The first of the fields that stands in the file (short forms have none)."""
    return next((origin.at(name) for name in names if name in gpu.model_fields_set), origin)
