"""Inputs of templates, and arguments for them.

Facts: Argo workflow/validate/validate.go (validateInputs, validateArguments), workflow/common/util.go (ProcessArgs).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

from argo.validate.names import check_names, made_name, value_name
from argo.validate.place import Place
from argo.validate.scope import RETRIES, Scope
from argo.workflow.kinds import LEAVES, PODS, has_location, type_of
from argo.workflow.values import text
from compiler.diagnostics import Diagnostic
from compiler.labels import INPUTS

_SOURCES = ("configMapKeyRef", "event", "supplied")
_NO_SOURCES = ("path", "jsonPath", "parameter", "expression")


def own_scope(template: Place, outer: Scope) -> Scope:
    """Return the scope of the variables that a template's own declarations set."""
    kind = type_of(template)
    names: set[str] = set()
    for parameter in template.items("inputs", "parameters"):
        names |= {"inputs.parameters", f"inputs.parameters.{parameter.get('name', '')}"}
    for artifact in template.items("inputs", "artifacts"):
        name = f"inputs.artifacts.{artifact.get('name', '')}"
        names.add(name)
        if kind in LEAVES:
            names.add(f"{name}.path")
    if kind in PODS:
        names.add("pod.name")
    if template.get("retryStrategy") is not None:
        names.update(RETRIES)
    return Scope(names, outer=outer)


def check_inputs(template: Place) -> Iterator[Diagnostic]:
    """Names and places of a template's inputs."""
    yield from check_names(template.items("inputs", "parameters"), "parameter", value_name)
    yield from check_names(template.items("inputs", "artifacts"), "artifact", value_name)
    leaf = type_of(template) in LEAVES
    for artifact in template.items("inputs", "artifacts"):
        yield from check_path(artifact, leaf)
        if artifact.get("from"):
            yield artifact.child("from").problem("A726", "`from` is not valid in inputs", key=True)


def check_path(artifact: Place, leaf: bool) -> Iterator[Diagnostic]:
    """An artifact of a container or script has a path, another has none."""
    path = artifact.get("path")
    if leaf and not path:
        yield artifact.problem("A726", f"Artifact '{artifact.get('name', '')}' did not specify a path", key=True)
    elif path and not leaf:
        yield artifact.child("path").problem("A726", "a path is only valid in container/script templates", key=True)
    elif path and _climbs(str(path)):
        yield artifact.child("path").problem("A726", "the path must not lead out of its folder")


def _climbs(path: str) -> bool:
    """True where `..` leads out of what stands before it (Argo: CleanPath)."""
    from posixpath import normpath

    before, climbs, _ = path.partition("/../")
    if not climbs:
        before = path[:-3] if path.endswith("/..") else ""
    return bool(before) and len(normpath(path).removeprefix(f"{before}/")) in (0, len(normpath(path)))


def check_arguments(arguments: Place, *, may_lack: bool) -> Iterator[Diagnostic]:
    """Arguments that are given: names, values, places. `may_lack`: values may come with the submission."""
    yield from check_names(arguments.items("parameters"), "parameter", made_name)
    yield from check_names(arguments.items("artifacts"), "artifact", made_name)
    for parameter in arguments.items("parameters"):
        yield from _check_parameter(parameter, may_lack)
    for artifact in arguments.items("artifacts"):
        name = artifact.get("name", "")
        if not artifact.get("from") and not has_location(artifact):
            yield artifact.problem("A723", f"{name}.from, artifact location, or key is required", key=True)
        elif artifact.get("from") and artifact.get("fromExpression"):
            message = f"{name} shouldn't have both `from` and `fromExpression`"
            yield artifact.child("fromExpression").problem("A724", message, key=True)


def _check_parameter(parameter: Place, may_lack: bool) -> Iterator[Diagnostic]:
    name, value, source = parameter.get("name", ""), parameter.get("value"), parameter.child("valueFrom")
    if source.value is None and value is None and not may_lack:
        yield parameter.problem("A723", f"{name}.value or {name}.valueFrom is required", key=True)
    if source.value is not None:
        allowed = any(source.get(kind) is not None for kind in _SOURCES)
        if not allowed or any(source.get(kind) for kind in _NO_SOURCES):
            message = f"{name}.valueFrom only allows: default, configMapKeyRef and supplied"
            yield source.problem("A726", message, key=True)
    choices = parameter.child("enum")
    if choices.value is None:
        return
    if not choices.value:
        yield choices.problem("A726", f"{name}.enum should contain at least one value", key=True)
    elif value is None and not may_lack:
        yield parameter.problem("A723", f"{name}.value is required", key=True)
    elif value is not None and text(value) not in map(text, choices.value):
        yield parameter.child("value").problem("A726", f"{name}.value should be present in {name}.enum list")


def missing(
    holder: Place, template: Place, given: Sequence[Place], later: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Inputs of the template that neither the arguments nor the template give; `given` are lists of arguments.

    `later`: artifacts that come with the submission.
    """
    for kind, what in (("parameters", "parameter"), ("artifacts", "artifact")):
        supplied = {item.get("name") for arguments in given for item in arguments.items(kind)}
        for wanted in template.items("inputs", kind):
            name = wanted.get("name")
            if name not in supplied and not _has_value(wanted, kind) and not (kind == "artifacts" and name in later):
                message = f"inputs.{kind}.{name} of template {template.get('name', 'inline')} was not supplied"
                yield holder.problem("A723", message, hint=f"add the {what} to arguments.{kind}", key=True)


def submitted(specs: Sequence[Place]) -> set[str]:
    """The inputs that compiled definitions declare, in an annotation, to be given with the submission."""
    names: set[str] = set()
    for spec in specs:
        metadata = spec.document.object.get("metadata") or {}
        try:
            names.update(json.loads((metadata.get("annotations") or {}).get(INPUTS) or "{}"))
        except (ValueError, TypeError):
            continue  # not written by this compiler
    return names


def _has_value(wanted: Place, kind: str) -> bool:
    if kind == "artifacts":
        return bool(wanted.get("optional")) or has_location(wanted)
    return any(wanted.get(name) is not None for name in ("value", "default", "valueFrom"))
