"""All checks of manifests before they run, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import argo.validate.expressions as expressions
import argo.validate.fields as fields
from argo.validate.created import check_template
from argo.validate.library import Library
from argo.validate.place import Place
from argo.validate.spec import check_cron
from argo.validate.walk import Walk
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic


def check(documents: Sequence[ManifestDocument]) -> list[Diagnostic]:
    """What keeps the engine on this machine from executing the documents, sorted by place; empty when nothing does.

    The documents are all that a run may refer to. Values of a workflow's arguments may be missing, as they come with
    the submission.
    """
    diagnostics: list[Diagnostic] = []
    sound: list[ManifestDocument] = []
    for document in documents:
        shape = fields.shapes(document)
        diagnostics += shape
        if not shape:
            sound.append(document)
    library = Library(sound)
    for document in sound:
        diagnostics += fields.unsupported(document)
        if document.kind == "CronWorkflow":
            diagnostics += check_cron(Place(document, document.object, ()).child("spec"))
        for place in specs(document):
            diagnostics += Walk(place, library).run()
            diagnostics += expressions.check(place)
            for template in place.items("templates"):
                diagnostics += check_template(template, library)
    return sorted(set(diagnostics))


def check_shapes(documents: Sequence[ManifestDocument]) -> list[Diagnostic]:
    """Unknown fields and values of the wrong shape, which no Argo takes."""
    return sorted({fault for document in documents for fault in fields.shapes(document)})


def specs(document: ManifestDocument) -> Iterator[Place]:
    """The WorkflowSpecs of an object."""
    path: tuple[Any, ...] = {"ConfigMap": (), "CronWorkflow": ("spec", "workflowSpec")}.get(document.kind, ("spec",))
    place = Place(document, document.object, ())
    for part in path:
        place = place.child(part)
    if path and isinstance(place.value, dict):
        yield place
