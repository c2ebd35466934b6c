"""Checks what a resource template creates: a ConfigMap, or a Workflow of a template, followed to its end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from argo.validate.library import TemplateLibrary
from argo.validate.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean
from compiler.positions import safe_loader

_CONDITIONS: Mapping[str, str] = {
    "successCondition": "status.phase == Succeeded",
    "failureCondition": "status.phase in (Failed, Error)",
}
_VARIABLE = "\ue000"  # stands for one: a character for private use
_HINT = (
    "the engine executes `action: create` of a ConfigMap; and of a Workflow with a workflowTemplateRef, with "
    f"successCondition `{_CONDITIONS['successCondition']}` and failureCondition `{_CONDITIONS['failureCondition']}`"
)


def check_resource(place: Place) -> Iterator[Diagnostic]:
    """Resources other than the forms that the engine executes."""
    if place.get("action") != "create":
        message = f"the resource action `{place.get('action')}` is not supported by the engine on this machine"
        yield place.child("action").problem("A711", message, hint=_HINT)
        return
    manifest = place.child("manifest")
    if not isinstance(manifest.value, str):
        return
    kind = _top(manifest.value, "kind")
    if kind not in ("ConfigMap", "Workflow") or (kind == "Workflow" and _reference(manifest.value) is None):
        message = "this resource is not supported by the engine on this machine"
        yield manifest.problem("A711", message, hint=_HINT, key=True)
        return
    for name, wanted in _CONDITIONS.items():
        given = place.get(name, "")
        if _plain(given) != (_plain(wanted) if kind == "Workflow" else ""):
            message = f"`{name}: {given}` of a {kind} is not supported by the engine on this machine"
            yield (place.child(name) if given else place).problem("A711", message, hint=_HINT, key=not given)


def check_template(template: Place, library: TemplateLibrary) -> Iterator[Diagnostic]:
    """A Workflow that is created of a template which nobody knows; outputs of what has none here."""
    manifest = template.child("resource").child("manifest")
    if not isinstance(manifest.value, str):
        return
    if _top(manifest.value, "kind") != "Workflow":
        for output in template.items("outputs", "parameters"):
            message = "outputs of this resource are not supported by the engine on this machine"
            yield output.problem("A711", message, hint=_HINT, key=True)
        return
    name = _reference(manifest.value)
    reference = Place(manifest.document, {"name": name}, manifest.path)
    if name and _VARIABLE not in name and library.context(reference) is None:
        hint = did_you_mean(name, library.names(reference)) or "give the file that holds it, too"
        yield manifest.problem("A720", f"there is no WorkflowTemplate {name}", hint=hint, key=True)


def _read(manifest: str) -> Any:
    """The manifest with variables as they are not known yet; None where it is no YAML object."""
    import yaml

    try:
        value = safe_loader()(re.sub(r"\{\{.*?\}\}", _VARIABLE, manifest)).get_single_data()
    except yaml.YAMLError:
        return None
    return value if isinstance(value, dict) else None


def _top(manifest: str, field: str) -> str:
    return str((_read(manifest) or {}).get(field, ""))


def _reference(manifest: str) -> str | None:
    """The name of the template that a Workflow is made of; None where it has no such reference of a namespace's own."""
    spec = (_read(manifest) or {}).get("spec")
    reference = spec.get("workflowTemplateRef") if isinstance(spec, dict) else None
    if not isinstance(reference, dict) or reference.get("clusterScope") or not reference.get("name"):
        return None
    return str(reference["name"])


def _plain(condition: str) -> str:
    return re.sub(r"\s", "", str(condition)).replace("==", "=")
