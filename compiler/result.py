"""Defines the result of a compile: documents, diagnostics, figures of the DAGs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.source import SourceFile


class Document(NamedTuple):
    """One object: the file it goes to (`count.workflowtemplate.yaml`), its kind and name, its canonical YAML."""

    file_name: str
    kind: str
    name: str
    data: bytes

    @classmethod
    def of(cls, obj: dict[str, Any], data: bytes) -> Document:
        """An object and what was rendered of it."""
        kind, metadata = obj["kind"], obj["metadata"]
        name = metadata.get("name") or metadata["generateName"].rstrip("-")
        return cls(f"{name}.{kind.lower()}.yaml", kind, name, data)


class DagStats(NamedTuple):
    """Figures of a DAG: `bytes` of its manifest, `nodes` of a run (loops whose list comes to be in the run count
    once: `open_loops`), `size` in bytes that the Workflow (of several: the largest) is estimated to grow to, and what
    is done about it."""

    dag: str
    bytes: int
    nodes: int
    open_loops: int
    templates: int
    size: int
    note: str


class Result(NamedTuple):
    """The result of a compile. There are no documents where there are errors."""

    documents: tuple[Document, ...]
    diagnostics: tuple[Diagnostic, ...]
    stats: tuple[DagStats, ...] = ()
    sources: Mapping[str, SourceFile] = MappingProxyType({})  # by name, for the excerpts of a report
    cached: bool = False

    def objects(self) -> list[dict[str, Any]]:
        """The documents as data, for submission and for the engine."""
        from compiler.positions import safe_loader

        return [safe_loader()(document.data).get_single_data() for document in self.documents]

    def stream(self) -> bytes:
        """All documents as one YAML stream."""
        return b"---\n".join(document.data for document in self.documents)
