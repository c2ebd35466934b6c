"""Keeps whole results of compiles, and gives them back while nothing they came from has changed.

An entry says what its result came from: every file that was read with its size and time, the files that were looked
for in vain, and all that lies in the folders where definitions are searched. A file touched so shortly before the entry
was written that its time could hide a later change is held against its content too. Reading imports no pydantic and
no yaml; an entry that cannot be read is none.
"""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler.result import DagStats, Document, Result

if TYPE_CHECKING:
    from compiler.diagnostics import Diagnostic
    from compiler.program import Workspace
    from compiler.source import SourceFile

# Paths are plain text here: thousands may have to be looked at.
# ruff: noqa: PTH100, PTH103, PTH105, PTH108, PTH109, PTH112, PTH116, PTH118, PTH120, PTH123

_FORMAT: Final = 1
_CODE: Final = os.path.dirname(os.path.abspath(__file__))
_GROUPS: Final = ("assets", "dags")
_SUFFIXES: Final = (".yaml", ".yml", ".json", ".py")
_RACY: Final = 2_000_000_000  # nanoseconds; the coarsest times of file systems

Mark = list[Any]  # path, size, time, checksum of the content (or None); size -1: no such file to read


class Request(NamedTuple):
    """The request of a compile, which a cache entry is found by."""

    paths: tuple[str, ...]
    profile: str | None
    form: str
    project_file: str | None
    shipped: str | None


def read(folder: str, request: Request) -> Result | None:
    """The result of the same request, if nothing it came from has changed since."""
    try:
        with open(_location(folder, request), "rb") as file:
            head = json.loads(file.readline())
            body = file.read()
        if head["format"] != _FORMAT or head["checksum"] != zlib.crc32(body) or head["request"] != _identity(request):
            return None
        if not all(map(_unchanged, head["files"])) or _listing(head["folders"]) != head["listing"]:
            return None
        return _restore(head, body)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def write(folder: str, request: Request, workspace: Workspace, result: Result) -> None:
    """Keeps a result. One with errors is not kept, nor one of definitions in Python: they may read anything."""
    locations = {source.location for source in workspace.sources.values()}
    failed = any(diagnostic.severity == "error" for diagnostic in result.diagnostics)
    if failed or any(location.endswith(".py") for location in _defining(workspace)):
        return
    target = _location(folder, request)
    temporary = f"{target}.{os.getpid()}"
    try:
        os.makedirs(folder, exist_ok=True)
        with open(temporary, "wb") as file:
            now = os.fstat(file.fileno()).st_mtime_ns
            paths = sorted({*locations, *workspace.files, *_project_files(request)})
            files, folders = {path: _mark(path, now) for path in paths}, _folders(request, workspace)
            body = b"".join(document.data for document in result.documents)
            head = {
                "format": _FORMAT,
                "checksum": zlib.crc32(body),
                "request": _identity(request),
                "files": list(files.values()),
                "folders": folders,
                "listing": _listing(folders),
                "documents": [[d.file_name, d.kind, d.name, len(d.data)] for d in result.documents],
                "diagnostics": [_flat(diagnostic) for diagnostic in result.diagnostics],
                "stats": [stats._asdict() for stats in result.stats],
                "sources": {s.name: s.location for s in workspace.sources.values() if files[s.location][1] >= 0},
            }
            file.write(json.dumps(head).encode() + b"\n" + body)
        os.replace(temporary, target)
    except OSError:  # a cache that cannot be written is none
        with suppress(OSError):
            os.unlink(temporary)


def _defining(workspace: Workspace) -> Iterator[str]:
    """The files that definitions stand in."""
    assets = (asset for versions in workspace.assets.values() for asset in versions)
    for origin in (
        *(dag.origin for dag in workspace.dags.values()),
        *(asset.origin for asset in assets),
        *(manifest.origin for manifest in workspace.manifests),
    ):
        yield origin.source.location


def _identity(request: Request) -> list[Any]:
    """Return all that an entry must agree with; the working folder counts, as messages name files relative to it."""
    return [*(list(item) if isinstance(item, tuple) else item for item in request), os.getcwd(), _CODE]


def _location(folder: str, request: Request) -> str:
    text = json.dumps(_identity(request)).encode()
    return os.path.join(folder, f"{zlib.crc32(text):08x}{zlib.adler32(text):08x}.compiled")


def _mark(path: str, now: int | None) -> Mark:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return [path, -1, 0, None]
    if not stat.S_ISREG(status.st_mode):  # no definition, and a pipe's content would be waited for
        return [path, -1, 0, None]
    racy = now is not None and status.st_mtime_ns > now - _RACY
    return [path, status.st_size, status.st_mtime_ns, _checksum(path) if racy else None]


def _unchanged(mark: Mark) -> bool:
    path, size, time, checksum = mark
    return _mark(path, None)[1:3] == [size, time] and (checksum is None or checksum == _checksum(path))


def _checksum(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return zlib.crc32(file.read())
    except OSError:
        return -1


def _folders(request: Request, workspace: Workspace) -> list[str]:
    """The folders where definitions are searched; see `compiler.load.workspace`. The compiler's own is one of them: its
    code decides what comes of the definitions."""
    asked = [os.path.abspath(path) for path in request.paths]
    found = {_CODE, *filter(os.path.isdir, asked)}
    if workspace.project is not None:
        roots = {os.path.dirname(workspace.project.origin.source.location)}
        names = [*workspace.project.model.assets, *workspace.project.model.dags]
    else:
        roots = {os.path.dirname(path) for path in (*asked, *(s.location for s in workspace.sources.values()))}
        names = [os.path.join(up, group) for up in (".", "..") for group in _GROUPS]
    found |= {os.path.normpath(os.path.join(root, name)) for root in roots for name in names}
    if request.shipped is not None:
        found |= {os.path.join(os.path.abspath(request.shipped), group) for group in _GROUPS}
    return sorted(found)


def _project_files(request: Request) -> Iterator[str]:
    """Every place where an argosy.yaml is looked for: upwards from the definitions, and from the working directory."""
    if request.project_file is not None:
        yield os.path.abspath(request.project_file)
        return
    from compiler.load.files import PROJECT_FILE, parents

    for path in (*map(os.path.abspath, request.paths), os.path.join(os.getcwd(), "")):
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        yield from (os.path.join(above, PROJECT_FILE) for above in parents(folder))


def _listing(folders: Iterable[str]) -> int:
    """A checksum over the names, sizes and times of all files in folders that may hold definitions."""
    checksum = 0
    for folder in folders:
        for line in _entries(folder):
            checksum = zlib.crc32(line.encode("utf-8", "surrogateescape"), checksum)
    return checksum


def _entries(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path)
        elif entry.name.endswith(_SUFFIXES):
            _, size, time, _ = _mark(entry.path, None)
            yield f"{entry.path}\0{size}\0{time}\n"


def _restore(head: dict[str, Any], body: bytes) -> Result:
    documents = []
    start = 0
    for file_name, kind, name, length in head["documents"]:
        documents.append(Document(file_name, kind, name, body[start : start + length]))
        start += length
    sources: dict[str, SourceFile] = {}
    diagnostics: tuple[Diagnostic, ...] = ()
    if head["diagnostics"]:
        sources = {name: _source(name, location) for name, location in head["sources"].items()}
        diagnostics = tuple(_diagnostic(flat, sources) for flat in head["diagnostics"])
    stats = tuple(DagStats(**flat) for flat in head["stats"])
    return Result(tuple(documents), diagnostics, stats, sources, cached=True)


def _source(name: str, location: str) -> SourceFile:
    from compiler.source import SourceFile

    with open(location, encoding="utf-8-sig", newline="") as file:
        return SourceFile(name, file.read(), location)


def _flat(diagnostic: Diagnostic) -> list[Any]:
    code, message, span, severity, related, hint = diagnostic
    return [code, message, span and span[:5], severity, [[other[:5], text] for other, text in related], hint]


def _diagnostic(flat: list[Any], sources: dict[str, SourceFile]) -> Diagnostic:
    from compiler.diagnostics import Diagnostic, Related
    from compiler.source import Span

    def span(place: list[Any]) -> Span:
        file, line, column, end_line, end_column = place
        return Span(file, line, column, end_line, end_column, sources.get(file))

    code, message, place, severity, related, hint = flat
    more = tuple(Related(span(other), text) for other, text in related)
    return Diagnostic(code, message, place and span(place), severity, more, hint)
