"""Defines the errors of object stores.

    StoreError (argo.errors)
    └── StorageError          the store did not do it: a broken object, a key that cannot be stored, no space
        ├── NotFound          no such object or bucket
        ├── Denied            the credentials are missing, wrong, or lack the right
        └── Unreachable       nothing answers at the endpoint, or not in time

Texts name bucket and key, never a credential.
"""

from __future__ import annotations

from argo.errors import StoreError


class StorageError(StoreError):
    """The store did not do what was asked."""


class NotFound(StorageError):  # noqa: N818 -- S3's own term
    """No such object or bucket."""


class Denied(StorageError):  # noqa: N818 -- S3's own term
    """Credentials missing or wrong, or without the right to do this."""


class Unreachable(StorageError):  # noqa: N818 -- says what is wrong, not that something is
    """Nothing answers at the endpoint, or not in time. The one kind of failure that another attempt may mend.

    `after` is how many seconds the store asks to wait before it.
    """

    after: float = 0.0


def passing(error: BaseException | None) -> Unreachable | None:
    """Why the store did not answer, found in a chain of errors; None where another attempt would not help."""
    while error is not None and not isinstance(error, Unreachable):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error
