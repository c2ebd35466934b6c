"""An S3 store from settings that may be recorded: all but the credentials, which come from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.errors import StoreError
from argo.storage.credentials import credentials
from argo.storage.errors import NotFound, Unreachable
from argo.storage.store import Store

if TYPE_CHECKING:
    from argo.storage.s3 import S3Store


def s3_store(settings: Mapping[str, Any]) -> S3Store:
    """The store of `settings`: `endpoint`, `bucket`, `insecure`, `region`, `caFile`. Raises Denied."""
    from argo.storage.s3 import S3Config, S3Store

    return S3Store(
        S3Config(
            settings["endpoint"],
            settings["bucket"],
            secure=not settings.get("insecure"),
            region=settings.get("region"),
            ca_file=Path(settings["caFile"]) if settings.get("caFile") else None,
            credentials=credentials(os.environ),
        )
    )


def shown(settings: Mapping[str, Any]) -> str:
    """An S3 store as people know it: its bucket and its endpoint."""
    return f"s3://{settings['bucket']} at {settings['endpoint']}"


def require_writable(store: Store, prefix: str) -> None:
    """Write and remove a small object below `prefix`, so that what is wrong with a store shows before hours of work.

    Raises StoreError that says what to look at.
    """
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
