"""Outputs of templates.

Facts: Argo workflow/validate/validate.go (validateOutputs, validateOutputParameter).
"""

from __future__ import annotations

from collections.abc import Iterator

from argo.validate.inputs import check_path
from argo.validate.names import check_names, made_name, value_name
from argo.validate.place import Place
from argo.validate.scope import Scope, unresolved
from argo.workflow.kinds import LEAVES, type_of
from compiler.diagnostics import Diagnostic

_SOURCES = ("path", "jqFilter", "jsonPath", "parameter", "expression")
_WANTED = {
    "container": ("path",),
    "containerSet": ("path",),
    "script": ("path",),
    "resource": ("jqFilter", "jsonPath"),
    "dag": ("parameter", "expression"),
    "steps": ("parameter", "expression"),
}


def check_outputs(template: Place, scope: Scope) -> Iterator[Diagnostic]:
    """Names, sources and variables of a template's outputs."""
    outputs = template.child("outputs")
    yield from check_names(outputs.items("parameters"), "parameter", made_name)
    yield from check_names(outputs.items("artifacts"), "artifact", made_name)
    yield from unresolved(outputs, scope)
    kind = type_of(template)
    for artifact in outputs.items("artifacts"):
        yield from check_path(artifact, kind in LEAVES)
        yield from _global_name(artifact)
    for parameter in outputs.items("parameters"):
        yield from _source(parameter, kind)
        yield from _global_name(parameter)


def _source(parameter: Place, kind: str) -> Iterator[Diagnostic]:
    name, source = parameter.get("name", ""), parameter.child("valueFrom")
    if parameter.get("value") is not None:
        if source.value is not None:
            yield source.problem("A724", f"{name} has both valueFrom and value specified, choose one", key=True)
        return
    if source.value is None:
        yield parameter.problem("A724", f"{name} does not have valueFrom or value specified", key=True)
        return
    given = [field for field in _SOURCES if source.get(field)]
    given += ["supplied"] if source.get("supplied") is not None else []
    if len(given) != 1:
        what = "multiple valueFrom types" if given else "valueFrom type un"
        message = f"{what}{' ' if given else ''}specified: choose one of {', '.join(_SOURCES)}, supplied"
        yield source.problem("A724", message, key=True)
        return
    wanted = _WANTED.get(kind, given)
    if given[0] not in wanted:
        yield source.problem("A726", f"{name}.{' or '.join(wanted)} must be specified for {kind} templates", key=True)


def _global_name(output: Place) -> Iterator[Diagnostic]:
    name = str(output.get("globalName", ""))
    if name and "{{" not in name and (problem := value_name(name)):
        yield output.child("globalName").problem("A725", f"the globalName '{name}' is invalid: {problem}")
