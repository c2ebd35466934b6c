"""The digest of the definitions that a DAG is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from compiler.models import ComputeAsset, Dag
from compiler.program import Binding, Definition, LocalFile, ResolvedDag, ResolvedTask
from compiler.source import SourceFile


class Digester:
    """Hashes DAGs; the text of a file that holds many definitions is hashed once."""

    def __init__(self) -> None:
        self._texts: dict[SourceFile, str] = {}

    def dag(
        self,
        definition: Definition[Dag],
        tasks: Iterable[ResolvedTask],
        inputs: Mapping[str, Binding],
        env: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> str:
        """SHA-256 over the files of the DAG, its assets and nested DAGs, and the contents that they name.

        Neither folders nor the order of files matter: each part stands under the name it has in the definitions.
        """
        parts = {("dag", definition.model.name, self._text(definition))}
        parts.update(("env", name, _hash(value.encode("utf-8", "surrogatepass"))) for name, value in env.items())
        parts.update(("file", name, _hash(content)) for name, content in files.items())
        parts.update(_contents(inputs))
        for target in {id(task.target): task.target for task in tasks}.values():
            if isinstance(target, ResolvedDag):
                parts.add(("dag", target.name, target.digest))
            elif isinstance(target, Definition):
                parts.add(("asset", f"{target.model.name}@{target.model.version}", self._text(target)))
        for task in tasks:
            parts.update(_contents(task.bindings))
        return _hash(json.dumps(sorted(parts)).encode())

    def _text(self, definition: Definition[Dag] | Definition[ComputeAsset]) -> str:
        source = definition.origin.source
        known = self._texts.get(source)
        if known is None:
            known = self._texts[source] = _hash(source.text.encode("utf-8", "surrogatepass"))
        return known


def combined(dags: Iterable[ResolvedDag]) -> str:
    """One digest for several DAGs, whatever their order."""
    return _hash("\n".join(sorted(dag.digest for dag in dags)).encode())


def _contents(bindings: Mapping[str, Binding]) -> Iterable[tuple[str, str, str]]:
    return [
        ("content", given.path, _hash(given.content)) for given in bindings.values() if isinstance(given, LocalFile)
    ]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
