"""Copy a run's results into a local folder: whole and verified under the final name, or not at all.

Everything is brought into a hidden folder beside its place (`argo.results.stage`), verified, then renamed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from argo.errors import EnvironmentFailure, NotFoundError, StoreError, did_you_mean
from argo.files.archives import Kind, kind_of, unpack
from argo.results.names import local_names
from argo.results.plan import objects
from argo.results.stage import place, stage, sync_all
from argo.results.transfer import Download, Load, Plan, Transfer
from argo.storage.store import Moved, digest_file, uncounted
from argo.workflow.outputs import Result
from argo.workflow.tasks import spellings
from compiler.manifest_types import Workflow

if TYPE_CHECKING:
    from argo.storage import Store


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """One local file: the result that it belongs to, where it lies, its size in bytes, its SHA-256 in hex.

    Without `FetchOptions.digests` the SHA-256 may be None.
    """

    output: str
    path: Path
    size: int
    sha256: str | None

    def as_json(self) -> dict[str, object]:
        """As `argosy fetch -o json` prints it."""
        return {"output": self.output, "path": str(self.path), "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """A selection of a run's results, and the options of fetching them.

    `names` are results', or tasks' for all that belongs to each; none: all that are there. `limit` bounds the bytes
    that an archive may unpack to (None: the free space). `raw` keeps directories packed as they are stored. `durable`
    waits for each result until it lasts a power failure, before it gets its name. `digests` asks for the SHA-256 of
    each file, which a large object that its ETag verifies would else be spared.
    """

    names: Sequence[str] = ()
    limit: int | None = None
    raw: bool = False
    durable: bool = False
    digests: bool = True


def why_missing(workflow: Workflow, result: Result) -> str:
    """Why a result of a run is not there."""
    if result.ready and result.key:
        return f"nothing is stored at {result.key} any more"
    phase = (workflow.get("status") or {}).get("phase") or "Pending"
    return f"the task {result.task or workflow['metadata']['name']} has not made it (the run is {phase})"


def bring(
    everything: Sequence[Result],
    store: Store,
    folder: Path,
    run: str,
    wanted: FetchOptions,
    missing: Callable[[Result], None],
    moved: Moved = uncounted,
    plan: Plan = objects,
) -> list[FetchedFile]:
    """Copy these results of the run with this uid into `folder`.

    `missing` is told of a result that is not there, `moved` of bytes as they come, from several threads; `plan` tells
    what each result consists of. Raises StoreError, ConflictError (a folder is in the way of a file),
    EnvironmentFailure (no space, no right).
    """
    names = local_names(everything, raw=wanted.raw)
    chosen = choose(everything, wanted.names)
    fetched: list[FetchedFile] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with stage(folder, run) as staged, Transfer(staged, moved, digests=wanted.digests).open() as transfer:
            for load in transfer.begin(chosen, store, plan):
                brought = load.wait()
                if brought is None:
                    missing(load.result)
                    continue
                made = _unpacked(load, brought, folder, wanted)
                target = folder / names[load.result.name]
                if wanted.durable:
                    sync_all(made.path)
                place(made.path, target)
                fetched += _describe(load.result.name, target, made)
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


def _whole(fetched: Sequence[FetchedFile]) -> str:
    names = list(dict.fromkeys(file.output for file in fetched))
    return f"whole and kept: {', '.join(names)}" if names else "no result was kept"


def choose(everything: Sequence[Result], wanted: Sequence[str]) -> list[Result]:
    """The results of these names, or of the tasks of these names; all where there are none. Raises NotFoundError."""
    if not wanted:
        return list(everything)
    chosen: list[Result] = []
    for name in wanted:
        found = [r for r in everything if r.name == name] or [r for r in everything if name in spellings(r.task)]
        if not found:
            known = [r.name for r in everything]
            raise NotFoundError(
                f"the run has no result named {name}",
                hint=did_you_mean(name, known)
                or (f"its results are {', '.join(known)}" if known else "it has no results"),
            )
        chosen += [r for r in found if r not in chosen]
    return chosen


def _unpacked(load: Load, brought: Download, folder: Path, wanted: FetchOptions) -> Download:
    """Unpack a downloaded directory that is stored packed; return any other result as it is."""
    kind = _kind(load.result, brought.path)
    if kind is None or wanted.raw:
        return brought
    limit = wanted.limit if wanted.limit is not None else shutil.disk_usage(folder).free
    into = load.folder / "unpacked"
    shutil.rmtree(into, ignore_errors=True)  # of a fetch that was killed
    path = unpack(brought.path, kind, into, limit)
    brought.path.unlink()
    files = [path] if path.is_file() else (p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    below = {"" if p == path else p.relative_to(path).as_posix(): p for p in files}
    return Download(path, {name: digest_file(p) if wanted.digests else None for name, p in below.items()})


def _kind(result: Result, path: Path) -> Kind | None:
    """How what was brought is packed; an object of no stated kind is where it is a tar without a suffix, as Argo packs
    a directory."""
    if path.is_dir():
        return None
    if result.kind == "stored":
        return "tar" if not PurePosixPath(result.key).suffix and kind_of(path) == "tar" else None
    if result.kind != "directory" or result.packed == "none":
        return None
    return "zip" if result.packed == "zip" else "tar"


def _describe(name: str, target: Path, made: Download) -> Iterator[FetchedFile]:
    for below, sha256 in sorted(made.digests.items()):
        path = target / below if below else target
        yield FetchedFile(name, path, path.stat().st_size, sha256)
