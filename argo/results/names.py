"""Local names for results: safe on every file system, never two the same."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from argo.workflow.outputs import Result

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})
_LONGEST_OF_ALL = 255
_LONGEST = 200  # bytes: leaves room for a suffix below the 255 of common file systems


def local_names(results: Iterable[Result], *, raw: bool = False) -> dict[str, PurePosixPath]:
    """For each result's name a relative path. Case alone does not tell two apart, for disks that ignore it.

    With `raw` a directory that is stored packed is the file that is stored.
    """
    names: dict[str, PurePosixPath] = {}
    taken: set[str] = set()
    for result in results:
        parts = [part_name(part) for part in result.name.split("/")]
        suffix = _suffix(result, parts[-1])
        if raw and result.kind == "directory":
            suffix = {"tar": ".tgz", "zip": ".zip"}.get(result.packed, "")
        wanted = PurePosixPath(*parts[:-1], parts[-1] + suffix)
        path, number = wanted, 1
        while _collides(str(path).lower(), taken):
            number += 1
            path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
        taken.add(str(path).lower())
        names[result.name] = path
    return names


def part_name(text: str) -> str:
    """One name of a path: no separators, no leading dot, not too long."""
    name = _UNSAFE.sub("_", text).strip()
    if not name or name.startswith("."):
        name = "_" + name
    data = os.fsencode(name)
    if len(data) > _LONGEST:
        digest = hashlib.sha256(data).hexdigest()[:12]
        name = data[: _LONGEST - 13].decode(errors="ignore") + "-" + digest
    return name


def kept_name(text: str) -> str:
    """One name of a path in a folder that a program made: as it was, unless no file can have it."""
    return text if len(os.fsencode(text)) <= _LONGEST_OF_ALL else part_name(text)


def _suffix(result: Result, name: str) -> str:
    if result.kind == "value":
        return ".txt"
    if result.kind in ("directory", "files"):
        return ""
    suffix = extension(result.path) or extension(result.key)
    if not suffix and result.kind == "archive":
        suffix = ".zip"
    return "" if name.lower().endswith(suffix.lower()) else suffix


def extension(path: str) -> str:
    """A path's extension, `.tar.gz` and its like whole."""
    suffixes = PurePosixPath(path).suffixes
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSED and suffixes[-2] == ".tar":
        return suffixes[-2] + suffixes[-1]
    return part_name("x" + suffixes[-1])[1:] if suffixes and len(suffixes[-1]) < 20 else ""


def _collides(path: str, taken: set[str]) -> bool:
    """True where a path is taken, or is a folder of a taken one, or lies below one."""
    return any(path == other or path.startswith(other + "/") or other.startswith(path + "/") for other in taken)
