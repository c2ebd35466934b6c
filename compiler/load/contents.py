"""Tells definitions from Kubernetes' manifests by the text of files, before anything in it is validated or run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compiler.load.files import read_file, walk
from compiler.load.kinds import MANIFESTS, defines, foreign_system, in_module, is_ours, kind_of

_FIELD = rb"""(?m)(?:^|^- |[{,]\s*)["']?"""
_MANIFEST = _FIELD + rb"""apiVersion["']?\s*:\s*["']?(?:argoproj\.io/|v1\b|apps/|batch/)"""
_OF_ARGO = _FIELD + rb"""(?:apiVersion["']?\s*:\s*["']?argoproj\.io/|kind["']?\s*:\s*["']?ConfigMap\b)"""
_DAG = rb"""(?m)^["']?kind["']?\s*:\s*["']?Dag\b"""
_SNIFF = 1 << 16  # bytes of a file that are looked at


def files(folder: Path) -> list[Path]:
    """The definition files in a folder and those below it; none where it is no folder."""
    return [Path(file.name) for file in walk(str(folder), str(folder))] if folder.is_dir() else []


def documents(path: Path) -> list[dict[str, Any]] | None:
    """The objects in a file of YAML, or made by a Python module, as data; None where it cannot be read."""
    try:
        content = read_file(str(path.absolute()))
        if path.suffix == ".py":
            text = content.decode("utf-8-sig")
            return list(in_module(text)) if defines(text) else []
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    from compiler.load.reader import decode, read

    source, mistakes = decode(str(path), content)
    found, more = read(source) if not mistakes else ([], [])
    if any(item.severity == "error" for item in (*mistakes, *more)):
        return None
    return [item for item in found if isinstance(item, dict)]


def kind(data: dict[str, Any]) -> str | None:
    """The kind of a definition, or of a manifest that runs; None for what is neither."""
    if data.get("kind") in MANIFESTS:
        return str(data["kind"])
    if system := foreign_system(data, named=False):
        return "ComputeAsset" if system == "gx4ki" else "Dag"
    return kind_of(data) if is_ours(data) else None


def is_manifest(path: Path) -> bool:
    """True where a file holds Kubernetes or Argo objects, not definitions; False where it cannot be read."""
    return _shows(path, _MANIFEST)


def says_dag(path: Path) -> bool:
    """True where a data file says in a line of its own that it holds a DAG."""
    return _shows(path, _DAG)


def manifests_in(folder: Path) -> list[Path]:
    """The files below a folder that hold objects of Argo's, or ConfigMaps."""
    return [file for file in files(folder) if _shows(file, _OF_ARGO)]


def definitions_in(folder: Path) -> list[Path]:
    """The files below a folder that hold definitions, or cannot be read."""
    return [file for file in files(folder) if not is_manifest(file) and _is_definition(file)]


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


def _is_definition(path: Path) -> bool:
    """True where the compiler has something to say of a file: it holds a definition, or cannot be read."""
    found = documents(path)
    return found is None or any(map(kind, found))


def _shows(path: Path, sign: bytes) -> bool:
    """True where the beginning of a data file matches the pattern `sign`; a Python module never does."""
    if not path.is_file() or path.suffix == ".py":  # a pipe would be waited for
        return False
    try:
        with path.open("rb") as file:
            return bool(re.search(sign, file.read(_SNIFF)))
    except OSError:
        return False
