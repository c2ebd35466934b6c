"""The templates that a document's names lead to, in it and in the other documents.

Facts: Argo workflow/templateresolution/context.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from argo.local.support.place import Place
from argo.manifests import ManifestDocument


@dataclass(frozen=True, slots=True)
class Context:
    """Where the names of templates are looked up: a WorkflowSpec."""

    spec: Place
    templates: dict[str, Place]


class Library:
    """The WorkflowTemplates and ClusterWorkflowTemplates among the documents."""

    def __init__(self, documents: Iterable[ManifestDocument]) -> None:
        self._specs = {
            (document.kind, document.name): Place(document, document.object, ()).child("spec")
            for document in documents
            if document.kind in ("WorkflowTemplate", "ClusterWorkflowTemplate")
        }
        self._contexts: dict[tuple[str, str], Context] = {}

    def context(self, reference: Place) -> Context | None:
        """The object that a templateRef or workflowTemplateRef names."""
        identity = (kind_of(reference), str(reference.get("name")))
        if identity not in self._contexts and identity in self._specs:
            self._contexts[identity] = context_of(self._specs[identity])
        return self._contexts.get(identity)

    def names(self, reference: Place) -> list[str]:
        """The names that such a reference could have."""
        return [name for kind, name in self._specs if kind == kind_of(reference)]


def context_of(spec: Place) -> Context:
    """The context of a WorkflowSpec's own templates; of two with one name the last counts, as in Argo."""
    return Context(spec, {str(template.get("name", "")): template for template in spec.items("templates")})


def kind_of(reference: Place) -> str:
    """The kind of object that the reference names."""
    return "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
