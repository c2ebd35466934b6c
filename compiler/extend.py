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
    from compiler.models import ComputeAsset
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
    from compiler.models.values import opens_template

    bounds = asset.bounds
    if asset.mode != "extended":
        if given != Extension():
            yield Violation("mode", f"{asset.name} is not extended: it is run as it is")
        return
    if bounds is None and given != Extension():
        yield Violation("bounds", f"{asset.name} has no bounds, so that nothing may be brought to it")
        return
    if not (given.image or asset.image):
        yield Violation("image", f"{asset.name} has no image of its own: bring one")
    if bounds is not None:
        yield from _image(bounds, given)
        if (given.command or given.args) and not bounds.command:
            yield Violation("command", "a command may not be brought")
        if any(opens_template(text) for text in (*given.command, *given.args)):
            yield Violation("tag", "a command cannot hold a variable of Argo, as in {{workflow.name}}")
        yield from _ceilings(asset, bounds, given)
    if given.results:
        yield from _results(asset, given.results)


def results_of(asset: ComputeAsset) -> str | None:
    """The output that is a folder, where an asset has just one."""
    found = [name for name, output in asset.outputs.items() if output.kind == "directory"]
    return found[0] if len(found) == 1 else None


def _results(asset: ComputeAsset, folder: str) -> Iterator[Violation]:
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


def _ceilings(asset: ComputeAsset, bounds: Bounds, given: Extension) -> Iterator[Violation]:
    for rule, wanted in (("cpu", given.cpu), ("memory", given.memory)):
        if not wanted:
            continue
        try:
            value = amount(parse_quantity(wanted))
        except Problem as error:
            yield Violation(rule, error.message)
            continue
        most = ceiling(asset, rule)
        if value is None:  # a reference, whose value nobody knows yet
            yield Violation(rule, f"'{wanted[:60]}' is not a quantity")
        elif value > (amount(most) or 0.0):
            yield Violation(rule, f"{wanted} is more than the {most} that is allowed")
    if given.gpu is not None and given.gpu > (bounds.gpu or 0):
        yield Violation("gpu", f"{given.gpu} GPUs are more than the {bounds.gpu or 0} that are allowed")
    if given.timeout:
        try:
            seconds = parse_duration(given.timeout)
        except Problem as error:
            yield Violation("timeout", error.message)
            return
        if seconds > _longest(asset):
            yield Violation("timeout", f"{given.timeout} is longer than the {_longest(asset)} s that are allowed")


def within(asset: ComputeAsset) -> ComputeAsset:
    """An extended asset that asks for all that its bounds limit, and for no more; any other as it is."""
    if asset.mode != "extended":
        return asset
    from compiler.models.hardware import Resources

    own = asset.resources.model_dump() if asset.resources else {}
    for name in AMOUNTS:
        most = ceiling(asset, name)
        asked = amount(own.get(name))
        own[name] = most if asked is None or asked > (amount(most) or 0.0) else own[name]
    Resources.build()
    timeout = min(asset.timeout or _longest(asset), _longest(asset))
    return asset.model_copy(update={"resources": Resources.model_validate(own), "timeout": timeout})


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
    from compiler.models.hardware import Resources

    update: dict[str, Any] = {"image": given.image or asset.image}
    if given.command or given.args:
        update |= {"command": given.command, "args": given.args, "script": None}
    elif given.image:
        update |= {"command": asset.command, "args": asset.args}
    if given.timeout:
        update["timeout"] = parse_duration(given.timeout)
    own = asset.resources.model_dump() if asset.resources else {}
    wanted = {"cpu": given.cpu, "memory": given.memory}
    own |= {name: value for name, value in wanted.items() if value}
    if given.gpu is not None:
        own["gpu"] = {**(own.get("gpu") or {}), "count": given.gpu} if given.gpu else None
    if own:
        Resources.build()
        update["resources"] = Resources.model_validate(own)
    if given.results and (name := results_of(asset)) is not None:
        old = asset.outputs[name].path
        update["outputs"] = {**asset.outputs, name: asset.outputs[name].model_copy(update={"path": given.results})}
        update["volumes"] = {
            key: volume.model_copy(update={"path": given.results}) if volume.path == old else volume
            for key, volume in asset.volumes.items()
        }
    made = asset.model_copy(update=update)
    made.__pydantic_fields_set__.update(name for name, value in update.items() if value)
    return made
