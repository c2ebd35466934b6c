"""One step of the way to a fetched result: how it is, and what to do about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from argo.errors import ArgosyError, AuthError, StoreError, UsageError

if TYPE_CHECKING:
    from argo.storage import Store

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Check:
    """One step: what was looked at, how it is, what was found, and what to do where it is not well."""

    name: str
    state: State
    found: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """As `argosy doctor -o json` prints it."""
        return {"check": self.name, "state": self.state, "found": self.found, "hint": self.hint}


def attempt(name: str, look: Callable[[], str | Check], hint: str = "", unseen: str = "") -> Check:
    """A check that is well unless `look`, which says what is found, raises ArgosyError or gives another one.

    It is skipped where not all may look at `unseen`, and this user may not.
    """
    try:
        found = look()
    except ArgosyError as error:
        if unseen and isinstance(error, AuthError):
            return Check(name, "skipped", f"you may not look at {unseen}, which is no harm")
        return Check(name, "failed", error.message, error.hint or hint)
    return found if isinstance(found, Check) else Check(name, "ok", found)


def skipped(names: tuple[str, ...], why: str) -> Iterator[Check]:
    """Checks that stand on one that failed."""
    for name in names:
        yield Check(name, "skipped", why)


def of_store(open_store: Callable[[], Store], namespace: str) -> Iterator[Check]:
    """Check that an object can be written to the bucket, read and deleted."""

    def look() -> str | Check:
        try:
            store = open_store()
        except UsageError as error:
            return Check("store", "warning", error.message, error.hint)
        return _written_and_read(store, namespace)

    yield attempt("store", look, "look at the profile's store in argosy.yaml")


def _written_and_read(store: Store, namespace: str) -> str:
    key, data = f"runs/{namespace}/.argosy-doctor-{secrets.token_hex(6)}", secrets.token_bytes(32)
    store.put_bytes(key, data)
    try:
        with store.open(key) as file:
            if file.read() != data:
                raise StoreError(f"{store.bucket} does not give back what was stored")
    finally:
        store.delete(key)
    return f"the bucket {store.bucket} is written, read and emptied"
