"""A part of a document, with the way to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from argo.workflow.manifests import ManifestDocument
from compiler.diagnostics import Diagnostic, at
from compiler.source import Path


@dataclass(frozen=True, slots=True)
class Place:
    """The value at `path` of the document's object."""

    document: ManifestDocument
    value: Any
    path: Path

    def child(self, part: str | int) -> Place:
        """The part below; its value is None where there is none."""
        value: Any = None
        if isinstance(self.value, dict):
            value = self.value.get(part)
        elif isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            value = self.value[part]
        return Place(self.document, value, (*self.path, part))

    def items(self, *names: str) -> Iterator[Place]:
        """The items of the list below these names."""
        place = self
        for name in names:
            place = place.child(name)
        if isinstance(place.value, list):
            for index in range(len(place.value)):
                yield place.child(index)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field."""
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return default if value is None else value

    def texts(self) -> Iterator[Place]:
        """Every text below."""
        pending = [self]
        while pending:
            place = pending.pop()
            if isinstance(place.value, str):
                yield place
            elif isinstance(place.value, (dict, list)):
                parts = place.value if isinstance(place.value, dict) else range(len(place.value))
                pending.extend(place.child(part) for part in parts)

    def among(self, allowed: Sequence[str], message: str) -> Iterator[Diagnostic]:
        """A diagnostic where the value, if there is one, is none of those allowed."""
        if self.value and self.value not in allowed:
            yield self.problem("A726", message, hint=f"one of {', '.join(allowed)}")

    def problem(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        key: bool = False,
        within: tuple[int, int] | None = None,
    ) -> Diagnostic:
        """A diagnostic at this place."""
        return at(code, self.document.span(self.path, key, within), message, hint=hint or None)
