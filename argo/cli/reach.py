"""The assets and DAGs in reach of the working folder: the project's, then those that ship."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["assets", "dags"]
KINDS: tuple[Kind, Kind] = ("assets", "dags")
_NAMES = {"assets": "ComputeAsset", "dags": "Dag"}
_BROKEN = "(cannot be read: argosy check says why)"


@dataclass(frozen=True, slots=True)
class Found:
    """A definition: what it says of itself, whose it is, and all of it."""

    path: Path
    kind: str
    name: str
    version: str
    description: str
    origin: str  # "project" or "shipped"
    data: dict[str, Any]


def folders(kind: Kind) -> list[Path]:
    """The project's folders of one kind: as argosy.yaml says, which is looked for upwards; else the one here."""
    from argo.cli.profiles import find

    location = find()
    if location is None:
        return [Path(kind)]
    data = next(iter(_documents(Path(location))), {})
    names = data.get(kind) if isinstance(data.get(kind), list) else [kind]
    here = Path.cwd()
    return [_near(Path(location).parent / str(name), here) for name in names or ()]


def definitions(kind: Kind) -> Iterator[Found]:
    """The definitions of one kind: the project's, then the shipped ones that it does not shadow."""
    from argo.shipped import folder

    seen: set[str] = set()
    for origin, places in (("project", folders(kind)), ("shipped", [folder(kind)])):
        for path in (path for place in places for path in files(place)):
            for found in _in_file(path, kind, origin):
                if found.name not in seen or origin == "project":
                    seen.add(found.name)
                    yield found


def files(place: Path) -> list[Path]:
    """The definition files in a folder and those below it."""
    from compiler.load.files import walk

    return [Path(file.name) for file in walk(str(place), str(place))] if place.is_dir() else []


def _in_file(path: Path, kind: Kind, origin: str) -> Iterator[Found]:
    for data in _documents(path):
        named = str(data.get("kind") or _NAMES[kind])
        if named == _NAMES[kind]:
            description = str(data.get("title") or data.get("description") or "").partition("\n")[0]
            name, version = str(data.get("name") or path.stem), str(data.get("version") or "")
            yield Found(path, named, name, version, description, origin, data)


def _documents(path: Path) -> list[dict[str, Any]]:
    """The definitions in a file as data; of one that cannot be read, that it cannot."""
    if path.suffix == ".py":
        return _of_python(path)
    from compiler.load.files import read_file
    from compiler.load.reader import decode, read

    try:
        source, mistakes = decode(str(path), read_file(str(path.absolute())))
    except (OSError, ValueError):
        return [{"description": _BROKEN}]
    documents, found = read(source) if not mistakes else ([], mistakes)
    if any(item.severity == "error" for item in (*mistakes, *found)):
        return [{"description": _BROKEN}]
    return [item for item in documents if isinstance(item, dict)]


def _of_python(path: Path) -> list[dict[str, Any]]:
    from compiler.load.documents import load_file
    from compiler.load.files import File

    loaded = load_file(File(str(path.absolute()), str(path)))
    if any(item.severity == "error" for item in loaded.diagnostics):
        return [{"description": _BROKEN}]
    models = [item.model for item in loaded.definitions]
    return [
        {"kind": model.kind, **model.model_dump(mode="json", by_alias=True, exclude_unset=True)} for model in models
    ]


def _near(path: Path, here: Path) -> Path:
    """The path from the working folder, where it lies below that."""
    return path.relative_to(here) if path.is_relative_to(here) else path
