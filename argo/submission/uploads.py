"""Local files and folders as input artifacts: what is stored, and how the Workflow's argument describes it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from argo.backend import Json
from argo.errors import UsageError
from argo.files.archives import MEMBERS, kind_of, leads_out, pack_tar, unpack
from argo.files.beneath import Node


@dataclass(frozen=True, slots=True)
class Upload:
    """One input: its name, its kind (file, directory, archive) and the local file or folder given for it.

    `limit` are the bytes that an archive may hold unpacked, `members` its files and folders.
    """

    name: str
    kind: str
    path: Path
    limit: int | None = None
    members: int = MEMBERS


def upload(given: Upload, prefix: str, put: Callable[[str, Path], object]) -> Json:
    """Store an input below the key `prefix`; the fields of the argument artifact that find it again.

    A file is stored as it is. A directory, and an archive of any format, become a gzipped tar with the one top
    folder `<name>`: Argo takes a single entry at the top for the whole, detects no zip, and would otherwise turn an
    archive of one file into that file (tried on Argo 4.1.2).
    """
    if given.kind == "file":
        if not given.path.is_file():
            raise UsageError(f"the input {given.name} is a file, {given.path} is not")
        key = f"{prefix}/{given.path.name}"
        put(key, given.path)
        return {"s3": {"key": key}, "archive": {"none": {}}}
    key = f"{prefix}/{given.name}.tgz"
    with tempfile.TemporaryDirectory(prefix="argosy-upload-") as scratch:
        folder = given.path if given.path.is_dir() else _unpacked(given, Path(scratch))
        packed = Path(scratch, "packed.tgz")
        pack(folder, given.name, packed)
        put(key, packed)
    return {"s3": {"key": key}, "archive": {"tar": {}}}


def pack(folder: Path, top: str, target: Path) -> None:
    """Write the folder as a gzipped tar with the one top folder `top`: the same content, the same bytes.

    A file with several names is written under each, since Argo passes over hard links. Raises UsageError for a link
    that leads out of the folder, which Argo refuses in the pod.
    """
    with Node.at(os.path.realpath(folder)) as node:
        for inner, found in node.walk():
            if found.is_link and leads_out(node, inner):
                raise UsageError(
                    f"{folder / inner} is a link that leads out of the folder, to {found.target()}",
                    hint="put a copy in its place, or leave it out",
                )
        pack_tar(node, target, top, level=1, plain=True)


def _unpacked(given: Upload, scratch: Path) -> Path:
    """Unpack an archive into a folder, and return that. Raises UsageError for a file that is none."""
    free = shutil.disk_usage(scratch).free
    limit = free if given.limit is None else min(free, given.limit)
    kind = kind_of(given.path)
    if kind is None:
        raise UsageError(
            f"the input {given.name} is of the kind {given.kind}, {os.fspath(given.path)} is no tar or zip"
        )
    return unpack(given.path, kind, scratch / "content", limit, strip=False, members=given.members)
