"""Turns what the user named on the command line into Argo objects: definitions are compiled, manifests read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from argo.errors import DefinitionError, EnvironmentFailure, NotFoundError, UsageError, did_you_mean

if TYPE_CHECKING:
    from argo.backend import Json
    from argo.submission.subject import Start
    from argo.workflow.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic
    from compiler.pipeline import Result

_MANIFEST = rb"""(?m)(?:^|^- |[{,]\s*)["']?apiVersion["']?\s*:\s*["']?(?:argoproj\.io/|v1\b|apps/|batch/)"""
_DAG = rb"""(?m)^["']?kind["']?\s*:\s*["']?Dag\b"""
_OF_A_FOLDER = (
    rb"""(?m)(?:^|^- |[{,]\s*)["']?(?:apiVersion["']?\s*:\s*["']?argoproj\.io/|kind["']?\s*:\s*["']?ConfigMap\b)"""
)
_SNIFF = 1 << 16
_SUFFIXES = (".yaml", ".yml", ".json", ".py")


class Loaded:
    """Argo objects from files, and where they came from: `source` as named, `base` the folder of the definition, if
    there is one."""

    __slots__ = ("base", "diagnostics", "documents", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.base: Path | None = None
        self.documents: list[ManifestDocument] = []
        self.diagnostics: list[Diagnostic] = []

    @property
    def objects(self) -> list[Json]:
        """The objects themselves."""
        return [document.object for document in self.documents]


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
    found = next((file for file in candidates if _holds_dag(file)), None)
    if found is not None:
        return found
    if wanted == name and "." not in name:  # a name that is no file's may stand in one
        from argo.app.definitions import definitions

        inside = [(item.path, item.name) for item in definitions("dags")]
        alone = {own: path for path, own in inside if [other for other, _ in inside].count(path) == 1}
        if name in alone:
            return alone[name]
        known |= {own: [path] for own, path in alone.items() if own not in known}
        candidates = candidates or _named("assets").get(name, [])
    if candidates:  # what is wrong with it is said by whoever reads it
        return candidates[0]
    if "/" in name or path.suffix in _SUFFIXES:
        raise NotFoundError(f"{name} does not exist", tried=f"looked in {_folder(path)}", hint=_near(path))
    raise NotFoundError(
        f"there is no file and no DAG named {name}",
        tried="looked in the project's dags and in what ships with Argosy",
        hint=did_you_mean(wanted, list(known)) or (f"there are: {', '.join(sorted(known))}" if known else ""),
    )


def _folder(path: Path) -> str:
    """The folder that a path names, as far as it is there."""
    return str(next((parent for parent in path.absolute().parents if parent.is_dir()), path.parent))


def _near(path: Path) -> str:
    """Return a hint for a path that is not there: the names near it."""
    try:
        names = sorted(entry.name for entry in path.absolute().parent.iterdir() if not entry.name.startswith("."))
    except OSError:
        return "look at the path, or name a DAG: argosy assets list"
    near = did_you_mean(path.name, names)
    return near or "look at the path, or name a DAG: argosy assets list"


def is_manifest(path: Path) -> bool:
    """True where a file holds Kubernetes or Argo objects, not definitions; False where it cannot be read."""
    return _shows(path, _MANIFEST)


def _shows(path: Path, sign: bytes) -> bool:
    """True where the beginning of a data file matches the pattern `sign`; a Python module never does."""
    if not path.is_file() or path.suffix == ".py":  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return bool(re.search(sign, file.read(_SNIFF)))
    except OSError:
        return False


class Sources(NamedTuple):
    """The files that a command line names: `text` as it was named, files of definitions, files of manifests."""

    text: str
    definitions: list[Path]
    manifests: list[Path]


def find_all(names: Sequence[str]) -> Sources:
    """Find what was named, as definitions and as manifests. Raises UsageError, NotFoundError."""
    if not names:
        raise UsageError("name a DAG, a definition or a manifest", hint="argosy run fork-join")
    return Sources(" ".join(names), *sort([find(name) for name in names]))


def load(
    sources: Sources,
    profile: str | None = None,
    form: Literal["template", "workflow"] = "workflow",
    *,
    here: bool = True,
    start: Start | None = None,
) -> Loaded:
    """Everything named, as Argo objects ready to run; the one to run begins where `start` says.

    Raises DefinitionError with all diagnostics when there is a mistake or, where they are to run `here`, something
    that cannot.
    """
    text, definitions, manifests = sources
    loaded = Loaded(text)
    if definitions:
        result = compile_paths(definitions, profile, form)
        loaded.diagnostics += result.diagnostics
        _fail(loaded.diagnostics, "the definitions have mistakes")
        _read_compiled(result, loaded, here=here)
        loaded.base = definitions[0].parent if definitions[0].is_file() else definitions[0]
    if manifests:
        _read(manifests, loaded, here=here)
    if start is not None and start.entrypoint:
        loaded.diagnostics += _faults(_begun(loaded, start), here=here)
        _fail(loaded.diagnostics, f"it cannot begin at {start.entrypoint}")
    return loaded


def _begun(loaded: Loaded, start: Start) -> list[ManifestDocument]:
    """The documents, of which the one to run begins where `start` says."""
    import copy
    from dataclasses import replace

    from argo.submission.subject import begin, chosen, spec_of

    found = chosen(loaded.objects, start)
    begun = copy.deepcopy(found)
    begin(spec_of(begun), found, start, loaded.objects)
    return [replace(document, object=begun) if document.object is found else document for document in loaded.documents]


def sort(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files and folders as definitions and as manifests. A folder that holds manifests stands for these; it is one of
    definitions, too, where it holds any, or nothing at all."""
    definitions: list[Path] = []
    manifests: list[Path] = []
    for path in paths:
        inside = manifests_in(path) if path.is_dir() else [path] if is_manifest(path) else []
        manifests += inside
        if not inside or definitions_in(path):
            definitions.append(path)
    return definitions, manifests


def manifests_in(folder: Path) -> list[Path]:
    """The files below a folder that hold objects of Argo's, or ConfigMaps."""
    from argo.app.definitions import files

    return [file for file in files(folder) if _shows(file, _OF_A_FOLDER)]


def definitions_in(path: Path) -> list[Path]:
    """The files below a folder that hold definitions, or cannot be read; none where `path` is no folder."""
    from argo.app.definitions import files, is_definition

    return [file for file in files(path) if not is_manifest(file) and is_definition(file)]


def compile_paths(paths: Sequence[Path], profile: str | None, form: Literal["template", "workflow"]) -> Result:
    """Compile definitions, with what ships with Argosy in reach."""
    from argo.local.home import Home, default_home
    from compiler.pipeline import compile as compile_

    with suppress(EnvironmentFailure):
        Home.open()  # what compile keeps lies in it: it must not be made for all to read
    return compile_(
        [str(p) for p in paths], profile=profile, form=form, shipped=shipped(), cache_dir=default_home() / "cache"
    )


def shipped() -> Path | None:
    """The folder that holds the shipped assets and DAGs; None where this installation lacks them."""
    from argo.shipped import folder

    try:
        return folder("assets").parent
    except FileNotFoundError:
        return None


def _read_compiled(result: Result, loaded: Loaded, *, here: bool) -> None:
    """Read compiled manifests as any others; what this engine cannot run is refused by its position."""
    from argo.workflow.manifests import parse
    from compiler.source import SourceFile

    documents = []
    for document in result.documents:
        found, diagnostics = parse(SourceFile(f"compiled:{document.file_name}", document.data.decode()))
        documents += found
        loaded.diagnostics += diagnostics
    loaded.diagnostics += _faults(documents, here=here)
    _fail(loaded.diagnostics, "this engine cannot run what the definitions compile to")
    loaded.documents += documents


def _read(manifests: Sequence[Path], loaded: Loaded, *, here: bool) -> None:
    from argo.workflow.manifests import load as load_manifests

    documents, diagnostics = load_manifests(manifests)
    loaded.diagnostics += diagnostics
    _fail(loaded.diagnostics, "the manifests have mistakes")
    loaded.diagnostics += _faults(documents, here=here)
    _fail(loaded.diagnostics, "this engine cannot run the manifest" if here else "the manifests have mistakes")
    loaded.documents += documents


def _faults(documents: Sequence[ManifestDocument], *, here: bool) -> list[Diagnostic]:
    """Find what keeps documents from running; for a cluster, which has more and knows more, only their shape counts."""
    if here:
        from argo.local.supported.engine import check

        return check(documents)
    from argo.validate import check_shapes

    return check_shapes(documents)


def _fail(diagnostics: Sequence[Diagnostic], message: str) -> None:
    if any(item.severity == "error" for item in diagnostics):
        raise DefinitionError(message, diagnostics)


def _holds_dag(file: Path) -> bool:
    if _shows(file, _DAG):
        return True
    from argo.app.definitions import DefinitionEntry, in_file

    return any(isinstance(item, DefinitionEntry) for item in in_file(file, "dags"))


def _named(kind: Literal["dags", "assets"]) -> dict[str, list[Path]]:
    """The files of the project's folders of a kind, then of those that ship, by the name that stands for each."""
    from argo.app.definitions import files, folders

    root = shipped()
    known: dict[str, list[Path]] = {}
    for folder in [*folders(kind), *([root / kind] if root is not None else [])]:
        for file in files(folder):
            known.setdefault(file.stem.replace("_", "-"), []).append(file)
    return known
