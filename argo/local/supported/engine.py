"""Checks whether the engine on this machine executes a manifest: what Argo asks of it, and what the engine lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from argo.expressions.errors import ExpressionError
from argo.expressions.sprig import UNSUPPORTED
from argo.local.supported.created import check_resource, check_template
from argo.local.supported.table import FIELDS
from argo.validate.check import check_sound, sift, specs, without_status
from argo.validate.expressions import expressions, sprig_calls
from argo.validate.library import TemplateLibrary
from argo.validate.place import Place
from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic
from compiler.manifest_schema import fields_of


def check(documents: Sequence[ManifestDocument]) -> list[Diagnostic]:
    """Find what keeps the engine on this machine from executing the documents, sorted by place; empty where none is.

    The documents are all that a run may refer to, as for `argo.validate.check`.
    """
    sound, faults = sift(documents)
    return sorted({*faults, *check_sound(sound), *_unsupported(sound)})


def _unsupported(documents: Sequence[ManifestDocument]) -> Iterator[Diagnostic]:
    """Find what Argo executes and this engine does not."""
    library = TemplateLibrary(documents)
    for document in documents:
        yield from _walk(Place(document, without_status(document.object), ()), document.kind)
        for spec in specs(document):
            yield from _functions(spec)
            for template in spec.items("templates"):
                yield from check_template(template, library)


def _walk(place: Place, kind: str) -> Iterator[Diagnostic]:
    if kind.startswith(("[]", "{}")) and isinstance(place.value, (list, dict)):
        parts = place.value if isinstance(place.value, dict) else range(len(place.value))
        for part in parts:
            yield from _walk(place.child(part), kind[2:])
    elif isinstance(place.value, dict) and (types := fields_of(kind)):
        yield from _walk_type(place, kind, types)


def _walk_type(place: Place, kind: str, types: Mapping[str, str]) -> Iterator[Diagnostic]:
    table = FIELDS.get(kind)
    for name, value in place.value.items():
        if table is not None and name in table.ignored:
            continue
        child = place.child(name)
        if table is not None and name in table.refused and value not in (None, False):
            message = f"`{name}` is not supported by the engine on this machine: {table.refused[name]}"
            yield child.problem("A711", message, key=True)
        else:
            yield from _walk(child, types.get(name, "any"))
    if kind == "ResourceTemplate":
        yield from check_resource(place)
    if kind == "Outputs":
        yield from _outputs(place)


def _outputs(outputs: Place) -> Iterator[Diagnostic]:
    for artifact in outputs.items("artifacts"):
        for place in ("http", "raw"):
            if artifact.get(place) is not None:
                message = f"`{place}` of an output is not supported by the engine on this machine: "
                message += "outputs are kept in a folder, or in S3"
                yield artifact.child(place).problem("A711", message, key=True)


def _functions(spec: Place) -> Iterator[Diagnostic]:
    for text, expression, offset in expressions(spec):
        with suppress(ExpressionError):  # which `argo.validate` tells of
            for name, at in sprig_calls(expression) if "sprig" in expression else ():
                if name in UNSUPPORTED:
                    message = f"the function sprig.{name} is not supported by the engine on this machine"
                    yield text.problem("A712", message, within=(offset + at, offset + at + len(name)))
