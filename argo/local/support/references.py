"""Names inside of a WorkflowSpec: templates, tasks, arguments, variables, as Argo validates them.

Facts: Argo workflow/validate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import argo.local.support.graph as graph
from argo.local.support.place import Place
from argo.local.support.variables import check_variables
from argo.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic, did_you_mean

TYPES = ("container", "containerSet", "steps", "script", "resource", "dag", "suspend", "data", "http", "plugin")


class Library:
    """The templates of all documents, by the object that holds them."""

    def __init__(self, documents: Iterable[ManifestDocument]) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        for document in documents:
            if document.kind in ("WorkflowTemplate", "ClusterWorkflowTemplate"):
                spec = document.object.get("spec") or {}
                self.objects[document.kind, document.name] = spec

    def spec(self, reference: Place) -> dict[str, Any] | None:
        """The spec that a templateRef or workflowTemplateRef names."""
        return self.objects.get((_kind(reference), str(reference.get("name"))))

    def names(self, reference: Place) -> list[str]:
        return [name for kind, name in self.objects if kind == _kind(reference)]


def _kind(reference: Place) -> str:
    return "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"


def check(spec: Place, library: Library) -> Iterator[Diagnostic]:
    """Mistakes in the names of a WorkflowSpec."""
    whole = _whole_spec(spec, library)
    if spec.get("workflowTemplateRef") is not None and whole is None:
        yield from _unknown_object(spec.child("workflowTemplateRef"), library)
        return
    templates = list(spec.items("templates"))
    by_name = {template.get("name"): template.value for template in templates}
    for template in (whole or {}).get("templates") or []:
        by_name.setdefault(template.get("name"), template)
    yield from graph.duplicates(templates, "template")
    yield from _entrypoints(spec, whole, by_name)
    for template in templates:
        yield from _template(template, by_name, library)
    for place in (*templates, *spec.items("templateDefaults")):
        yield from check_variables(place, spec, whole)


def _whole_spec(spec: Place, library: Library) -> dict[str, Any] | None:
    reference = spec.child("workflowTemplateRef")
    return library.spec(reference) if reference.value is not None else None


def _unknown_object(reference: Place, library: Library) -> Iterator[Diagnostic]:
    name = str(reference.get("name"))
    hint = did_you_mean(name, library.names(reference)) or "give the file that holds it, too"
    yield reference.child("name").problem("A720", f"there is no {_kind(reference)} {name}", hint=hint)


def _entrypoints(spec: Place, whole: dict[str, Any] | None, by_name: dict[Any, Any]) -> Iterator[Diagnostic]:
    is_template = spec.document.kind.endswith("WorkflowTemplate")
    if not spec.get("entrypoint") and not (whole or {}).get("entrypoint") and not is_template:
        yield spec.problem("A720", "spec.entrypoint is required", key=True)
    for name in ("entrypoint", "onExit"):
        yield from _named_template(spec.child(name), by_name)
    hooks = spec.child("hooks")
    for hook in hooks.value or {}:
        yield from _named_template(hooks.child(hook).child("template"), by_name)


def _named_template(place: Place, by_name: dict[Any, Any]) -> Iterator[Diagnostic]:
    name = place.value
    if isinstance(name, str) and name and "{{" not in name and name not in by_name:
        hint = did_you_mean(name, [known for known in by_name if isinstance(known, str)])
        yield place.problem("A720", f"there is no template {name}", hint=hint)


def _template(template: Place, by_name: dict[Any, Any], library: Library) -> Iterator[Diagnostic]:
    present = [name for name in TYPES if template.get(name) is not None]
    if len(present) != 1:
        found = f"has {' and '.join(present)}" if present else "has none"
        message = f"a template has exactly one of {', '.join(TYPES)}; {template.get('name', 'this one')} {found}"
        yield template.problem("A724", message, key=True)
    for part in ("inputs", "outputs"):
        for kind in ("parameters", "artifacts"):
            yield from graph.duplicates(list(template.items(part, kind)), f"{part}.{kind}")
    if template.get("dag") is not None:
        tasks = list(template.items("dag", "tasks"))
        yield from graph.check_tasks(template.child("dag"), tasks)
    else:
        tasks = [step for group in template.items("steps") for step in group.items()]
        yield from graph.duplicates([step for step in tasks if step.get("name")], "step")
    for task in tasks:
        yield from _task(task, by_name, library)


def _task(task: Place, by_name: dict[Any, Any], library: Library) -> Iterator[Diagnostic]:
    given = [name for name in ("template", "templateRef", "inline") if task.get(name)]
    if len(given) != 1:
        message = "a task or step names exactly one of template, templateRef, inline"
        yield task.problem("A724", message, key=True)
        return
    loops = [name for name in ("withItems", "withParam", "withSequence") if task.get(name) is not None]
    if len(loops) > 1:
        yield task.child(loops[1]).problem("A724", f"{' and '.join(loops)} exclude each other", key=True)
    called: Any = None
    if given == ["template"]:
        yield from _named_template(task.child("template"), by_name)
        called = by_name.get(task.get("template"))
    elif given == ["templateRef"]:
        called = library_template(task.child("templateRef"), library)
        yield from _template_reference(task.child("templateRef"), library)
    else:
        yield from _template(task.child("inline"), by_name, library)
        called = task.get("inline")
    hooks = task.child("hooks")
    for hook in hooks.value or {}:
        yield from _named_template(hooks.child(hook).child("template"), by_name)
    yield from _named_template(task.child("onExit"), by_name)
    if isinstance(called, dict):
        yield from _arguments(task, called)


def library_template(reference: Place, library: Library) -> dict[str, Any] | None:
    """The template that a templateRef names, if it is there."""
    templates: Sequence[dict[str, Any]] = (library.spec(reference) or {}).get("templates") or []
    return next((item for item in templates if item.get("name") == reference.get("template")), None)


def _template_reference(reference: Place, library: Library) -> Iterator[Diagnostic]:
    spec = library.spec(reference)
    if "{{" in str(reference.get("name")) or "{{" in str(reference.get("template")):
        return
    if spec is None:
        yield from _unknown_object(reference, library)
    elif library_template(reference, library) is None:
        known = [str(template.get("name")) for template in spec.get("templates") or []]
        name = str(reference.get("template"))
        message = f"{_kind(reference)} {reference.get('name')} has no template {name}"
        yield reference.child("template").problem("A720", message, hint=did_you_mean(name, known))


def _arguments(task: Place, called: dict[str, Any]) -> Iterator[Diagnostic]:
    for kind, what in (("parameters", "parameter"), ("artifacts", "artifact")):
        supplied = {item.get("name") for item in task.items("arguments", kind)}
        for wanted in (called.get("inputs") or {}).get(kind) or []:
            if wanted.get("name") not in supplied and not _has_value(wanted, kind):
                template = task.get("template") or called.get("name") or "inline"
                message = f"the {what} {wanted.get('name')} of template {template} is not given"
                hint = f"add it to arguments.{kind}"
                yield task.problem("A723", message, hint=hint, key=True)


def _has_value(wanted: dict[str, Any], kind: str) -> bool:
    if kind == "artifacts":
        places = ("s3", "raw", "http", "git", "gcs", "oss", "azure", "artifactory", "hdfs", "plugin", "from")
        return bool(wanted.get("optional")) or any(wanted.get(place) is not None for place in places)
    return any(wanted.get(name) is not None for name in ("value", "default", "valueFrom"))
