"""Copy a run's results into a local folder: whole and verified under the final name, or not at all.

Everything is written into a hidden folder beside its place, synced, verified, then renamed. What a killed fetch
leaves behind is that hidden folder; the next fetch into the same place removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from argo.backend import Json
from argo.errors import ConflictError, EnvironmentFailure, NotFoundError, StoreError, did_you_mean
from argo.results.archive import unpack
from argo.results.names import local_names, part_name
from argo.track.outputs import Result, results

if TYPE_CHECKING:
    from argo.storage import ObjectInfo, Store

_STAGE = ".argosy-fetch-"


@dataclass(frozen=True, slots=True)
class Fetched:
    """One local file: the result that it belongs to, where it lies, its size in bytes, its SHA-256 in hex."""

    output: str
    path: Path
    size: int
    sha256: str

    def as_json(self) -> Json:
        """As `argosy fetch -o json` prints it."""
        return {"output": self.output, "path": str(self.path), "size": self.size, "sha256": self.sha256}


def fetch(
    workflow: Json,
    store: Store,
    folder: Path,
    wanted: Sequence[str] = (),
    *,
    limit: int | None = None,
    skipped: Callable[[str, str], None] | None = None,
) -> list[Fetched]:
    """Copy the results named in `wanted` (none: all that are there) into `folder`.

    A name is a result's, or a task's for all that belongs to it. `limit` bounds the bytes that an archive may
    unpack to (default: the free space). `skipped` is told the name of a result that is not there, and why; one that
    was asked for by name raises NotFoundError instead. Raises StoreError, ConflictError (a folder is in the way of
    a file), EnvironmentFailure (no space, no right).
    """
    everything = results(workflow)
    names = local_names(everything)
    chosen = _choose(everything, wanted)
    fetched: list[Fetched] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _stage(folder) as stage:
            for result in chosen:
                bound = limit if limit is not None else shutil.disk_usage(folder).free
                staged = stage / secrets.token_hex(6)
                made = _bring(result, store, staged, bound)
                if made is None:
                    _missing(result, bool(wanted), workflow, skipped)
                    continue
                target = folder / names[result.name]
                _place(made, target)
                fetched += _describe(result.name, target)
    except StoreError as error:
        error.known = error.known or _whole(fetched)
        raise
    except OSError as error:
        raise EnvironmentFailure(
            f"cannot write to {folder}: {error.strerror or error}",
            known=f"{_whole(fetched)}; nothing is half written",
            hint="make space, or fetch into another folder with -d",
        ) from error
    return fetched


def brought(folder: Path) -> int:
    """How many bytes the fetches that run now have brought so far to `folder`."""
    total = 0
    for parent, _, files in (entry for stage in folder.glob(_STAGE + "*") for entry in os.walk(stage)):
        for name in files:
            with suppress(OSError):  # it got its final name meanwhile
                total += Path(parent, name).lstat().st_size
    return total


def _whole(fetched: Sequence[Fetched]) -> str:
    names = list(dict.fromkeys(file.output for file in fetched))
    return f"whole and kept: {', '.join(names)}" if names else "no result was kept"


def _choose(everything: Sequence[Result], wanted: Sequence[str]) -> list[Result]:
    if not wanted:
        return list(everything)
    chosen: list[Result] = []
    for name in wanted:
        found = [r for r in everything if r.name == name] or [r for r in everything if r.task == name]
        if not found:
            known = [r.name for r in everything]
            raise NotFoundError(
                f"the run has no result named {name}",
                hint=did_you_mean(name, known)
                or (f"its results are {', '.join(known)}" if known else "it has no results"),
            )
        chosen += [r for r in found if r not in chosen]
    return chosen


def _missing(result: Result, asked: bool, workflow: Json, skipped: Callable[[str, str], None] | None) -> None:
    phase = (workflow.get("status") or {}).get("phase") or "Pending"
    why = f"the task {result.task or workflow['metadata']['name']} has not made it (the run is {phase})"
    if result.ready and result.key:
        why = f"nothing is stored at {result.key} any more"
    if asked:
        raise NotFoundError(f"the result {result.name} is not there: {why}")
    if skipped is not None:
        skipped(result.name, why)


def _bring(result: Result, store: Store, staged: Path, limit: int) -> Path | None:
    """The result as a file or folder below the stage; None where there is none."""
    if result.kind == "value":
        if result.value is None:
            return None
        staged.write_bytes(result.value.encode())
        _sync(staged)
        return staged
    if result.bucket:
        store = store.with_bucket(result.bucket)
    if result.kind == "files":
        return _objects(store, result.key.rstrip("/") + "/", staged)
    info = store.stat(result.key)
    if info is None:
        return _objects(store, result.key.rstrip("/") + "/", staged) if result.kind in ("directory", "file") else None
    _download(store, info, staged)
    if result.kind != "directory" or result.packed == "none":
        return staged
    kind: Literal["tar", "zip"] = "zip" if result.packed == "zip" else "tar"
    unpacked = unpack(staged, kind, staged.with_name(staged.name + "-unpacked"), limit)
    staged.unlink()
    return unpacked


def _objects(store: Store, prefix: str, staged: Path) -> Path | None:
    """All objects below a prefix as a folder; None where there are none."""
    found = False
    for info in store.list(prefix):
        rest = PurePosixPath(info.key[len(prefix) :])
        if not info.key.startswith(prefix) or not rest.parts:
            continue
        if rest.is_absolute() or ".." in rest.parts:
            raise StoreError(f"the key {info.key!r} reaches out of the folder", known="nothing of it was kept")
        target = staged.joinpath(*(part_name(part) for part in rest.parts))
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise StoreError(f"two keys have the same local name {rest}", known="nothing of it was kept")
        _download(store, info, target)
        found = True
    return staged if found else None


def _download(store: Store, info: ObjectInfo, target: Path) -> None:
    store.get_file(info.key, target)
    size = target.stat().st_size
    if size != info.size or (info.sha256 and digest(target) != info.sha256):
        target.unlink()
        raise StoreError(
            f"{info.key} arrived with {size} bytes that are not the {info.size} that were stored",
            known="nothing was kept under the final name",
            hint="fetch again",
        )
    _sync(target)


def _place(made: Path, target: Path) -> None:
    """Give what is staged its final name, in place of what a fetch before put there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if made.is_dir():
        for folder, _, _ in os.walk(made):
            _sync(Path(folder))
        if target.is_symlink() or target.is_file():
            raise ConflictError(f"{target} is in the way: it is a file", hint="move it, or fetch into another folder")
        if target.exists():
            target.rename(made.parent / f"old-{secrets.token_hex(6)}")
    elif target.is_dir() and not target.is_symlink():
        raise ConflictError(f"{target} is in the way: it is a folder", hint="move it, or fetch into another folder")
    made.rename(target)
    _sync(target.parent)


def _describe(name: str, target: Path) -> Iterator[Fetched]:
    paths = [target] if target.is_file() else sorted(p for p in target.rglob("*") if p.is_file() and not p.is_symlink())
    for path in paths:
        yield Fetched(name, path, path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    """The SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _stage(folder: Path) -> Iterator[Path]:
    """A hidden folder of this fetch alone. Those whose fetch has been killed are removed."""
    for stale in folder.glob(_STAGE + "*"):
        with _held(stale) as free:
            if free:
                shutil.rmtree(stale, ignore_errors=True)
    while True:
        stage = folder / (_STAGE + secrets.token_hex(6))
        stage.mkdir(mode=0o700)
        with _held(stage) as ours:
            if not (ours and stage.exists()):
                continue  # taken for a stale one by another fetch that starts now
            try:
                yield stage
            finally:
                shutil.rmtree(stage, ignore_errors=True)
            return


@contextmanager
def _held(stage: Path) -> Iterator[bool]:
    """Hold a stage; False where another process does."""
    try:
        descriptor = os.open(stage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
