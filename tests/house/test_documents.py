"""The documents for users agree with the code: the language field by field, the commands, the README's example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from compiler import models
from compiler.models.base import Model

ROOT = Path(__file__).resolve().parents[2]
LANGUAGE = ROOT / "docs" / "definitions.md"


def _tables() -> dict[str, list[str]]:
    """The fields in the tables that follow a marker, by the model that the marker names."""
    tables: dict[str, list[str]] = {}
    for name, table in re.findall(r"<!-- fields: (\w+) -->\n((?:\|.*\n)+)", LANGUAGE.read_text(encoding="utf-8")):
        rows = table.splitlines()[2:]
        tables[name] = [field for row in rows for field in re.findall(r"`(\w+)`", row.split("|")[1])]
    return tables


def _models() -> Iterator[tuple[str, type[Model]]]:
    for module in iter_modules(models.__path__, f"{models.__name__}."):
        for name, value in vars(import_module(module.name)).items():
            own = isinstance(value, type) and value.__module__ == module.name
            if own and issubclass(value, Model) and value is not Model:
                yield name, value


def _fields(model: type[Model]) -> list[str]:
    """The fields as they are written, those of a model that it extends left out."""
    inherited = {name for base in model.__mro__[1:] if issubclass(base, Model) for name in base.model_fields}
    return [field.alias or name for name, field in model.model_fields.items() if name not in inherited]


def test_every_field_of_the_language_is_documented_and_no_other() -> None:
    documented = {name: sorted(fields) for name, fields in _tables().items()}
    assert documented == {name: sorted(_fields(model)) for name, model in _models()}


def test_every_anchor_of_the_language_exists() -> None:
    text = LANGUAGE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) - headings == set()


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_the_files_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:compiler|argo|assets|dags|docs|scripts|templates|tests)/[^`<>]*)`", text)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_architecture_has_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "argo").glob("*/__init__.py")}
    assert {room for room in rooms if f"| `argo/{room}/` |" not in text} == set()
