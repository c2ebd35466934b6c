"""The templates that a document's names lead to, in it and in the other documents.

Facts: Argo workflow/templateresolution/context.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from argo.validate.place import Place
from argo.workflow.manifests import ManifestDocument


@dataclass(frozen=True, slots=True)
class Context:
    """Where the names of templates are looked up: a WorkflowSpec."""

    spec: Place
    templates: dict[str, Place]


class TemplateLibrary:
    """The WorkflowTemplates and ClusterWorkflowTemplates among the documents."""

    def __init__(self, documents: Iterable[ManifestDocument]) -> None:
        self._specs: dict[tuple[str, str], dict[str, Place]] = {}
        for document in documents:
            if document.kind in ("WorkflowTemplate", "ClusterWorkflowTemplate"):
                spec = Place(document, document.object, ()).child("spec")
                self._specs.setdefault((document.kind, document.name), {})[document.namespace] = spec
        self._contexts: dict[int, Context] = {}

    def context(self, reference: Place) -> Context | None:
        """The object that a templateRef or workflowTemplateRef names, in the namespace of the object it stands in."""
        specs = self._specs.get((kind_of(reference), str(reference.get("name"))), {})
        spec = _of_namespace(specs, "" if reference.get("clusterScope") else reference.document.namespace)
        if spec is None:
            return None
        if id(spec) not in self._contexts:
            self._contexts[id(spec)] = context_of(spec)
        return self._contexts[id(spec)]

    def names(self, reference: Place) -> list[str]:
        """The names that such a reference could have."""
        return [name for kind, name in self._specs if kind == kind_of(reference)]


def _of_namespace(specs: dict[str, Place], namespace: str) -> Place | None:
    """The one of a namespace; an object that says none is of whichever namespace is asked for."""
    if namespace:
        return specs.get(namespace) or specs.get("")
    return specs.get("") or next(iter(specs.values()), None)


def context_of(spec: Place) -> Context:
    """The context of a WorkflowSpec's own templates; of two with one name the last counts, as in Argo."""
    return Context(spec, {str(template.get("name", "")): template for template in spec.items("templates")})


def kind_of(reference: Place) -> str:
    """The kind of object that the reference names."""
    return "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
