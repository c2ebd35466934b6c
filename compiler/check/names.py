"""Names that clash, and names that Argo or Kubernetes does not take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from compiler.check.survey import Survey
from compiler.diagnostics import Diagnostic, Related, diagnostic
from compiler.program import Origin

# Argo: workflow/common/common.go, the names of its own containers
_CONTAINERS: Final = frozenset({"main", "wait", "init", "argoexec"})
_LABEL: Final = r"(?:[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)?"  # kubernetes: IsValidLabelValue
_QUALIFIED: Final = r"(?:[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?/)?[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"


def check(survey: Survey) -> Iterable[Diagnostic]:
    for dag in survey.dags:
        model, origin = dag.model, dag.origin
        yield from _both(origin, model.parameters, model.inputs)
        yield from _metadata(model.labels, model.annotations, origin)
    for container in survey.containers:
        part, origin = container.model, container.origin
        yield from _both(origin, part.parameters, part.inputs)
        yield from _metadata(part.labels, part.annotations, origin)
        for name in part.sidecars:
            where = origin.at("sidecars", name)
            if name in _CONTAINERS:
                message = f"a sidecar cannot be named '{name}': Argo's own containers are"
                yield diagnostic("A208", where, message, key=True, hint="give it another name")


def _both(origin: Origin, parameters: Iterable[str], inputs: Mapping[str, object]) -> Iterator[Diagnostic]:
    """A task's `with` gives parameters and inputs alike."""
    for name in parameters:
        if name in inputs:
            place = origin.at("parameters", name)
            related = (Related(place.source.span(place.path, True), "the parameter stands here"),)
            message = f"'{name}' is a parameter and an input, `with` cannot tell them apart"
            yield diagnostic(
                "A208", origin.at("inputs", name), message, key=True, related=related, hint="rename one of them"
            )


def _metadata(labels: Mapping[str, str], annotations: Mapping[str, str], origin: Origin) -> Iterator[Diagnostic]:
    for section, entries in (("labels", labels), ("annotations", annotations)):
        for name, value in entries.items():
            where = origin.at(section, name)
            if not re.fullmatch(_QUALIFIED, name):
                hint = "write name or domain/name, the name at most 63 characters"
                yield diagnostic("A209", where, f"'{name}' is no key of Kubernetes metadata", key=True, hint=hint)
            elif section == "labels" and not re.fullmatch(_LABEL, value):
                hint = "at most 63 letters, digits, '_', '-' and '.'; free text goes into annotations"
                yield diagnostic("A209", where, "this is no value of a Kubernetes label", hint=hint)
