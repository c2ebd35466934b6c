"""The assets and DAGs in reach of the working folder: the project's, then those that ship."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from argo import shipped
from argo.errors import NotFoundError, did_you_mean
from compiler.load import contents
from compiler.load.files import SUFFIXES
from compiler.load.kinds import KINDS as DEFINITIONS
from compiler.load.kinds import MANIFESTS

Kind = Literal["assets", "dags"]
KINDS: tuple[Kind, Kind] = ("assets", "dags")
_NAMES = {"assets": "ComputeAsset", "dags": "Dag"}


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


def find(name: str) -> Path:
    """A file or folder as it is, or brought here from a URL; else the DAG of that name in the project, then among
    those that ship; else the asset in a file of that name, there."""
    if "://" in name:
        from argo.app.remote import fetch

        return fetch(name)
    path = Path(name)
    if name and path.exists():
        return path
    wanted = name.replace("_", "-")
    known = _named("dags")
    candidates = known.get(wanted, [])
    if found := next(filter(_holds_dag, candidates), None):
        return found
    if wanted == name and "." not in name:  # a name that is no file's may stand in one
        inside = [(item.path, item.name) for item in definitions("dags")]
        alone = {own: [path] for path, own in inside if [other for other, _ in inside].count(path) == 1}
        known = {**alone, **known}
        candidates = alone.get(name) or candidates or _named("assets").get(name, [])
    if candidates:  # what is wrong with it is said by whoever reads it
        return candidates[0]
    raise _unknown(name, wanted, known)


def _unknown(name: str, wanted: str, known: Collection[str]) -> NotFoundError:
    path = Path(name)
    if "/" in name or path.suffix in SUFFIXES:
        folder = next((parent for parent in path.absolute().parents if parent.is_dir()), path.parent)
        return NotFoundError(f"{name} does not exist", tried=f"looked in {folder}", hint=_nearby(path))
    return NotFoundError(
        f"there is no file and no DAG named {name}",
        tried="looked in the project's dags and in what ships with Argosy",
        hint=did_you_mean(wanted, list(known)) or (f"there are: {', '.join(sorted(known))}" if known else ""),
    )


def _nearby(path: Path) -> str:
    """Return a hint for a path that is not there: the names near it."""
    names: list[str] = []
    with suppress(OSError):
        names = sorted(entry.name for entry in path.absolute().parent.iterdir() if not entry.name.startswith("."))
    return did_you_mean(path.name, names) or "look at the path, or name a DAG: argosy assets list"


def _holds_dag(file: Path) -> bool:
    return contents.says_dag(file) or any(isinstance(item, DefinitionEntry) for item in in_file(file, "dags"))


def _named(kind: Kind) -> dict[str, list[Path]]:
    """The files of the project's folders of a kind, then of those that ship, by the name that stands for each."""
    root = shipped.root()
    known: dict[str, list[Path]] = {}
    for folder in [*folders(kind), *([root / kind] if root is not None else [])]:
        for file in contents.files(folder):
            known.setdefault(file.stem.replace("_", "-"), []).append(file)
    return known


def folders(kind: Kind) -> list[Path]:
    """The project's folders of one kind: as argosy.yaml says, which is looked for upwards; else the one here."""
    from argo.app.profiles import find

    location = find()
    if location is None:
        return [Path(kind)]
    data = next(iter(contents.documents(Path(location)) or ()), {})
    names = data.get(kind) if isinstance(data.get(kind), list) else [kind]
    here = Path.cwd()
    return [_near(Path(location).parent / str(name), here) for name in names or ()]


def definitions(kind: Kind) -> Iterator[DefinitionEntry]:
    """The definitions of one kind: the project's, then the shipped ones that it does not shadow."""
    return (item for item in survey(kind) if isinstance(item, DefinitionEntry))


def survey(kind: Kind) -> Iterator[DefinitionEntry | UnusableFile]:
    """As `definitions`, with the project's files that none was found in. No Python of the project is run."""
    own = [item for folder in folders(kind) for path in contents.files(folder) for item in in_file(path, kind)]
    yield from own
    shadowed = {item.name for item in own if isinstance(item, DefinitionEntry)}
    for path in contents.files(shipped.folder(kind)):
        for item in in_file(path, kind, "shipped"):
            if isinstance(item, UnusableFile) or item.name not in shadowed:
                yield item


def in_file(path: Path, kind: Kind, origin: str = "project") -> Iterator[DefinitionEntry | UnusableFile]:
    """The definitions of a kind in a file, as far as its text tells; where there is no definition, why."""
    found = contents.documents(path)
    if found is None:
        yield UnusableFile(path, f"cannot be read: argosy check {path} says why")
        return
    kinds = [contents.kind(data) for data in found]
    if not any(kinds):
        yield UnusableFile(path, "no definition of Argosy")
    for data, own in zip(found, kinds, strict=True):
        if own == _NAMES[kind] or (own in MANIFESTS and kind == "dags"):
            described = data if own in DEFINITIONS else data.get("metadata") or data
            description = str(described.get("title") or described.get("description") or "").partition("\n")[0]
            name = str(described.get("name") or path.stem.replace("_", "-"))
            yield DefinitionEntry(path, own, name, str(described.get("version") or ""), description, origin, data)


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
