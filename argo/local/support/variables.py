"""`{{…}}` variables of templates that nothing can set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from argo.local.expressions.template import tags
from argo.local.support.place import Place
from compiler.diagnostics import Diagnostic, did_you_mean


def check_variables(template: Place, spec: Place, whole: dict[str, Any] | None) -> Iterator[Diagnostic]:
    """Simple tags that name an input, a workflow parameter, a task or a step which is not there."""
    known = _known(template, spec, whole)
    for text in _own_texts(template):
        if "{{" not in text.value:
            continue
        for offset, tag in tags(text.value):
            name = tag.strip()
            if name.startswith("=") or "{{" in name:
                continue
            group, wanted = _asked(name)
            if group in known and wanted not in known[group] and name != "workflow.parameters.json":
                hint = did_you_mean(wanted, known[group])
                message = f"nothing sets the variable {{{{{name}}}}}"
                yield text.problem("A722", message, hint=hint, within=(offset, offset + len(tag)))


def _own_texts(template: Place) -> Iterator[Place]:
    """Texts of the template but not of inline ones, which have inputs of their own."""
    for place in template.texts():
        if "inline" not in place.path[len(template.path) :]:
            yield place


def _asked(name: str) -> tuple[str, str]:
    parts = name.split(".")
    if parts[0] in ("inputs", "workflow") and len(parts) >= 3:
        return ".".join(parts[:2]), parts[2]
    return (parts[0], parts[1]) if parts[0] in ("tasks", "steps") and len(parts) >= 3 else ("", "")


def _known(template: Place, spec: Place, whole: dict[str, Any] | None) -> dict[str, set[str]]:
    known = {
        f"inputs.{kind}": {str(item.get("name")) for item in template.items("inputs", kind)}
        for kind in ("parameters", "artifacts")
    }
    if template.get("dag") is not None:
        known["tasks"] = {str(task.get("name")) for task in template.items("dag", "tasks")}
    if template.get("steps") is not None:
        known["steps"] = {str(step.get("name")) for group in template.items("steps") for step in group.items()}
    if spec.document.kind in ("Workflow", "CronWorkflow"):
        inherited = ((whole or {}).get("arguments") or {}).get("parameters") or []
        known["workflow.parameters"] = {
            *(str(item.get("name")) for item in spec.items("arguments", "parameters")),
            *(str(item.get("name")) for item in inherited),
        }
    return known
