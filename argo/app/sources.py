"""Turns what the user named on the command line into Argo objects: definitions are compiled, manifests read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from argo.app.definitions import find
from argo.errors import DefinitionError, EnvironmentFailure, UsageError
from argo.shipped import root
from compiler.load.contents import sort

if TYPE_CHECKING:
    from argo.backend import Json
    from argo.submission.subject import Start
    from argo.workflow.manifests import ManifestDocument
    from compiler.diagnostics import Diagnostic
    from compiler.pipeline import Result


class Manifests:
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
) -> Manifests:
    """Everything named, as Argo objects ready to run; the one to run begins where `start` says.

    Raises DefinitionError with all diagnostics when there is a mistake or, where they are to run `here`, something
    that cannot.
    """
    text, definitions, manifests = sources
    loaded = Manifests(text)
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


def _begun(loaded: Manifests, start: Start) -> list[ManifestDocument]:
    """The documents, of which the one to run begins where `start` says."""
    import copy
    from dataclasses import replace

    from argo.submission.subject import begin, chosen, spec_of

    found = chosen(loaded.objects, start)
    begun = copy.deepcopy(found)
    begin(spec_of(begun), found, start, loaded.objects)
    return [replace(document, object=begun) if document.object is found else document for document in loaded.documents]


def compile_paths(paths: Sequence[Path], profile: str | None, form: Literal["template", "workflow"]) -> Result:
    """Compile definitions, with what ships with Argosy in reach."""
    from argo.local.home import Home, default_home
    from compiler.pipeline import compile as compile_

    with suppress(EnvironmentFailure):
        Home.open()  # what compile keeps lies in it: it must not be made for all to read
    return compile_(
        [str(p) for p in paths], profile=profile, form=form, shipped=root(), cache_dir=default_home() / "cache"
    )


def _read_compiled(result: Result, loaded: Manifests, *, here: bool) -> None:
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


def _read(manifests: Sequence[Path], loaded: Manifests, *, here: bool) -> None:
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
