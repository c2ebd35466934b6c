"""The assets and DAGs in reach of the working folder: the project's, then those that ship."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from compiler.load.kinds import KINDS as DEFINITIONS
from compiler.load.kinds import MANIFESTS, defines, foreign_system, in_module, is_ours, kind_of

Kind = Literal["assets", "dags"]
KINDS: tuple[Kind, Kind] = ("assets", "dags")
_NAMES = {"assets": "ComputeAsset", "dags": "Dag"}
_NO_DEFINITION = "no definition of Argosy"


@dataclass(frozen=True, slots=True)
class DefinitionEntry:
    """A definition: what it says of itself, whose it is, and all of it."""

    path: Path
    kind: str
    name: str
    version: str
    description: str
    origin: str  # "project" or "shipped"
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UnusableFile:
    """A file of a folder of definitions that none was found in, and why."""

    path: Path
    reason: str


def folders(kind: Kind) -> list[Path]:
    """The project's folders of one kind: as argosy.yaml says, which is looked for upwards; else the one here."""
    from argo.app.profiles import find

    location = find()
    if location is None:
        return [Path(kind)]
    data = next(iter(_documents(Path(location)) or ()), {})
    names = data.get(kind) if isinstance(data.get(kind), list) else [kind]
    here = Path.cwd()
    return [_near(Path(location).parent / str(name), here) for name in names or ()]


def definitions(kind: Kind) -> Iterator[DefinitionEntry]:
    """The definitions of one kind: the project's, then the shipped ones that it does not shadow."""
    return (item for item in survey(kind) if isinstance(item, DefinitionEntry))


def survey(kind: Kind) -> Iterator[DefinitionEntry | UnusableFile]:
    """As `definitions`, with the project's files that none was found in. No Python of the project is run."""
    from argo.shipped import folder

    seen: set[str] = set()
    for origin, places in (("project", folders(kind)), ("shipped", [folder(kind)])):
        for path in (path for place in places for path in files(place)):
            for item in in_file(path, kind, origin):
                if isinstance(item, UnusableFile) or item.name not in seen or origin == "project":
                    seen |= {item.name} if isinstance(item, DefinitionEntry) else set()
                    yield item


def files(place: Path) -> list[Path]:
    """The definition files in a folder and those below it."""
    from compiler.load.files import walk

    return [Path(file.name) for file in walk(str(place), str(place))] if place.is_dir() else []


def in_file(path: Path, kind: Kind, origin: str = "project") -> Iterator[DefinitionEntry | UnusableFile]:
    """The definitions of a kind in a file, as far as its text tells; where there is no definition, why."""
    documents = _in_module(path) if path.suffix == ".py" else _documents(path)
    if documents is None:
        yield UnusableFile(path, f"cannot be read: argosy check {path} says why")
        return
    kinds = [_kind(data) for data in documents]
    if not any(kinds):
        yield UnusableFile(path, _NO_DEFINITION)
    for data, own in zip(documents, kinds, strict=True):
        if own == _NAMES[kind] or (own in MANIFESTS and kind == "dags"):
            described = data if own in DEFINITIONS else data.get("metadata") or data
            description = str(described.get("title") or described.get("description") or "").partition("\n")[0]
            name, version = (
                str(described.get("name") or path.stem.replace("_", "-")),
                str(described.get("version") or ""),
            )
            yield DefinitionEntry(path, own, name, version, description, origin, data)


def is_definition(path: Path) -> bool:
    """True where the compiler has something to say of a file: it holds a definition, or cannot be read."""
    documents = _in_module(path) if path.suffix == ".py" else _documents(path)
    return documents is None or any(_kind(data) for data in documents)


def _kind(data: dict[str, Any]) -> str | None:
    """The kind of a definition, or of a manifest that runs; None for what is neither."""
    if data.get("kind") in MANIFESTS:
        return str(data["kind"])
    system = foreign_system(data, named=False)
    if system is not None:
        return "ComputeAsset" if system == "gx4ki" else "Dag"
    return kind_of(data) if is_ours(data) else None


def _documents(path: Path) -> list[dict[str, Any]] | None:
    """The documents of a YAML file as data; None where it cannot be read."""
    from compiler.load.files import read_file
    from compiler.load.reader import decode, read

    try:
        source, mistakes = decode(str(path), read_file(str(path.absolute())))
    except (OSError, ValueError):
        return None
    documents, found = read(source) if not mistakes else ([], mistakes)
    if any(item.severity == "error" for item in (*mistakes, *found)):
        return None
    return [item for item in documents if isinstance(item, dict)]


def _in_module(path: Path) -> list[dict[str, Any]] | None:
    from compiler.load.files import read_file

    try:
        text = read_file(str(path.absolute())).decode("utf-8-sig")
        return list(in_module(text)) if defines(text) else []
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def whole(found: DefinitionEntry) -> dict[str, Any]:
    """All of a definition as data. One that stands in Python is run for that; of one with mistakes, what its text
    tells."""
    if found.path.suffix != ".py":
        return found.data
    from compiler.load.documents import load_file
    from compiler.load.files import File

    for item in load_file(File(str(found.path.absolute()), str(found.path), named=True)).definitions:
        data = item.model
        if not isinstance(data, dict):
            data = {"kind": data.kind, **data.model_dump(mode="json", by_alias=True, exclude_unset=True)}
        if (data.get("metadata") or data).get("name", found.name) == found.name:
            return data
    return found.data


def _near(path: Path, here: Path) -> Path:
    """The path from the working folder, where it lies below that."""
    return path.relative_to(here) if path.is_relative_to(here) else path
