"""Extended assets: what consumers bring, held against the bounds (each rule has a name), and what the bounds come to.

A bound is what a run gets where it asks for nothing, and the most that it gets.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler.images import is_from, parse
from compiler.models.base import Problem, parse_duration, parse_quantity
from compiler.quantities import amount

if TYPE_CHECKING:
    from compiler.models import ComputeAsset, Resources
    from compiler.models.offer import Bounds
    from compiler.models.project import Profile

# What is allowed of what neither the bounds nor the asset itself name.
AMOUNTS: Final = {"cpu": "1", "memory": "1Gi", "disk": "10Gi"}
_TIMEOUT: Final = 3600


class Extension(NamedTuple):
    """A consumer's own image for an extended asset: its command and arguments, resources, a timeout as a duration,
    the folder where the program leaves its results."""

    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    cpu: str = ""
    memory: str = ""
    gpu: int | None = None
    timeout: str = ""
    results: str = ""


class Violation(NamedTuple):
    """A rule that is broken: its name, and how."""

    rule: str
    message: str


_FOLDER = re.compile(r"(/[A-Za-z0-9._-]{1,100}){1,16}")
_SYSTEM = frozenset({"argo", "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr", "var"})


def violations(asset: ComputeAsset, given: Extension) -> Iterator[Violation]:
    """Every rule that an extension breaks; none where the asset may be run with it."""
    brought = given != Extension()
    if asset.mode != "extended":
        if brought:
            yield Violation("mode", f"{asset.name} is not extended: it is run as it is")
    elif brought and asset.bounds is None:
        yield Violation("bounds", f"{asset.name} has no bounds, so that nothing may be brought to it")
    else:
        if not (given.image or asset.image):
            yield Violation("image", f"{asset.name} has no image of its own: bring one")
        if asset.bounds is not None:
            yield from _beyond(asset, asset.bounds, given)


def _beyond(asset: ComputeAsset, bounds: Bounds, given: Extension) -> Iterator[Violation]:
    from compiler.models.values import opens_template

    yield from _image(bounds, given)
    if (given.command or given.args) and not bounds.command:
        yield Violation("command", "a command may not be brought")
    if any(opens_template(text) for text in (*given.command, *given.args)):
        yield Violation("tag", "a command cannot hold a variable of Argo, as in {{workflow.name}}")
    for rule, wanted in (("cpu", given.cpu), ("memory", given.memory)):
        if wanted and (excess := _excess(wanted, ceiling(asset, rule))):
            yield Violation(rule, excess)
    if given.gpu is not None and given.gpu > (bounds.gpu or 0):
        yield Violation("gpu", f"{given.gpu} GPUs are more than the {bounds.gpu or 0} that are allowed")
    yield from _timeout(asset, given.timeout)
    yield from _results(asset, given.results)


def results_of(asset: ComputeAsset) -> str | None:
    """The output that is a folder, where an asset has just one."""
    found = [name for name, output in asset.outputs.items() if output.kind == "directory"]
    return found[0] if len(found) == 1 else None


def _results(asset: ComputeAsset, folder: str) -> Iterator[Violation]:
    if not folder:
        return
    if results_of(asset) is None:
        yield Violation("results", f"{asset.name} has no one output that is a folder")
    if not _FOLDER.fullmatch(folder) or {".", ".."} & {*folder.split("/")} or folder.split("/")[1] in _SYSTEM:
        yield Violation("results", f"{folder[:60]} is no folder that results can lie in")


def _image(bounds: Bounds, given: Extension) -> Iterator[Violation]:
    if not given.image:
        return
    reference = parse(given.image)
    if reference is None:
        yield Violation("image", "this is not the name of an image")
        return
    if not any(is_from(reference.repository, registry) for registry in bounds.registries):
        allowed = ", ".join(bounds.registries) or "none"
        yield Violation("registry", f"the image comes from a registry that is not allowed; allowed: {allowed}")
    if bounds.digest and not reference.digest:
        yield Violation("digest", "the image is not named by its digest: …@sha256:…")


def ceiling(asset: ComputeAsset, name: str) -> str:
    """The most that a run of an extended asset gets of an amount: the bound, else what the asset itself asks for."""
    own = getattr(asset.resources, name, None)
    return str(getattr(asset.bounds, name, None) or (own if amount(own) is not None else None) or AMOUNTS[name])


def _longest(asset: ComputeAsset) -> int:
    return (asset.bounds.timeout if asset.bounds else None) or asset.timeout or _TIMEOUT


def _excess(wanted: str, most: str) -> str | None:
    """Why a quantity is refused, where it is."""
    try:
        value = amount(parse_quantity(wanted))
    except Problem as error:
        return error.message
    if value is None:  # a reference, whose value nobody knows yet
        return f"'{wanted[:60]}' is not a quantity"
    return f"{wanted} is more than the {most} that is allowed" if value > (amount(most) or 0.0) else None


def _timeout(asset: ComputeAsset, wanted: str) -> Iterator[Violation]:
    try:
        if wanted and parse_duration(wanted) > _longest(asset):
            yield Violation("timeout", f"{wanted} is longer than the {_longest(asset)} s that are allowed")
    except Problem as error:
        yield Violation("timeout", error.message)


def within(asset: ComputeAsset) -> ComputeAsset:
    """An extended asset that asks for all that its bounds limit, and for no more; any other as it is."""
    if asset.mode != "extended":
        return asset
    own = asset.resources.model_dump() if asset.resources else {}
    for name in AMOUNTS:
        most = ceiling(asset, name)
        asked = amount(own.get(name))
        own[name] = most if asked is None or asked > (amount(most) or 0.0) else own[name]
    timeout = min(asset.timeout or _longest(asset), _longest(asset))
    return asset.model_copy(update={"resources": _resources(own), "timeout": timeout})


def _resources(values: dict[str, Any]) -> Resources:
    from compiler.models.hardware import Resources

    Resources.build()
    return Resources.model_validate(values)


def described(asset: ComputeAsset, profile: Profile) -> dict[str, Any]:
    """Return the bounds of an extended asset that no field of a pod says: the number of processes where named; the
    addresses that its program may reach, and those that Argo's executor needs beside it; the name of their policy; and
    which of its bounds the profile's cluster keeps by means of its own. Nothing for any other asset."""
    if asset.mode != "extended":
        return {}
    bounds = asset.bounds
    egress = sorted(bounds.egress) if bounds else []
    executor = sorted(profile.executor_egress)
    digest = hashlib.sha256(" ".join(sorted({*egress, *executor})).encode()).hexdigest()[:8]
    policy = f"argosy-bounded-{asset.name}-{digest}"
    made: dict[str, Any] = {"asset": asset.name, "egress": egress, "executor": executor, "policy": policy}
    if bounds and bounds.processes:
        made["processes"] = bounds.processes
    if profile.enforces:
        made["enforced"] = sorted(profile.enforces)
    return made


def extended(asset: ComputeAsset, given: Extension) -> ComputeAsset:
    """The asset with what was brought, which breaks no rule."""
    update: dict[str, Any] = {"image": given.image or asset.image}
    if given.command or given.args:
        update |= {"command": given.command, "args": given.args, "script": None}
    elif given.image:
        update |= {"command": asset.command, "args": asset.args}
    if given.timeout:
        update["timeout"] = parse_duration(given.timeout)
    own = asset.resources.model_dump() if asset.resources else {}
    own |= {name: value for name, value in (("cpu", given.cpu), ("memory", given.memory)) if value}
    if given.gpu is not None:
        own["gpu"] = {**(own.get("gpu") or {}), "count": given.gpu} if given.gpu else None
    if own:
        update["resources"] = _resources(own)
    update |= _moved(asset, given.results)
    made = asset.model_copy(update=update)
    made.__pydantic_fields_set__.update(name for name, value in update.items() if value)
    return made


def _moved(asset: ComputeAsset, folder: str) -> dict[str, Any]:
    """The outputs and volumes of an asset whose results lie in another folder."""
    name = results_of(asset) if folder else None
    if name is None:
        return {}
    output, moved = asset.outputs[name], {"path": folder}
    volumes = {
        key: volume.model_copy(update=moved) if volume.path == output.path else volume
        for key, volume in asset.volumes.items()
    }
    return {"outputs": {**asset.outputs, name: output.model_copy(update=moved)}, "volumes": volumes}
