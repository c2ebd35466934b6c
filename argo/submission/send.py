"""Sends a draft exactly once: written down, its inputs stored, then handed to a backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from argo.backend import RunRef, Submission, Submitted
from argo.errors import ArgosyError, NotFoundError, UsageError
from argo.storage.patience import outlast
from argo.submission.arguments import input_prefix
from argo.submission.ledger import Attempt, Entry, Ledger
from argo.workflow.ownership import input_prefixes
from compiler.labels import KEY

if TYPE_CHECKING:
    from argo.backend import Backend
    from argo.storage import Store
    from argo.submission.request import Draft


def send(
    backend: Backend,
    draft: Draft,
    store: Callable[[], Store] | None = None,
    ledger: Ledger | None = None,
    doing: Callable[[str], object] = lambda _: None,
    take: Callable[[Submission], Submitted] | None = None,
) -> Submitted:
    """Store the inputs and have the run executed; the run that the draft's key led to.

    `store` gives the store of the inputs, None where there are none; a draft with a key is written into the `ledger`
    first, unless the caller has one of its own; `doing` is told what is done; `take` is how the backend takes it (None:
    as it takes any submission). When this raises, nothing runs and nothing is left on the store, unless the error says
    that this is not known: then the same key finds the run, if there is one.
    """
    ref = draft.ref
    stored = _Stored(store, doing)
    entry = Entry(draft.key, ref.name, backend.place, draft.request.source, ref.uid)
    with ledger.written(entry) if ledger and draft.key else nullcontext(Attempt(entry)) as attempt:
        try:
            inputs = attempt.entry.inputs
            submission = draft.submission(stored.put, inputs)
            doing("submitting")
            attempt.open = True
            made = (take or backend.submit)(submission)
            attempt.open = False
        except BaseException as error:
            _settle(backend, draft, attempt, stored, error)
            raise
        if not made.new and stored.keys and not _uses(backend, made.ref, inputs):
            stored.remove()
    return made


class _Stored:
    """The objects stored for one submission, by key."""

    def __init__(self, store: Callable[[], Store] | None, doing: Callable[[str], object]) -> None:
        self._open = store
        self._doing = doing
        self._store: Store | None = None
        self.keys: list[str] = []

    def put(self, key: str, path: Path) -> None:
        from compiler.quantities import size

        if self._store is None:
            assert self._open is not None
            self._store = self._open()
        store = self._store
        self._doing(f"storing {path.name} ({size(path.stat().st_size)})")
        self.keys.append(key)
        outlast(lambda _: store.put_file(key, path), self._doing)

    def remove(self) -> None:
        """Remove it again, as far as that can be done now."""
        for key in self.keys:
            with suppress(ArgosyError):
                if self._store is not None:
                    self._store.delete(key)


def _settle(backend: Backend, draft: Draft, attempt: Attempt, stored: _Stored, error: BaseException) -> None:
    """After a failure: find out whether there is a run. Where there is none, nothing stays on the store; where nobody
    knows, the error says so."""
    if attempt.open and draft.key and not isinstance(error, UsageError):
        try:
            attempt.open = _is_of(backend, backend.find(draft.ref.name), draft.key)
        except NotFoundError:
            attempt.open = False
        except ArgosyError:
            pass
    else:
        attempt.open = False
    if not attempt.open:
        stored.remove()
    elif isinstance(error, ArgosyError):
        error.known = f"{error.known}; " if error.known else ""
        error.known += f"it is not known whether {draft.ref.name} was taken; its inputs are kept"
        error.hint = f"repeat the command with --once={draft.key}: that finds the run, or starts it"


def _is_of(backend: Backend, ref: RunRef, key: str) -> bool:
    return ((backend.get(ref)["metadata"].get("labels") or {}).get(KEY) or "") == key


def _uses(backend: Backend, ref: RunRef, inputs: str) -> bool:
    """True where the run uses the inputs below `inputs`, as another process sent them with this entry."""
    try:
        workflow = backend.get(ref)
    except ArgosyError:
        return True
    return f"{input_prefix(RunRef(ref.name, ref.namespace, inputs))}/" in input_prefixes(workflow)
