"""Where a run's artifacts lie: the folder of ARGOSY_HOME, or the S3 store of the profile that it was started with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.errors import StoreError
from argo.local.home import Home

if TYPE_CHECKING:
    from argo.storage import Store


def open_store(home: Home, settings: Mapping[str, Any]) -> Store:
    """The store that `settings` describe (`endpoint`, `bucket`, `insecure`, `region`, `caFile`); without any, the
    folder of ARGOSY_HOME. Credentials come from the environment, never from what is recorded.
    """
    if not settings:
        from argo.storage import DirectoryStore

        return DirectoryStore(home.store)
    from argo.storage import S3Config, S3Store

    config = S3Config(
        settings["endpoint"],
        settings["bucket"],
        secure=not settings.get("insecure"),
        region=settings.get("region"),
        ca_file=Path(settings["caFile"]) if settings.get("caFile") else None,
    )
    return S3Store(config.with_credentials())


def shown(settings: Mapping[str, Any]) -> str:
    """An S3 store as people know it: its bucket and its endpoint."""
    return f"s3://{settings['bucket']} at {settings['endpoint']}"


def require_writable(store: Store, prefix: str) -> None:
    """Write and remove a small object below `prefix`, so that what is wrong with a store shows before hours of work.

    Raises StoreError that says what to look at.
    """
    from argo.storage import NotFound, Unreachable

    key = f"{prefix}/.argosy"
    try:
        store.put_bytes(key, b"")
        store.delete(key)
    except StoreError as error:
        hint = error.hint
        if isinstance(error, Unreachable):
            hint = "look at the profile's store.endpoint and store.insecure in argosy.yaml, then repeat the command"
        elif isinstance(error, NotFound):
            hint = f"make the bucket {store.bucket}, or name another one in the profile's store"
        tried = error.tried or f"to write to the bucket {store.bucket}"
        raise type(error)(error.message, tried=tried, known="nothing was started", hint=hint) from error
