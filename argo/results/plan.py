"""Which objects a result consists of, by the paths that they get below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from argo.errors import StoreError
from argo.results.names import kept_name
from argo.workflow.outputs import Result

if TYPE_CHECKING:
    from argo.storage import ObjectInfo, Store

Item = tuple[str, "ObjectInfo"]
"""A path below a result, empty for the object that is the result itself, and the object."""


def objects(result: Result, store: Store) -> Iterator[Item]:
    """The objects of a result, as the store tells of them; none where it is a value, or not there.

    Raises StoreError, also for keys that no folder can have as its files.
    """
    if result.kind == "value":
        return
    if result.kind != "files" and (info := store.stat(result.key)) is not None:
        yield "", info
    elif result.kind in ("files", "directory", "file"):
        yield from _below(store, result.key.rstrip("/") + "/")


def _below(store: Store, prefix: str) -> Iterator[Item]:
    files: set[str] = set()
    folders: set[str] = set()
    for info in store.list(prefix):
        rest = PurePosixPath(info.key[len(prefix) :])
        if not info.key.startswith(prefix) or not rest.parts:
            continue
        if rest.is_absolute() or ".." in rest.parts:
            raise StoreError(f"the key {info.key!r} reaches out of the folder", known="nothing of it was kept")
        path = PurePosixPath(*(kept_name(part) for part in rest.parts))
        above = {str(parent) for parent in path.parents[:-1]}
        if str(path) in files or str(path) in folders:
            raise StoreError(f"two keys have the same local name {rest}", known="nothing of it was kept")
        if above & files:
            raise StoreError(f"{prefix}{rest}: a part of it is an object, too", known="nothing of it was kept")
        files.add(str(path))
        folders |= above
        yield str(path), info
