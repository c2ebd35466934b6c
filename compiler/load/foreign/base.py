"""Holds what the readers of other systems' files share: their models' base, their result, names made into ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from compiler.diagnostics import Diagnostic, diagnostic, did_you_mean
from compiler.load.validate import field_names
from compiler.models.base import NAME_LENGTH, Model

if TYPE_CHECKING:
    from compiler.program import Origin
    from compiler.source import Path


class Translation(NamedTuple):
    """A document translated: a definition's kind and data, and where its parts stand in the document."""

    kind: str
    data: dict[str, Any]
    places: Mapping[Path, Path]


class Foreign(Model):
    """The base of the models of other systems' files: what those do not know, they pass over, and so do we."""


def known_fields(model: type[Model], data: Any, origin: Origin, found: list[Diagnostic]) -> dict[str, Any]:
    """The fields of `data` that a model has and that say something; a warning for each other one."""
    names = field_names(model)
    for name in data.keys() - set(names):
        message = f"the field '{name}' means nothing here"
        found.append(diagnostic("A170", origin.at(name), message, hint=did_you_mean(name, names), key=True))
    return {name: data[name] for name in names if data.get(name) is not None}


class Slugs:
    """Names of another system as names of ours, one each."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def name(self, theirs: str) -> str:
        """Small letters, digits and dashes; the same name for the same text, another one for any other."""
        if theirs not in self._given:
            bare = slug(theirs)
            name, number = bare, 1
            while name in self._given.values():
                number += 1
                name = f"{bare[: NAME_LENGTH - 1 - len(str(number))]}-{number}"
            self._given[theirs] = name
        return self._given[theirs]


def slug(text: str) -> str:
    """`Fork_Join.v2` -> `fork-join-v2`."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:NAME_LENGTH].strip("-") or "x"
