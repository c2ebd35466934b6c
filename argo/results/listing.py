"""Lists a run's results without fetching them, and makes URLs to share them by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from argo.errors import ConflictError, NotFoundError
from argo.results.fetch import choose
from argo.results.plan import objects
from argo.results.transfer import Plan
from argo.workflow.outputs import Result

if TYPE_CHECKING:
    from argo.storage import Store


def listed(result: Result, store: Store, plan: Plan = objects) -> dict[str, object]:
    """One result as `argosy results -o json` prints it: `name`, `kind`, `task`, `output`, then its `value`, or
    `bucket`, `key`, `packed`, `size` (bytes; null: not there), `objects`, `sha256` (null: the store does not say).
    """
    about: dict[str, object] = {"name": result.name, "kind": result.kind, "task": result.task, "output": result.output}
    if result.kind == "value":
        return {**about, "value": result.value}
    place = store.with_bucket(result.bucket) if result.bucket else store
    found = [info for _, info in plan(result, place)]
    return {
        **about,
        "bucket": place.bucket,
        "key": result.key,
        "packed": result.packed,
        "size": sum(info.size for info in found) if found else None,
        "objects": len(found),
        "sha256": found[0].sha256 if len(found) == 1 else None,
    }


def shared(everything: Sequence[Result], name: str, store: Store, lasts: timedelta) -> dict[str, str]:
    """A URL for the result `name`: `output`, `url`, `expires`. Raises NotFoundError, ConflictError, StoreError."""
    chosen = choose(everything, [name])
    if len(chosen) != 1:
        names = ", ".join(result.name for result in chosen)
        raise ConflictError(f"{name} is {len(chosen)} results: {names}", hint="share them one by one")
    (result,) = chosen
    if result.kind == "value":
        raise ConflictError(f"{name} is a value, which no store holds", hint="argosy status shows it")
    place = store.with_bucket(result.bucket) if result.bucket else store
    info = place.stat(result.key) if result.kind != "files" else None
    if info is None:
        if any(objects(result, place)):
            raise ConflictError(f"{name} consists of several objects: no one URL gives them", hint="argosy fetch")
        raise NotFoundError(f"nothing is stored of {name}")
    url = place.share(info.key, lasts)
    return {"output": name, "url": url, "expires": (datetime.now(UTC) + lasts).isoformat(timespec="seconds")}
