"""Holds every field of an object against the schema."""

from __future__ import annotations

from collections.abc import Mapping

from argo.validate.place import Place
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic
from compiler.manifest_schema import check_object


def shapes(document: ManifestDocument) -> list[Diagnostic]:
    """Unknown fields and wrong shapes."""
    return [
        Place(document, None, problem.path).problem("A710", problem.message, hint=problem.hint, key=problem.key)
        for problem in check_object(without_status(document.object))
    ]


def without_status(obj: Mapping[str, object]) -> dict[str, object]:
    """The object as somebody wrote it."""
    return {key: value for key, value in obj.items() if key != "status"}
