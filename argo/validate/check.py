"""Makes all checks of manifests, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import argo.validate.expressions as expressions
from argo.validate.library import TemplateLibrary
from argo.validate.place import Place
from argo.validate.spec import check_cron
from argo.validate.walk import Walk
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic
from compiler.manifest_schema import check_object


def check(documents: Sequence[ManifestDocument]) -> list[Diagnostic]:
    """Find what is wrong with the documents for Argo, sorted by place; empty when nothing is.

    The documents are all that a run may refer to. Values of a workflow's arguments may be missing, as they come with
    the submission.
    """
    sound, faults = sift(documents)
    return sorted({*faults, *check_sound(sound)})


def sift(documents: Sequence[ManifestDocument]) -> tuple[list[ManifestDocument], list[Diagnostic]]:
    """The documents that have the shape of their kinds, and what is wrong with the shape of the others."""
    sound: list[ManifestDocument] = []
    faults: list[Diagnostic] = []
    for document in documents:
        found = _shapes(document)
        faults += found
        if not found:
            sound.append(document)
    return sound, faults


def check_sound(documents: Sequence[ManifestDocument]) -> Iterator[Diagnostic]:
    """Find what is wrong with documents that have the shape of their kinds."""
    library = TemplateLibrary(documents)
    for document in documents:
        if document.kind == "CronWorkflow":
            yield from check_cron(Place(document, document.object, ()).child("spec"))
        for place in specs(document):
            yield from Walk(place, library).run()
            yield from expressions.check(place)


def check_shapes(documents: Sequence[ManifestDocument]) -> list[Diagnostic]:
    """Unknown fields and values of the wrong shape, which no Argo takes."""
    return sorted({fault for document in documents for fault in _shapes(document)})


def specs(document: ManifestDocument) -> Iterator[Place]:
    """The WorkflowSpecs of an object."""
    path: tuple[Any, ...] = {"ConfigMap": (), "CronWorkflow": ("spec", "workflowSpec")}.get(document.kind, ("spec",))
    place = Place(document, document.object, ())
    for part in path:
        place = place.child(part)
    if path and isinstance(place.value, dict):
        yield place


def _shapes(document: ManifestDocument) -> list[Diagnostic]:
    """Unknown fields and wrong shapes."""
    return [
        Place(document, None, problem.path).problem("A710", problem.message, hint=problem.hint, key=problem.key)
        for problem in check_object(without_status(document.object))
    ]


def without_status(obj: Mapping[str, object]) -> dict[str, object]:
    """The object as somebody wrote it."""
    return {key: value for key, value in obj.items() if key != "status"}
