"""Extended assets: consumers' own programs run in them, so that nothing may be in reach that is not meant for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.check.survey import Container, Survey
from compiler.diagnostics import Diagnostic, diagnostic
from compiler.extend import AMOUNTS, ceiling
from compiler.models import ComputeAsset
from compiler.quantities import amount

_LOOSE = ("run_as_root", "privileged", "privilege_escalation", "service_account_token")


def check(survey: Survey) -> Iterable[Diagnostic]:
    for container in survey.containers:
        if getattr(container.model, "mode", "job") == "extended":
            yield from _open(container)


def _open(container: Container) -> Iterator[Diagnostic]:
    model, origin = container.model, container.origin
    hint = "what consumers bring would have it, too"
    for name in _LOOSE:
        if model.security and getattr(model.security, name):
            field = type(model.security).model_fields[name].alias or name
            message = f"an extended asset cannot have `{field}`"
            yield diagnostic("A511", origin.at("security", field), message, hint=hint, key=True)
    if model.security and model.security.capabilities:
        message = "an extended asset cannot have capabilities"
        yield diagnostic("A511", origin.at("security", "capabilities"), message, hint=hint, key=True)
    if isinstance(model, ComputeAsset):
        yield from _beyond(model, container)
    for name, value in model.env.items():
        if not isinstance(value, str):
            message = f"the Secret in {name} would be in the hands of consumers"
            yield diagnostic("A511", origin.at("env", name), message, hint="give it to a sidecar, or to another task")
    for name, volume in model.volumes.items():
        if volume.secret:
            message = f"the Secret in volume '{name}' would be in the hands of consumers"
            yield diagnostic("A511", origin.at("volumes", name), message, hint="give it to another task")


def _beyond(model: ComputeAsset, container: Container) -> Iterator[Diagnostic]:
    """Report resources of an extended asset that are not fixed, or exceed what its bounds allow consumers."""
    for name in AMOUNTS:
        own = getattr(model.resources, name, None)
        if own is None:
            continue
        asked, most = amount(own), ceiling(model, name)
        if asked is None or asked > (amount(most) or 0.0):
            what = "which consumers choose" if asked is None else f"and its bounds allow {most}"
            yield diagnostic(
                "A513", container.origin.at("resources", name), f"the asset asks for {own}, {what}",
                hint=f"write what a run gets where nothing is asked for, at most {most}",
            )  # fmt: skip
