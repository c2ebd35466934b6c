"""One file -> the definitions in it, each validated, with diagnostics for all mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from compiler import models
from compiler.diagnostics import Diagnostic, at, diagnostic, did_you_mean, has_errors
from compiler.load import rules
from compiler.load.files import File, read_file
from compiler.load.kinds import API_VERSION, KINDS, is_ours, kind_of
from compiler.load.reader import decode, read
from compiler.load.validate import validate
from compiler.models.base import describe
from compiler.program import Definition, FlawedDefinition, Origin
from compiler.source import SourceFile

if TYPE_CHECKING:
    from compiler.models.base import Model


class DefinitionFile:
    """The content of one file. `definitions` hold a ComputeAsset, a Dag, or (of Hera) a manifest as dict."""

    def __init__(self, source: SourceFile, diagnostics: list[Diagnostic] | None = None) -> None:
        self.source = source
        self.definitions: list[Definition[Any]] = []
        self.flawed: list[FlawedDefinition] = []
        self.diagnostics: list[Diagnostic] = diagnostics or []


def load_file(file: File) -> DefinitionFile:
    """The definitions in a file. In one that the user did not name, documents of other kinds are passed over."""
    opened = open_source(file)
    if opened.diagnostics:
        return opened
    if file.name.endswith(".py"):
        from compiler.load import python

        opened.definitions, opened.diagnostics = python.load(opened.source, named=file.named)
        return opened
    if file.named and file.name.endswith(".env"):
        return _job_config(opened)
    documents, opened.diagnostics = read(opened.source)
    if not any(document is not None for document in documents):
        if file.named and not opened.diagnostics:
            opened.diagnostics.append(at("A111", opened.source.at(0, 0), "the file is empty", hint=_KIND_HINT))
        return opened
    for index, document in enumerate(documents):
        if document is not None:
            _definition(opened, document, Origin(opened.source, (index,)), file.named)
    return opened


def open_source(file: File) -> DefinitionFile:
    """A file's text, with a diagnostic when it cannot be read."""
    try:
        source, diagnostics = decode(file.name, read_file(file.location), file.location)
    except (OSError, ValueError) as error:
        source = SourceFile(file.name, "", file.location)
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot read the file: {reason[:1].lower()}{reason[1:]}"
        return DefinitionFile(source, [at("A101", source.at(0, 0), message)])
    return DefinitionFile(source, diagnostics)


def load_project(file: File) -> DefinitionFile:
    """argosy.yaml."""
    opened = open_source(file)
    if opened.diagnostics:
        return opened
    documents, opened.diagnostics = read(opened.source)
    origin = Origin(opened.source, (0,))
    if len(documents) > 1:
        opened.diagnostics.append(diagnostic("A111", origin, "argosy.yaml holds one document"))
    data = documents[0] if documents and documents[0] is not None else {}
    if documents or not opened.diagnostics:
        _validated(opened, models.Project, data, origin)
    return opened


_KIND_HINT = "write kind: Dag or kind: ComputeAsset"


def _definition(loaded: DefinitionFile, data: Any, origin: Origin, named: bool) -> None:
    if not isinstance(data, dict):
        if named:
            message = f"expected a definition, found {describe(data)}"
            loaded.diagnostics.append(diagnostic("A111", origin, message, hint=_KIND_HINT))
        return
    if _foreign(loaded, data, origin, named):
        return
    kind = kind_of(data)
    if not named and not is_ours(data):
        return
    found = list(_head_mistakes(data, kind, origin))
    loaded.diagnostics.extend(found)
    if kind is None:
        return
    if found:
        data = {key: value for key, value in data.items() if key not in ("kind", "apiVersion")}
    _validated(loaded, getattr(models, kind), data, origin)


def _job_config(opened: DefinitionFile) -> DefinitionFile:
    from compiler.load.foreign import imla

    translation, source, opened.diagnostics = imla.translate(opened.source)
    if translation is not None and not has_errors(opened.diagnostics):
        _validated(opened, getattr(models, translation.kind), translation.data, Origin(source, (0,)))
    return opened


def _foreign(loaded: DefinitionFile, data: dict[str, Any], origin: Origin, named: bool) -> bool:
    """Translate a document in another system's format into a definition of `loaded`; False where it is in none."""
    if "kind" in data or not ("steps" in data or "service_id" in data):
        return False
    from compiler.load.foreign import translate
    from compiler.load.mapped import mapped

    translated = translate(data, origin, named)
    if translated is None:
        return False
    translation, found = translated
    loaded.diagnostics.extend(found)
    if translation is not None and not has_errors(found):
        source = mapped(origin.source, translation.places)
        _validated(loaded, getattr(models, translation.kind), translation.data, Origin(source, origin.path))
    return True


def _validated(loaded: DefinitionFile, model: type[Model], data: Any, origin: Origin) -> None:
    validated = validate(model, data, origin, rules.check)
    misread = {(item.span.line, item.span.column) for item in loaded.diagnostics if item.span}
    loaded.diagnostics.extend(
        item for item in validated.diagnostics if item.span is None or (item.span.line, item.span.column) not in misread
    )
    if validated.value is not None:
        loaded.definitions.append(_desugared(Definition(validated.value, origin)))
    elif validated.rest is not None:
        loaded.flawed.append(FlawedDefinition(Definition(validated.rest, origin), validated.whole))


def _desugared(definition: Definition[Any]) -> Definition[Any]:
    if getattr(definition.model, "remote", None) is None:
        return definition
    from compiler.load.remote import as_container

    return as_container(definition)


def _head_mistakes(data: dict[str, Any], kind: str | None, origin: Origin) -> Iterator[Diagnostic]:
    version = data.get("apiVersion", API_VERSION)
    foreign = isinstance(version, str) and "/" in version and not version.startswith("argosy")
    if "kind" not in data:
        hint = f"write kind: {kind}" if kind else _KIND_HINT
        yield diagnostic("A121", origin, "missing field 'kind'", hint=hint, key=True)
    elif kind is None:
        shown = data["kind"] if isinstance(data["kind"], str) else ""
        message = f"unknown kind '{shown[:60]}'" if shown else f"expected a kind, found {describe(data['kind'])}"
        near = did_you_mean(shown, KINDS) or _KIND_HINT
        hint = "this is no definition of Argosy; `argosy run` takes Argo manifests" if foreign else near
        yield diagnostic("A113", origin.at("kind"), message, hint=hint)
        return
    if version != API_VERSION:
        written = f"'{version[:60]}'" if isinstance(version, str) else describe(version)
        hint = f"write {API_VERSION}, or leave it out"
        yield diagnostic("A114", origin.at("apiVersion"), f"unknown apiVersion {written}", hint=hint)
