"""The results of a run that is gone from the cluster: what is stored below its prefix.

Facts: docs/definitions.md, "Keys"; a task's output is one object, or one for each item of its loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from argo.backend import RunRef
from argo.errors import ConflictError, NotFoundError
from argo.results.names import part_name
from argo.results.plan import Item
from argo.workflow.outputs import Result

if TYPE_CHECKING:
    from argo.storage import ObjectInfo, Store

_ITEM = re.compile(r"\d+(\.[^/]*)?")


Stored = dict[Result, list[Item]]
"""Results and the objects of each: `<task>/<output>`, of the kinds `files` (of a loop) and `stored` (one object)."""


def find_stored(store: Store, namespace: str, run: str) -> tuple[RunRef, Stored]:
    """The run of this name, or NAME/UID, of which something is stored, and what its tasks have stored.

    Raises NotFoundError, ConflictError.
    """
    name, _, uid = run.partition("/")
    prefix = f"runs/{namespace}/{name}/"
    below = f"{prefix}{uid}/" if uid else prefix
    found = list(store.list(below)) if name else []
    uids = sorted({info.key[len(prefix) :].split("/")[0] for info in found})
    if not uids:
        raise NotFoundError(f"nothing of a run {run} is stored below {store.bucket}/{prefix}")
    if len(uids) > 1:
        raise ConflictError(
            f"{len(uids)} runs named {name} have stored results: {', '.join(uids)}",
            hint=f"say which: argosy fetch {name}/{uids[0]} …",
        )
    ref = RunRef(name, namespace, uids[0])
    return ref, _results(f"{prefix}{ref.uid}/", found)


def _results(prefix: str, found: Sequence[ObjectInfo]) -> Stored:
    stored: dict[str, tuple[Result, list[Item]]] = {}
    for info in found:
        name = info.key[len(prefix) :]
        folder, _, last = name.rpartition("/")
        if name.startswith("inputs/"):
            continue
        item = folder.count("/") and _ITEM.fullmatch(last)
        own = folder if item else name
        if own not in stored:
            task, _, output = own.rpartition("/")
            kind = "files" if item else "stored"
            stored[own] = Result(own, kind, task, output, key=prefix + own, ready=True), []
        stored[own][1].append((part_name(last) if item else "", info))
    return dict(stored.values())
